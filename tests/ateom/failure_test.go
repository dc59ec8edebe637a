// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	for _, verb := range []string{"create", "start", "checkpoint", "restore", "delete", "state"} {
		for _, when := range []string{"before", "midway"} {
			t.Run(verb+" "+when, func(t *testing.T) {
				program, trap := saboteur(t, verb, when)
				a := web(t, s)
				a.Runsc = program
				set := func() { check(t, os.WriteFile(trap, nil, 0o644)) }
				switch verb {
				case "create", "start":
					set()
					err := s.Client.Run(a.Request())
					fails(t, err, codes.Internal, verb)
					t.Log(err)
					nothingRuns(t, s)
				case "checkpoint":
					check(t, s.Client.Run(a.Request()))
					set()
					_, err := s.Client.Checkpoint(a.Request())
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
					fails(t, s.Client.Restore(a.Request()), codes.Internal, verb)
					nothingRuns(t, s)
				default: // a snapshot that is written is good, whatever comes after it
					check(t, s.Client.Run(a.Request()))
					counts(t, a, 1)
					set()
					from := checkpoint(t, s, a)
					restore(t, s, a, from)
					counts(t, a, 2)
					checkpoint(t, s, a)
				}
				works(t, s)
			})
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

func TestDiskThatIsFull(t *testing.T) {
	pod := newPod(t)
	s := must(pod.Start(lab.Options{Setup: "mkdir -p " + pod.Base + "/actors; mount -t tmpfs -o size=24m tmpfs " + pod.Base +
		"/actors"}))(t)
	defer func() {
		if t.Failed() {
			t.Log(tail(s.Errors()), "\n", tail(s.Lines()))
		}
	}()
	// What is written there is written in the pod's mount namespace.
	inPod := *s.Pod
	inPod.Base = s.Mounts(pod.Base)
	placed := must(inPod.Actor("full", runsc, lab.Web()))(t)
	a := *placed
	a.Pod = s.Pod
	check(t, s.Client.Run(a.Request()))
	counts(t, &a, 1)
	fill := filepath.Join(inPod.Base, "actors", "ballast")
	ballast := must(os.Create(fill))(t)
	block := make([]byte, 64<<10)
	for {
		if _, err := ballast.Write(block); err != nil {
			break
		}
	}
	ballast.Close()
	_, err := s.Client.Checkpoint(a.Request())
	if err == nil {
		t.Fatal("a snapshot on a full disk")
	}
	t.Log(err)
	check(t, os.Remove(fill))
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
