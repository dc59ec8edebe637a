// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"actornet/tests/ateom/lab"
)

// The actor's address in the baseline's network.
const actorAddress = "169.254.17.2"

// Agent runs in a pod in the server's place, as process 1, and does what is measured beside the server: runsc's commands
// alone, and the baseline's sequence.
type Agent struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
	network io.Writer
	answers *bufio.Reader
}

// agentMain serves jobs, one a line, at the socket.
func agentMain(socket, interior, address, seedNet string) error {
	a := &Agent{waiting: map[int]chan syscall.WaitStatus{}}
	go a.reap()
	if err := a.openNetwork(seedNet, interior, address); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		a.serve(conn)
	}
}

func (a *Agent) serve(conn net.Conn) {
	defer conn.Close()
	decoder, encoder := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var job Job
		if decoder.Decode(&job) != nil {
			return
		}
		result, err := a.do(&job)
		if err != nil {
			result.Error = err.Error()
		}
		if encoder.Encode(result) != nil {
			return
		}
	}
}

// reap every child at once, also those that were inherited: runsc polls for the end of its own.
func (a *Agent) reap() {
	ended := make(chan os.Signal, 64)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		for {
			var status syscall.WaitStatus
			a.mu.Lock()
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			waiter := a.waiting[pid]
			delete(a.waiting, pid)
			a.mu.Unlock()
			if err != nil || pid <= 0 {
				break
			}
			if waiter != nil {
				waiter <- status
			}
		}
	}
}

// spawn a program; the channel tells of its end.
func (a *Agent) spawn(argv []string, files []uintptr) (int, chan syscall.WaitStatus, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: files})
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", argv[0], err)
	}
	ended := make(chan syscall.WaitStatus, 1)
	a.waiting[pid] = ended
	return pid, ended, nil
}

func (a *Agent) openNetwork(seedNet, interior, address string) error {
	if err := os.MkdirAll(filepath.Dir(interior), 0o755); err != nil {
		return err
	}
	fromHere, toThere, err := os.Pipe()
	if err != nil {
		return err
	}
	fromThere, toHere, err := os.Pipe()
	if err != nil {
		return err
	}
	_, _, err = a.spawn([]string{seedNet, interior, address}, []uintptr{fromHere.Fd(), toHere.Fd(), 2})
	fromHere.Close()
	toHere.Close()
	a.network, a.answers = toThere, bufio.NewReader(fromThere)
	return err
}

// change the network: "build" or "remove".
func (a *Agent) change(how string) error {
	if _, err := io.WriteString(a.network, how+"\n"); err != nil {
		return err
	}
	answer, err := a.answers.ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "ok ") {
		err = fmt.Errorf("network: %s: %s", how, strings.TrimSpace(answer))
	}
	return err
}

// steps are run one after another, each with its time.
type steps struct {
	result Result
	err    error
}

func (s *steps) do(name string, f func() error) {
	if s.err != nil {
		return
	}
	began := time.Now()
	s.err = f()
	s.result.Stages = append(s.result.Stages, Stage{name, time.Since(began)})
}

func (a *Agent) do(job *Job) (Result, error) {
	s := &steps{}
	how, what, _ := strings.Cut(job.Op, "-")
	r := &runner{a, job, how == "seed"}
	switch {
	case job.Op == "first-call":
		s.err = a.firstCall(job, s)
	case what == "run":
		r.bringUp(s, "start")
	case what == "restore":
		r.bringUp(s, "restore")
	case what == "checkpoint":
		r.checkpoint(s)
	default:
		s.err = fmt.Errorf("%s: no such operation", job.Op)
	}
	return s.result, s.err
}

// runner does the commands of the contract's table.
type runner struct {
	*Agent
	job  *Job
	seed bool // as the baseline has it: `state` before each delete
}

func (r *runner) names() []string {
	names := []string{"pause"}
	for _, c := range r.job.Containers {
		names = append(names, c.Name)
	}
	return names
}

// bringUp is run ("start") or restore.
func (r *runner) bringUp(s *steps, last string) {
	s.do("network", func() error { return r.change("build") })
	for _, name := range r.names() {
		bundle, pid := filepath.Join(r.job.Dir, "bundles", name), filepath.Join(r.job.Dir, "pidfiles", name+".pid")
		s.do("create", func() error { return r.runsc("create", "-bundle", bundle, "-pid-file", pid, name) })
		if last == "start" {
			s.do("start", func() error { return r.runsc("-allow-connected-on-save", "start", name) })
			continue
		}
		s.do("restore", func() error {
			return r.runsc("restore", "-bundle", bundle, "-image-path", filepath.Join(r.job.Dir, "restore-state"),
				"-pid-file", pid, "-background", "-direct", "-detach", name)
		})
	}
	s.do("readyz", r.ready)
}

func (r *runner) checkpoint(s *steps) {
	image := filepath.Join(r.job.Dir, "checkpoint-state")
	if s.err = os.MkdirAll(image, 0o700); s.err != nil {
		return
	}
	s.do("checkpoint", func() error { return r.runsc("checkpoint", "-image-path", image, "pause") })
	names := r.names()
	if r.seed {
		for _, name := range names {
			s.do("state", func() error { r.runsc("state", name); return nil })
		}
	} else {
		s.do("exit", r.gone)
	}
	for _, name := range append(names[1:], "pause") {
		s.do("delete", func() error {
			err := r.runsc("delete", "-force", name)
			if r.seed { // the sandbox is ending, and now and then in its way
				err = nil
			}
			return err
		})
	}
	s.do("network", func() error { return r.change("remove") })
}

// gone waits for the sandbox's end: deleting before it fails now and then.
func (r *runner) gone() error {
	text, err := os.ReadFile(filepath.Join(r.job.Dir, "pidfiles", "pause.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	for err == nil && syscall.Kill(pid, 0) == nil {
		time.Sleep(100 * time.Microsecond)
	}
	return err
}

// runsc runs one command; what it and its containers print is read through a pipe, as a supervisor has to.
func (r *runner) runsc(words ...string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	out := make(chan string, 1)
	// Control groups can't be written in a pod, and runsc fails over that unless told; the server does the same.
	argv := append([]string{r.job.Runsc, "-log-format", "json", "--alsologtostderr", "-ignore-cgroups", "-root",
		filepath.Join(r.job.Dir, "runsc-state")}, words...)
	_, ended, err := r.spawn(argv, []uintptr{0, write.Fd(), write.Fd()})
	write.Close()
	if err != nil {
		read.Close()
		return err
	}
	go func() { // to its end: containers keep the pipe
		defer read.Close()
		text := make([]byte, 0, 4096)
		buffer := make([]byte, 4096)
		for {
			n, err := read.Read(buffer)
			if text = append(text, buffer[:n]...); len(text) > 4096 {
				text = text[len(text)-4096:]
			}
			if err != nil {
				out <- string(text)
				return
			}
		}
	}()
	if status := <-ended; status.ExitStatus() != 0 {
		return fmt.Errorf("runsc %s: exit status %d: %s", strings.Join(words, " "), status.ExitStatus(), <-out)
	}
	return nil
}

// ready polls as the contract says: 250 ms a try, 1 ms between, 30 s in all.
func (r *runner) ready() error {
	client := http.Client{Timeout: 250 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(30 * time.Second)
	for _, c := range r.job.Containers {
		for c.Ready != "" {
			answer, err := client.Get(fmt.Sprintf("http://%s:%d%s", actorAddress, c.Port, c.Ready))
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					break
				}
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s is not ready: %v", c.Name, err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// firstCall starts a server of its own and measures from exec to the first answers: of the transport alone (health,
// whatever it says), of the service (the checkpoint of an actor that isn't there, which is refused without the worker's
// network), and of the service with the worker prepared (a run, refused since its runsc isn't there).
func (a *Agent) firstCall(job *Job, s *steps) error {
	base := filepath.Join(job.Dir, "first")
	socket := filepath.Join(base, "ateoms", "first", "ateom.sock")
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := os.MkdirAll(base, 0o700); err != nil {
		return err
	}
	began := time.Now()
	pid, ended, err := a.spawn([]string{job.Runsc, "--pod-uid", "first", "--base-dir", base},
		[]uintptr{null.Fd(), null.Fd(), null.Fd()})
	if err != nil {
		return err
	}
	err = firstAnswer(socket, lab.HealthMethod, nil)
	s.result.Stages = append(s.result.Stages, Stage{"health", time.Since(began)})
	if err == nil {
		err = firstAnswer(socket, checkpointMethod, nothing)
		s.result.Stages = append(s.result.Stages, Stage{"service", time.Since(began)})
	}
	if err == nil {
		err = firstAnswer(socket, runMethod, nothing)
		s.result.Stages = append(s.result.Stages, Stage{"run", time.Since(began)})
	}
	syscall.Kill(pid, syscall.SIGTERM)
	<-ended
	return err
}

const (
	runMethod        = "/ateom.Ateom/RunWorkload"
	checkpointMethod = "/ateom.Ateom/CheckpointWorkload"
	restoreMethod    = "/ateom.Ateom/RestoreWorkload"
)

// nothing is a request for an actor that isn't there: fields 1 to 4, an empty spec, scope FULL.
var nothing = append([]byte("\x0a\x01a\x12\x01b\x1a\x01c\x22\x0c/proc/self/x\x2a\x00"), 0x40, 1)

// firstAnswer connects as soon as somebody listens. The connection is of the least that HTTP/2 asks for, so that the
// client's own start does not count.
func firstAnswer(socket, method string, message []byte) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			defer conn.Close()
			conn.SetDeadline(deadline)
			return lab.FirstAnswer(conn, method, message)
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}
