// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is a running ateom-gvisor, in its pod as Kubernetes would have it there: process 1 of its own, a file system
// where /proc/sys, /sys and control groups can't be written and /run is its own, and no more capabilities than the manifest grants.
type Server struct {
	*Pod
	Client *Client
	PID    int // as seen from here
	cmd    *exec.Cmd
	mu     sync.Mutex
	out    []string
	errs   []string
	done   chan struct{}
}

// Options of a start. The zero value is the manifest's.
type Options struct {
	Args         []string
	Program      string   // what to run in place of ateom-gvisor
	Capabilities []string // in place of the manifest's
	Setup        string   // shell commands, before the program starts, in the pod's mount namespace
	Root         string   // the root directory, as of an image; nothing but the pod's volumes is added to it
	NoClient     bool     // do not wait for the socket
}

// What a container runtime does before it starts a pod's program.
const enter = `
set -e
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs -o mode=755 tmpfs /run
if [ -d /sys/fs/cgroup ]; then
	mkdir /run/cgroup
	mount --rbind /sys/fs/cgroup /run/cgroup
	mount -t sysfs sysfs /sys
	mount --rbind /run/cgroup /sys/fs/cgroup
	umount --recursive --lazy /run/cgroup
	rmdir /run/cgroup
fi
while read -r _ place _; do
	case $place in /sys/fs/cgroup*) mount -o remount,bind,ro "$place" ;; esac
done </proc/self/mounts
mount -o remount,bind,ro /sys
mount --bind "$RESOLV" /etc/resolv.conf
eval "$SETUP"
if [ -n "$ROOT" ]; then
	mount --bind "$ROOT" "$ROOT"
	mkdir -p "$ROOT${RUNSC%/*}"
	mount -t tmpfs tmpfs "$ROOT/tmp"
	mkdir -p "$ROOT$BASE" "$ROOT${RUNSC%/*}"
	: >"$ROOT/etc/resolv.conf"
	mount --bind "$BASE" "$ROOT$BASE"
	mount --bind "${RUNSC%/*}" "$ROOT${RUNSC%/*}"
	mount --bind "$RESOLV" "$ROOT/etc/resolv.conf"
	for dir in dev proc sys run; do
		mount --rbind "/$dir" "$ROOT/$dir"
	done
	mount -o remount,bind,ro "$ROOT"
fi
export ATEOM_LAB_ROOT="$ROOT"
exec setpriv --bounding-set "$CAPS" --inh-caps=-all -- "$@"
`

// Start runs the server and waits until its socket answers.
func (p *Pod) Start(options Options) (*Server, error) {
	s := &Server{Pod: p, done: make(chan struct{})}
	program := options.Program
	if program == "" {
		program = Program()
	}
	caps := options.Capabilities
	if caps == nil {
		var err error
		if caps, err = ManifestCapabilities(); err != nil {
			return nil, err
		}
	}
	set := "-all"
	for _, name := range caps {
		set += ",+" + strings.ToLower(name)
	}
	args := []string{"--net=" + p.Netns(), "--", "unshare", "--mount", "--pid", "--fork", "--kill-child",
		"--propagation", "private", "sh", "-c", enter, "pod"}
	if options.Root != "" {
		program = "/usr/bin/ateom-gvisor" // packaging/image-root puts it there
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args = append(args, self)
	}
	args = append(append(args, program, "--pod-uid", p.UID, "--base-dir", p.Base), options.Args...)
	runsc, err := Runsc()
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command("nsenter", args...)
	s.cmd.Env = append(os.Environ(), "RESOLV="+p.Resolv, "SETUP="+options.Setup, "CAPS="+set, "ROOT="+options.Root,
		"BASE="+p.Base, "RUNSC="+runsc)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.start(); err != nil {
		return nil, err
	}
	p.server = s
	if options.NoClient {
		return s, nil
	}
	if err := s.wait(); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Program is the server that was built.
func Program() string {
	return filepath.Join(Build(), "ateom-gvisor")
}

// ManifestCapabilities are those that packaging/worker-pod.yaml adds to a container that has none.
func ManifestCapabilities() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(Source(), "packaging", "worker-pod.yaml"))
	if err != nil {
		return nil, err
	}
	list := regexp.MustCompile(`(?m)^\s*add:\s*\n((?:\s*- [A-Z_]+.*\n)+)`).FindSubmatch(text)
	if list == nil {
		return nil, errors.New("packaging/worker-pod.yaml: no capabilities are added")
	}
	names := []string{}
	for _, found := range regexp.MustCompile(`(?m)^\s*- ([A-Z_]+)`).FindAllSubmatch(list[1], -1) {
		names = append(names, string(found[1]))
	}
	return names, nil
}

func (s *Server) start() error {
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	errs, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	var readers sync.WaitGroup
	readers.Add(2)
	go func() { s.collect(out, &s.out); readers.Done() }()
	go func() { s.collect(errs, &s.errs); readers.Done() }()
	go func() {
		readers.Wait()
		s.cmd.Wait()
		close(s.done)
	}()
	return nil
}

func (s *Server) collect(from io.Reader, to *[]string) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.mu.Lock()
			*to = append(*to, strings.TrimSuffix(line, "\n"))
			s.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// wait until the server listens, then connect.
func (s *Server) wait() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if conn, err := net.Dial("unix", s.Socket()); err == nil {
			conn.Close()
			break
		}
		if s.Exited() || time.Now().After(deadline) {
			return fmt.Errorf("the server does not listen: %s", strings.Join(append(s.Errors(), s.Lines()...), "\n"))
		}
	}
	if err := s.find(); err != nil {
		return err
	}
	client, err := Connect("unix://" + s.Socket())
	s.Client = client
	return err
}

// find the server's own process: unshare waits as its parent.
func (s *Server) find() error {
	parent := s.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err == nil {
		s.PID, err = strconv.Atoi(strings.TrimSpace(string(children)))
	}
	return err
}

// Exited tells whether it is no more.
func (s *Server) Exited() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Lines are what it wrote to standard output so far, Errors what it wrote to standard error.
func (s *Server) Lines() []string { return s.lines(&s.out) }

// Errors are the lines of standard error.
func (s *Server) Errors() []string { return s.lines(&s.errs) }

func (s *Server) lines(of *[]string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, *of...)
}

// Signal the server itself.
func (s *Server) Signal(signal syscall.Signal) error {
	if s.PID == 0 {
		if err := s.find(); err != nil {
			return err
		}
	}
	return syscall.Kill(s.PID, signal)
}

// Wait for its end; the exit status, -1 where it was killed.
func (s *Server) Wait(limit time.Duration) (int, error) {
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return -1, fmt.Errorf("the server has not ended after %v", limit)
	}
}

// Term asks it to end, and waits.
func (s *Server) Term() (int, error) {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return -1, err
	}
	return s.Wait(20 * time.Second)
}

// Kill it, and with it its process namespace: every sandbox.
func (s *Server) Kill() {
	if s.Client != nil {
		s.Client.Close()
	}
	if !s.Exited() {
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
	}
	if s.Pod.server == s {
		s.Pod.server = nil
	}
}

// Mounts is the root directory as the server sees it.
func (s *Server) Mounts(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", s.PID, path)
}

// InMounts runs a program in the server's mount namespace.
func (s *Server) InMounts(words ...string) (string, error) {
	return Sh("nsenter", append([]string{fmt.Sprintf("--mount=/proc/%d/ns/mnt", s.PID), "--"}, words...)...)
}

// Resident is the resident set in KiB.
func (s *Server) Resident() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID))
	found := regexp.MustCompile(`(?m)^VmRSS:\s*(\d+)`).FindSubmatch(text)
	if found == nil {
		return -1
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib
}

// Descriptors is how many files it has open.
func (s *Server) Descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID))
	if err != nil {
		return -1
	}
	return len(entries)
}

// Processes are the server's descendants: pid as seen from here, command line. Sandboxes have process namespaces of their
// own, but no other parent: the server is process 1 to them.
func (s *Server) Processes() []string {
	parents, lines := map[int]int{}, map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(dir + "/cmdline")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var parent int
		fmt.Sscan(rest, &state, &parent)
		parents[pid], lines[pid] = parent, fmt.Sprintf("%d %s %s", pid, state, strings.ReplaceAll(string(line), "\x00", " "))
	}
	found := []string{}
	for pid, line := range lines {
		for at := parents[pid]; at > 1; at = parents[at] {
			if at == s.PID {
				found = append(found, line)
				break
			}
		}
	}
	return found
}

// Sandboxes are the processes in which gVisor runs actors, by their pid as seen from here.
func (s *Server) Sandboxes() []int {
	pids := []int{}
	for _, line := range s.Processes() {
		words := strings.Fields(line)
		pid, err := strconv.Atoi(words[0])
		if err == nil && len(words) > 2 && words[2] == "runsc-sandbox" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Namespaces is how many network namespaces have a name in the pod.
func (s *Server) Namespaces() int {
	entries, _ := os.ReadDir(s.Mounts(NetnsDir))
	return len(entries)
}
