// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// NetnsDir is where ip-netns(8) has namespaces by name.
const NetnsDir = "/run/netns/"

// In runs f on a thread that is in the network namespace at path. Sockets opened there stay there, so only opening them
// needs this. A thread that can't come back ends with its goroutine.
func In(path string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- err
			return
		}
		defer unix.Close(home)
		there, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("%s: %w", path, err)
			return
		}
		defer unix.Close(there)
		if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("setns %s: %w", path, err)
			return
		}
		err = f()
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// Sh runs a short program and returns its standard output.
func Sh(name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// ip runs ip(8) commands, one a line.
func ip(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	return nil
}

// ipIn runs ip(8) commands in a namespace, one a line.
func ipIn(name string, lines ...string) error {
	cmd := exec.Command("ip", "-netns", name, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -netns %s: %w: %s", name, err, out)
	}
	return nil
}

// Sysctls whose values a worker must get back.
var sysctls = []string{
	"ipv4/ip_forward", "ipv4/conf/all/forwarding", "ipv4/conf/default/forwarding", "ipv4/conf/eth0/forwarding",
	"ipv4/conf/all/rp_filter", "ipv4/conf/eth0/rp_filter", "ipv6/conf/all/forwarding", "ipv6/conf/default/forwarding",
	"ipv6/conf/eth0/forwarding", "ipv6/conf/eth0/accept_ra", "ipv4/ip_local_port_range",
}

// Inventory is all that a program may change in a network namespace, as text.
func Inventory(path string) (string, error) {
	var text strings.Builder
	for _, what := range []string{
		"ip -details link", "ip address", "ip -4 route show table all", "ip -6 route show table all", "ip -4 rule",
		"ip -6 rule", "ip neigh show nud permanent", "nft list ruleset",
	} {
		words := strings.Fields(what)
		out, err := Sh("nsenter", append([]string{"--net=" + path, "--"}, words...)...)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "# %s\n%s", what, lifetimes.ReplaceAllString(out, "lft"))
	}
	err := In(path, func() error {
		for _, name := range sysctls {
			value, err := os.ReadFile("/proc/sys/net/" + name)
			if err != nil {
				value = []byte(err.Error() + "\n")
			}
			fmt.Fprintf(&text, "%s = %s", name, value)
		}
		return nil
	})
	return text.String(), err
}
