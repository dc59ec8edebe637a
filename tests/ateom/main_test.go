// SPDX-License-Identifier: Apache-2.0

// Package ateom tests ateom-gvisor from outside, as an unchanged atelet meets it: a client in another language, actors in
// real gVisor, and the server in a pod's circumstances with the capabilities of the manifest.
package ateom

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"actornet/tests/ateom/lab"
)

var (
	world   *lab.Lab
	runsc   string
	counter atomic.Int64
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if runsc, err = lab.Runsc(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if world, err = lab.New(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer world.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-stop
		world.Close()
		os.Exit(1)
	}()
	return m.Run()
}

// check ends the test on an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A value, or the end of the test.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

// start a server in a pod of its own. When the test is over the server is asked to end, and has to leave the pod's
// network as it was, and no process.
func start(t *testing.T, options lab.Options) *lab.Server {
	t.Helper()
	pod := must(world.Pod())(t)
	before := settled(t, pod.Netns())
	s, err := pod.Start(options)
	if err != nil {
		pod.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		finish(t, s, before)
		s.Kill()
		pod.Close()
	})
	return s
}

// settled is the inventory of a namespace, once the kernel has noticed its carriers and looked at its addresses.
func settled(t *testing.T, path string) string {
	t.Helper()
	for tries := 0; ; tries++ {
		text := must(lab.Inventory(path))(t)
		if tries == 100 || !strings.Contains(text, "NO-CARRIER") && !strings.Contains(text, "tentative") {
			return text
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// prepared waits for the worker: the socket is there a little before it.
func prepared(t *testing.T, s *lab.Server) {
	t.Helper()
	check(t, health(s))
}

func finish(t *testing.T, s *lab.Server, before string) {
	t.Helper()
	if !s.Exited() {
		if code, err := s.Term(); err != nil || code != 0 {
			t.Errorf("end of the server: exit status %d, %v", code, err)
		}
	}
	if after := settled(t, s.Netns()); after != before {
		t.Errorf("the worker's network is not as it was:\n%s", difference(before, after))
	}
	if t.Failed() {
		t.Logf("the server's standard error:\n%s\nits log:\n%s", tail(s.Errors()), tail(s.Lines()))
	}
}

// tail of a log, without runsc's own chatter.
func tail(lines []string) string {
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, `"message":"I`) })
	if len(lines) > 30 {
		lines = lines[len(lines)-30:]
	}
	return strings.Join(lines, "\n")
}

// difference of two texts, as lines that one of them has.
func difference(a, b string) string {
	in := func(line, text string) bool { return strings.Contains("\n"+text+"\n", "\n"+line+"\n") }
	var out strings.Builder
	for _, line := range strings.Split(a, "\n") {
		if !in(line, b) {
			fmt.Fprintln(&out, "-", line)
		}
	}
	for _, line := range strings.Split(b, "\n") {
		if !in(line, a) {
			fmt.Fprintln(&out, "+", line)
		}
	}
	return out.String()
}

// web places an actor with one web server.
func web(t *testing.T, s *lab.Server, containers ...lab.Container) *lab.Actor {
	t.Helper()
	if len(containers) == 0 {
		containers = []lab.Container{lab.Web()}
	}
	return must(s.Actor(fmt.Sprintf("actor-%d", counter.Add(1)), runsc, containers...))(t)
}

// snapshot is a new place for one.
func snapshot(t *testing.T) string {
	return filepath.Join(t.TempDir(), "snapshot")
}

// counts asks the actor's web server, which says how often it was asked.
func counts(t *testing.T, a *lab.Actor, n int) {
	t.Helper()
	got, err := a.Get(a.URL("/"))
	if want := fmt.Sprintf("%s/web %d", a.ID, n); err != nil || got != want {
		t.Fatalf("GET / is %q, not %q (%v)", got, want, err)
	}
}

// closed asserts that nothing serves at the pod's address.
func closed(t *testing.T, a *lab.Pod) {
	t.Helper()
	if got, err := a.Get(a.URL("/")); err == nil {
		t.Fatalf("nobody should serve, and GET / is %q", got)
	}
}

func checkpoint(t *testing.T, s *lab.Server, a *lab.Actor) string {
	t.Helper()
	files, err := s.Client.Checkpoint(a.Request())
	check(t, err)
	to := snapshot(t)
	check(t, a.Upload(files, to))
	return to
}

func restore(t *testing.T, s *lab.Server, a *lab.Actor, from string) {
	t.Helper()
	check(t, a.Download(from))
	check(t, s.Client.Restore(a.Request()))
}

// works shows that the server is good for a whole cycle: what every failure must leave.
func works(t *testing.T, s *lab.Server) {
	t.Helper()
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	from := checkpoint(t, s, a)
	closed(t, a.Pod)
	restore(t, s, a, from)
	counts(t, a, 2)
	checkpoint(t, s, a)
	nothingRuns(t, s)
}

// nothingRuns asserts that no process of an actor is left; the last ones are given a moment.
func nothingRuns(t *testing.T, s *lab.Server) {
	t.Helper()
	eventually(t, "no process is left", func() bool { return len(s.Processes()) == 0 }, func() string {
		return strings.Join(s.Processes(), "\n")
	})
}

// eventually waits for a condition, five seconds at most.
func eventually(t *testing.T, what string, condition func() bool, details func() string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s: %s", what, details())
		}
	}
}

// fails asserts the code of an error, and words of its message.
func fails(t *testing.T, err error, code codes.Code, words ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Fatalf("%v, not %v: %v", status.Code(err), code, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("the error does not say %q: %v", word, err)
		}
	}
}
