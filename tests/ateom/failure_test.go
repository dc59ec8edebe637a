// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"actornet/tests/ateom/lab"
)

func itoa(n int) string { return strconv.Itoa(n) }

// settle finds out what became of an actor after an error, as atelet would: by calling again. Returns whether it ran on.
func settle(t *testing.T, s *lab.Server, a *lab.Actor) bool {
	t.Helper()
	files, err := s.Client.Checkpoint(a.Request())
	if status.Code(err) == codes.FailedPrecondition {
		nothingRuns(t, s)
		closed(t, a.Pod)
		return false
	}
	check(t, err)
	check(t, a.Upload(files, snapshot(t)))
	return true
}

// After each of these the same server runs the next actor.
func TestRunThatFailsIsUndoneAndTheNextWorks(t *testing.T) {
	s := start(t, lab.Options{})
	config := func(text string) func(*testing.T, *lab.Actor) {
		return func(t *testing.T, a *lab.Actor) {
			check(t, os.WriteFile(a.Dir("bundles", "web", "config.json"), []byte(text), 0o644))
		}
	}
	remove := func(parts ...string) func(*testing.T, *lab.Actor) {
		return func(t *testing.T, a *lab.Actor) { check(t, os.RemoveAll(a.Dir(parts...))) }
	}
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *lab.Actor)
		code  codes.Code
		says  string
	}{
		{"no directory at all", remove(), codes.NotFound, ""},
		{"no bundle of pause", remove("bundles", "pause"), codes.NotFound, "pause"},
		{"no bundle of a container", remove("bundles", "web"), codes.NotFound, "web"},
		{"no config.json", remove("bundles", "web", "config.json"), codes.NotFound, "config.json"},
		{"no root file system", remove("bundles", "web", "rootfs"), codes.Internal, "rootfs"},
		{"no program", remove("bundles", "web", "rootfs", "httpd"), codes.Internal, "start"},
		{"config.json is cut", config(`{"ociVersion": "1.0.2", "process": {`), codes.Internal, ""},
		{"config.json is empty", config(``), codes.Internal, ""},
		{"config.json is no object", config(`[]`), codes.Internal, ""},
		{"config.json has no process", config(`{"ociVersion":"1.0.2","root":{"path":"rootfs"}}`), codes.Internal, ""},
		{"container exits at once", func(t *testing.T, a *lab.Actor) {
			a.Containers[0].Args = []string{"exit"}
			check(t, a.Prepare())
		}, codes.Internal, "web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := web(t, s)
			c.spoil(t, a)
			began := time.Now()
			err := s.Client.Run(a.Request())
			fails(t, err, c.code, c.says)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			t.Log(err)
			nothingRuns(t, s)
			works(t, s)
		})
	}
}

func TestActorThatIsNeverReadyIsEndedAtTheCallersDeadline(t *testing.T) {
	s := start(t, lab.Options{})
	for path, port := range map[string]int{"/nowhere": 80, "/readyz": 81} {
		c := lab.Web()
		c.Ready, c.Port = path, port
		a := web(t, s, c)
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		began := time.Now()
		_, err := s.Client.Call(ctx, "RunWorkload", a.Request())
		cancel()
		fails(t, err, codes.DeadlineExceeded)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		works(t, s)
	}
	// Positive control: one that is ready late is waited for.
	c := lab.Web()
	c.Ready = "/slow"
	a := web(t, s, c)
	began := time.Now()
	check(t, s.Client.Run(a.Request()))
	if took := time.Since(began); took < time.Second {
		t.Errorf("it took only %v", took)
	}
	checkpoint(t, s, a)
}

func TestSnapshotThatIsDamagedIsRefusedAndAGoodOneWorks(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	from := checkpoint(t, s, a)
	entries := must(os.ReadDir(from))(t)
	for _, entry := range entries {
		name := entry.Name()
		for how, spoil := range map[string]func(string) error{
			"missing":   os.Remove,
			"cut":       func(path string) error { return os.Truncate(path, 100) },
			"scrambled": scramble,
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				info := must(entry.Info())(t)
				if how != "missing" && info.Size() <= 100 {
					t.Skip("nothing to spoil")
				}
				check(t, a.Download(from))
				check(t, spoil(a.Dir("restore-state", name)))
				if err := s.Client.Restore(a.Request()); err == nil {
					// gVisor can't tell that pages have other contents.
					if how == "scrambled" {
						settle(t, s, a)
						return
					}
					t.Fatal("it is restored")
				} else {
					t.Log(err)
				}
				nothingRuns(t, s)
				check(t, os.RemoveAll(a.Dir()))
			})
		}
	}
	restore(t, s, a, from)
	counts(t, a, 2)
	checkpoint(t, s, a)
}

func scramble(path string) error {
	text, err := os.ReadFile(path)
	for i := range text {
		text[i] ^= 0x5a
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	return err
}

func TestRestoreWithoutASnapshotIsRefused(t *testing.T) {
	s := start(t, lab.Options{})
	for _, scope := range []string{"SNAPSHOT_SCOPE_FULL", "SNAPSHOT_SCOPE_DATA"} {
		c := lab.Web()
		c.Durable = []string{"/data"}
		a := web(t, s, c)
		if err := s.Client.Restore(a.Request().With("scope", scope)); err == nil {
			t.Fatal("it is restored")
		}
		check(t, os.RemoveAll(a.Dir("restore-state")))
		fails(t, s.Client.Restore(a.Request().With("scope", scope)), codes.NotFound)
		works(t, s)
	}
}

// saboteur is a runsc that dies at one command, once: before it does anything, or in the midst of it.
func saboteur(t *testing.T, verb, when string) (program, trap string) {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	program, trap = filepath.Join(dir, "runsc"), filepath.Join(dir, "trap")
	act := "kill -KILL $$"
	if when == "midway" {
		act = fmt.Sprintf(`%s "$@" & p=$!; sleep 0.02; kill -KILL $p; wait $p; exit 137`, runsc)
	}
	text := fmt.Sprintf(`#!/bin/sh
for word; do
	case $word in create | start | checkpoint | restore | state | delete | fscheckpoint)
		if [ "$word" = %s ] && rm %s 2>/dev/null; then
			%s
		fi
		break ;;
	esac
done
exec %s "$@"
`, verb, trap, act, runsc)
	check(t, os.WriteFile(program, []byte(text), 0o755))
	return program, trap
}

func TestRunscThatIsKilledAtAnyCommand(t *testing.T) {
	s := start(t, lab.Options{})
	// "state" is asked only of a container that has closed its output before it was ready.
	for _, verb := range []string{"create", "start", "checkpoint", "restore", "delete", "state"} {
		for _, when := range []string{"before", "midway"} {
			t.Run(verb+" "+when, func(t *testing.T) {
				program, trap := saboteur(t, verb, when)
				a := web(t, s)
				a.Runsc = program
				set := func() { check(t, os.WriteFile(trap, nil, 0o644)) }
				sprung := func() {
					t.Helper()
					if _, err := os.Stat(trap); err == nil {
						t.Fatal("nothing was killed")
					}
				}
				switch verb {
				case "create", "start":
					set()
					err := s.Client.Run(a.Request())
					sprung()
					fails(t, err, codes.Internal, verb)
					t.Log(err)
					nothingRuns(t, s)
				case "state":
					a.Containers[0].Args = []string{"exit"}
					check(t, a.Prepare())
					ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
					set()
					_, err := s.Client.Call(ctx, "RunWorkload", a.Request())
					cancel()
					sprung()
					if err == nil {
						t.Fatal("one that has ended is ready")
					}
					t.Log(err)
					nothingRuns(t, s)
				case "checkpoint":
					check(t, s.Client.Run(a.Request()))
					set()
					_, err := s.Client.Checkpoint(a.Request())
					sprung()
					if when == "before" {
						fails(t, err, codes.Internal, verb)
					}
					t.Log(err)
					if err != nil {
						t.Logf("ran on: %v", settle(t, s, a))
					}
				case "restore":
					check(t, s.Client.Run(a.Request()))
					from := checkpoint(t, s, a)
					check(t, a.Download(from))
					set()
					err := s.Client.Restore(a.Request())
					sprung()
					fails(t, err, codes.Internal, verb)
					nothingRuns(t, s)
				default: // a snapshot that is written is good, whatever comes after it
					check(t, s.Client.Run(a.Request()))
					counts(t, a, 1)
					set()
					from := checkpoint(t, s, a)
					sprung()
					restore(t, s, a, from)
					counts(t, a, 2)
					checkpoint(t, s, a)
				}
				works(t, s)
			})
		}
	}
}

// A container's commands are given while those of the root container are under way, which here come late.
func TestCommandsThatComeTooEarlyAreGivenAgain(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	a.Runsc = filepath.Join(t.TempDir(), "runsc")
	check(t, os.Chmod(filepath.Dir(a.Runsc), 0o755))
	said := func(words string) int { return strings.Count(strings.Join(s.Lines(), "\n"), words) }
	for _, verb := range []string{"create", "start", "restore"} {
		late := fmt.Sprintf(`#!/bin/sh
case " $* " in *" %s "*"pause ")
	: >%s/first
	sleep 0.5 ;;
esac
exec %s "$@"
`, verb, a.Dir("runsc-state"), runsc)
		words := map[string]string{"create": "cannot load sandbox"}[verb]
		if words == "" {
			words = "subcontainer: state=created"
		}
		check(t, os.RemoveAll(a.Dir()))
		check(t, a.Prepare())
		check(t, os.WriteFile(a.Runsc, []byte(late), 0o755))
		before := said(words)
		check(t, s.Client.Run(a.Request()))
		counts(t, a, 1)
		restore(t, s, a, checkpoint(t, s, a))
		counts(t, a, 2)
		checkpoint(t, s, a)
		nothingRuns(t, s)
		if said(words) == before {
			t.Errorf("%s: nothing came too early", verb)
		}
	}
}

func TestSandboxThatDiesIsFoundOutAndTheNextRunWorks(t *testing.T) {
	s := start(t, lab.Options{})
	for _, next := range []string{"checkpoint", "run"} {
		a := web(t, s)
		check(t, s.Client.Run(a.Request()))
		pids := s.Sandboxes()
		if len(pids) == 0 {
			t.Fatalf("no sandbox among %q", s.Processes())
		}
		for _, pid := range pids {
			check(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		time.Sleep(50 * time.Millisecond)
		if next == "checkpoint" {
			_, err := s.Client.Checkpoint(a.Request())
			if err == nil {
				t.Fatal("a dead sandbox has a snapshot")
			}
			t.Log(err)
		}
		works(t, s)
	}
}

// smallDisk is a server whose actors' directory holds 24 MiB, and the same as it is written from here: what is written there
// is written in the pod's mount namespace.
func smallDisk(t *testing.T) (*lab.Server, *lab.Pod) {
	t.Helper()
	pod := newPod(t)
	s := must(pod.Start(lab.Options{Setup: "mkdir -p " + pod.Base + "/actors; mount -t tmpfs -o size=24m tmpfs " + pod.Base +
		"/actors"}))(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(s.Errors()), "\n", tail(s.Lines()))
		}
	})
	inPod := *s.Pod
	inPod.Base = s.Mounts(pod.Base)
	return s, &inPod
}

// fill the disk but for so many pages; returns what takes the room.
func fill(t *testing.T, pod *lab.Pod, pages int64) string {
	t.Helper()
	path := filepath.Join(pod.Base, "actors", "ballast")
	ballast := must(os.Create(path))(t)
	defer ballast.Close()
	block := make([]byte, 4<<10)
	size := int64(0)
	for {
		n, err := ballast.Write(block)
		size += int64(n)
		if err != nil {
			break
		}
	}
	check(t, ballast.Truncate((size/4096-pages)*4096))
	return path
}

func TestDiskThatIsFullAtARunOrARestore(t *testing.T) {
	s, inPod := smallDisk(t)
	failed := 0
	for _, pages := range []int64{0, 1, 2, 3, 4, 6, 8} {
		for _, call := range []string{"run", "restore"} {
			placed := must(inPod.Actor("full", runsc, lab.Web()))(t)
			a := *placed
			a.Pod = s.Pod
			do := func() error { return s.Client.Run(a.Request()) }
			if call == "restore" {
				check(t, do())
				files, err := s.Client.Checkpoint(a.Request())
				check(t, err)
				from := t.TempDir() // on another disk
				for _, name := range files {
					check(t, lab.CopyFile(placed.Dir("checkpoint-state", name), filepath.Join(from, name), 0o600))
				}
				check(t, os.RemoveAll(placed.Dir()))
				check(t, placed.Download(from))
				do = func() error { return s.Client.Restore(a.Request()) }
			}
			ballast := fill(t, inPod, pages)
			err := do()
			check(t, os.Remove(ballast))
			if err != nil {
				failed++
				t.Logf("%s with %d pages: %v", call, pages, err)
				fails(t, err, codes.Internal, "the worker is clean")
				nothingRuns(t, s)
				check(t, do()) // nothing was wiped: what it left must not be in its own way
			}
			check(t, second(s.Client.Checkpoint(a.Request())))
			check(t, os.RemoveAll(placed.Dir()))
		}
	}
	if failed == 0 {
		t.Error("there was room enough each time")
	}
}

func TestDiskThatIsFullAtACheckpoint(t *testing.T) {
	s, inPod := smallDisk(t)
	placed := must(inPod.Actor("full", runsc, lab.Web()))(t)
	a := *placed
	a.Pod = s.Pod
	check(t, s.Client.Run(a.Request()))
	counts(t, &a, 1)
	ballast := fill(t, inPod, 0)
	_, err := s.Client.Checkpoint(a.Request())
	if err == nil {
		t.Fatal("a snapshot on a full disk")
	}
	t.Log(err)
	check(t, os.Remove(ballast))
	files, err := s.Client.Checkpoint(a.Request())
	if err != nil {
		fails(t, err, codes.FailedPrecondition)
		nothingRuns(t, s)
	} else if len(files) == 0 {
		t.Error("a snapshot without files")
	}
	check(t, os.RemoveAll(placed.Dir()))
	check(t, placed.Prepare())
	check(t, s.Client.Run(a.Request()))
	counts(t, &a, 1)
	if _, err := s.Client.Checkpoint(a.Request()); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameTheCommandItsStatusAndItsLastWords(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, os.Remove(a.Dir("bundles", "web", "rootfs", "httpd")))
	err := s.Client.Run(a.Request())
	fails(t, err, codes.Internal, "start", "128", "httpd")
	if text := status.Convert(err).Message(); strings.Contains(text, "\n\n") || len(text) > 2048 {
		t.Errorf("the message is %q", text)
	}
}

// State that a crash or a full disk has cut, and that runsc can't read.
func TestStateThatIsCutIsNotInTheWay(t *testing.T) {
	s := start(t, lab.Options{})
	for _, name := range []string{"pause_sandbox:pause.state", "web_sandbox:pause.state"} {
		for _, text := range []string{"", `{"id":`} {
			a := web(t, s)
			check(t, os.WriteFile(a.Dir("runsc-state", name), []byte(text), 0o600))
			check(t, s.Client.Run(a.Request()))
			counts(t, a, 1)
			checkpoint(t, s, a)
		}
	}
	// Cut while it runs: whether the checkpoint comes to something or not, the next run works.
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	states := must(filepath.Glob(a.Dir("runsc-state", "*.state")))(t)
	if len(states) == 0 {
		t.Fatal("no state")
	}
	for _, path := range states {
		check(t, os.Truncate(path, 0))
	}
	_, err := s.Client.Checkpoint(a.Request())
	t.Log(err)
	for _, pid := range s.Sandboxes() {
		check(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	nothingRuns(t, s)
	fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	checkpoint(t, s, a)
}

// within asserts that something took no longer.
func within(t *testing.T, what string, limit time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > limit {
		t.Errorf("%s took %v", what, took)
	} else {
		t.Logf("%s took %v", what, took)
	}
}

// flooding is a container that prints as fast as it is read.
func flooding() lab.Container {
	c := lab.Web()
	c.Args = []string{"flood", "80"}
	return c
}

func TestContainerThatPrintsWithoutEndHoldsUpNobody(t *testing.T) {
	s, pipe := piped(t)
	reader := must(os.Open(pipe))(t)
	defer reader.Close()
	var whole, broken atomic.Int64
	go func() {
		lines := bufio.NewScanner(reader)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if json.Valid(lines.Bytes()) {
				whole.Add(1)
			} else {
				broken.Add(1)
			}
		}
	}()
	a := web(t, s, flooding())
	within(t, "run", 2*time.Second, func() { check(t, s.Client.Run(a.Request())) })
	time.Sleep(500 * time.Millisecond)
	within(t, "checkpoint", 2*time.Second, func() { checkpoint(t, s, a) })
	if whole.Load() < 10000 || broken.Load() > 0 {
		t.Errorf("%d whole lines, %d others", whole.Load(), broken.Load())
	}
	c := flooding()
	c.Ready = "/nowhere"
	a = web(t, s, c)
	within(t, "a run given up after a second", 2*time.Second, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := s.Client.Call(ctx, "RunWorkload", a.Request())
		fails(t, err, codes.DeadlineExceeded)
		nothingRuns(t, s)
	})
	a = web(t, s, flooding())
	check(t, s.Client.Run(a.Request()))
	within(t, "the end", 2*time.Second, func() {
		if code, err := s.Term(); code != 0 || err != nil {
			t.Errorf("exit status %d, %v", code, err)
		}
	})
}

// piped is a server whose standard output is a pipe, and the pipe.
func piped(t *testing.T) (*lab.Server, string) {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	pipe, program := filepath.Join(dir, "pipe"), filepath.Join(dir, "program")
	check(t, syscall.Mkfifo(pipe, 0o600))
	text := fmt.Sprintf("#!/bin/sh\nexec 3<>%s\nexec %s \"$@\" >&3\n", pipe, lab.Program())
	check(t, os.WriteFile(program, []byte(text), 0o755))
	return start(t, lab.Options{Program: program}), pipe
}

func TestLogThatNobodyReadsHoldsUpNobody(t *testing.T) {
	s, pipe := piped(t)
	a := web(t, s, flooding())
	within(t, "run", 2*time.Second, func() { check(t, s.Client.Run(a.Request())) })
	time.Sleep(3 * time.Second) // what counts as stuck, and more
	within(t, "checkpoint", 2*time.Second, func() { checkpoint(t, s, a) })
	for range 3 {
		b := web(t, s)
		check(t, s.Client.Run(b.Request()))
		checkpoint(t, s, b)
	}
	nothingRuns(t, s)
	// Once it is read, all lines are whole, those of the actors' lives are there, and the loss is told.
	reader := must(os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0))(t)
	defer reader.Close()
	lost, lives := 0, 0
	lines := bufio.NewScanner(reader)
	lines.Buffer(nil, 1<<20)
	check(t, reader.SetReadDeadline(time.Now().Add(5*time.Second)))
	for lost == 0 && lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("not a whole line: %.200q", lines.Text())
		}
		if strings.HasPrefix(l.Message, "Actor ") {
			lives++
		}
		fmt.Sscanf(l.Message, "%d lines were lost", &lost)
	}
	if lost == 0 || lives != 16 {
		t.Errorf("%d lines lost, %d of lives, %v", lost, lives, lines.Err())
	}
}

func TestServerEndsWhoseLogNobodyReads(t *testing.T) {
	s, _ := piped(t)
	a := web(t, s, flooding())
	check(t, s.Client.Run(a.Request()))
	time.Sleep(200 * time.Millisecond)
	within(t, "the end", 3*time.Second, func() {
		if code, err := s.Term(); code != 0 || err != nil {
			t.Errorf("exit status %d, %v", code, err)
		}
	})
}
