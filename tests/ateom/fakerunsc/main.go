// SPDX-License-Identifier: Apache-2.0

// fake-runsc does to the network what gVisor's runsc does to it, and no more: its sandbox is a process that takes the link
// over (a packet socket, and the addresses are gone from the kernel) and ends at a checkpoint. Thousands of cycles of the
// supervisor and the network take a minute with it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the help of any command names.
const flags = `  -allow-connected-on-save
  -background
  -direct
  -fs-restore-image-path string
  -ignore-cgroups
  -root string
`

func main() {
	args := parse(os.Args[1:])
	if err := args.run(); err != nil {
		fmt.Fprintln(os.Stderr, "fake-runsc:", err)
		os.Exit(128)
	}
}

// arguments of a command line: -name value, -switch, words.
type arguments struct {
	values map[string]string
	words  []string
}

func parse(argv []string) *arguments {
	a := &arguments{values: map[string]string{}}
	for i := 0; i < len(argv); i++ {
		name, dash := strings.CutPrefix(argv[i], "-")
		switch name {
		case "log-format", "root", "bundle", "pid-file", "image-path", "fs-restore-image-path":
			i++
			a.values[name] = argv[i]
			continue
		}
		if !dash {
			a.words = append(a.words, argv[i])
		}
	}
	return a
}

func (a *arguments) run() error {
	if len(a.words) < 2 || a.words[0] == "help" {
		_, err := fmt.Print(flags)
		return err
	}
	id := a.words[len(a.words)-1]
	sandbox := id == "pause"
	switch a.words[0] {
	case "boot":
		return boot(a.words[1])
	case "create":
		return a.create(sandbox)
	case "start", "restore":
		if sandbox {
			return a.tell("take")
		}
		return nil
	case "checkpoint":
		if err := os.WriteFile(filepath.Join(a.values["image-path"], "checkpoint.img"), []byte("image"), 0o600); err != nil {
			return err
		}
		return a.tell("end")
	case "delete":
		if sandbox {
			a.tell("end")
		}
		return nil
	case "state":
		_, err := fmt.Println("{}")
		return err
	}
	return fmt.Errorf("%q: no such command", a.words)
}

// create the sandbox's process; another container shares it.
func (a *arguments) create(sandbox bool) error {
	root := a.values["root"]
	if sandbox {
		path, err := netnsOf(a.values["bundle"])
		if err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		cmd := exec.Command(self, "-root", root, "boot", path)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Dir = root
		if err := cmd.Start(); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
			return err
		}
	}
	pid, err := os.ReadFile(filepath.Join(root, "pid"))
	if err != nil {
		return err
	}
	return os.WriteFile(a.values["pid-file"], pid, 0o644)
}

func netnsOf(bundle string) (string, error) {
	text, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return "", err
	}
	var config struct {
		Linux struct {
			Namespaces []struct{ Type, Path string }
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", err
	}
	for _, ns := range config.Linux.Namespaces {
		if ns.Type == "network" {
			return ns.Path, nil
		}
	}
	return "", errors.New("config.json names no network namespace")
}

// The socket's name is relative, since a whole path may be too long for one.
const control = "control.sock"

// tell the sandbox, and wait until it is done: for its end as well.
func (a *arguments) tell(what string) error {
	if err := os.Chdir(a.values["root"]); err != nil {
		return err
	}
	var conn net.Conn
	var err error
	for range 1000 {
		if conn, err = net.Dial("unix", control); err == nil || what == "end" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(what)); err != nil {
		return err
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	if err == nil && string(answer[:n]) != "ok" {
		err = errors.New(string(answer[:n]))
	}
	return err
}

// boot is the sandbox.
func boot(path string) error {
	os.Remove(control)
	listener, err := net.Listen("unix", control)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		what := make([]byte, 16)
		n, _ := conn.Read(what)
		answer := "ok"
		if string(what[:n]) == "take" {
			if err := take(path); err != nil {
				answer = err.Error()
			}
		}
		conn.Write([]byte(answer))
		conn.Close()
		if string(what[:n]) == "end" {
			os.Remove(control)
			return nil
		}
	}
}

// take eth0 over.
func take(path string) error {
	runtime.LockOSThread()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	link, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8)
	packets, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.Bind(packets, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	// The thread stays there, and a child starts from where its parent's thread is.
	out, err := exec.Command("ip", "address", "flush", "dev", "eth0", "scope", "global").CombinedOutput()
	if err == nil {
		var more []byte
		more, err = exec.Command("ip", "address", "flush", "dev", "eth0", "scope", "link").CombinedOutput()
		out = append(out, more...)
	}
	if err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	return nil
}
