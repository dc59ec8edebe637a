// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"actornet/tests/ateom/lab"
)

func inodeOf(info os.FileInfo) uint64 {
	return info.Sys().(*syscall.Stat_t).Ino
}

// refuse starts a server that must not start, and returns what it said.
func refuse(t *testing.T, pod *lab.Pod, options lab.Options) string {
	t.Helper()
	options.NoClient = true
	s := must(pod.Start(options))(t)
	defer s.Kill()
	code, err := s.Wait(10 * time.Second)
	check(t, err)
	said := strings.Join(append(s.Errors(), s.Lines()...), "\n")
	if code == 0 || said == "" {
		t.Fatalf("exit status %d, said %q", code, said)
	}
	return said
}

func newPod(t *testing.T) *lab.Pod {
	t.Helper()
	pod := must(world.Pod())(t)
	t.Cleanup(pod.Close)
	return pod
}

func TestVersionAndHelp(t *testing.T) {
	for _, flag := range []string{"--version", "--help"} {
		out, err := exec.Command(lab.Program(), flag).Output()
		if err != nil || !strings.Contains(string(out), "ateom-gvisor") {
			t.Errorf("%s: %q, %v", flag, out, err)
		}
	}
}

func TestEachOptionIsInTheManPage(t *testing.T) {
	help := must(exec.Command(lab.Program(), "--help").Output())(t)
	page := string(must(os.ReadFile(filepath.Join(lab.Source(), "man", "ateom-gvisor.8")))(t))
	options := regexp.MustCompile(`--[a-z-]+`).FindAllString(string(help), -1)
	if len(options) < 8 {
		t.Errorf("--help has %q", options)
	}
	for _, option := range options {
		if !strings.Contains(page, "Fl "+option[1:]+"\n") && !strings.Contains(page, "Fl "+option[1:]+" ") {
			t.Errorf("%s is not in the man page", option)
		}
	}
}

func TestBadCommandLinesAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"no uid":      {},
		"parent":      {"--pod-uid", ".."},
		"slash":       {"--pod-uid", "a/b"},
		"empty":       {"--pod-uid", ""},
		"long":        {"--pod-uid", strings.Repeat("u", 256)},
		"unknown":     {"--pod-uid", "u", "--bogus"},
		"no number":   {"--pod-uid", "u", "--slots", "many"},
		"bad port":    {"--pod-uid", "u", "--port", "0"},
		"bad egress":  {"--pod-uid", "u", "--egress", "some"},
		"relative":    {"--pod-uid", "u", "--base-dir", "here"},
		"superfluous": {"--pod-uid", "u", "more"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod(t)
			cmd := exec.Command("nsenter", append([]string{"--net=" + pod.Netns(), "--", "timeout", "5", lab.Program()},
				args...)...)
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() == 124 || len(out) == 0 {
				t.Errorf("%v: %q, %v", args, out, err)
			}
		})
	}
}

func TestSocketPathThatIsTooLongIsRefused(t *testing.T) {
	pod := newPod(t)
	pod.Base = filepath.Join(pod.Base, strings.Repeat("d", 60))
	check(t, os.MkdirAll(pod.Base, 0o755))
	if said := refuse(t, pod, lab.Options{}); !strings.Contains(said, "107") && !strings.Contains(said, "too long") {
		t.Errorf("it says %q", said)
	}
}

func TestStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	pod := newPod(t)
	check(t, os.MkdirAll(filepath.Dir(pod.Socket()), 0o700))
	listener := must(net.ListenUnix("unix", &net.UnixAddr{Name: pod.Socket(), Net: "unix"}))(t)
	listener.SetUnlinkOnClose(false)
	listener.Close()
	s := must(pod.Start(lab.Options{}))(t)
	eventually(t, "it answers", func() bool { return health(s) == nil }, func() string { return health(s).Error() })
	// A file of another kind in its place is not ours to remove.
	if code, err := s.Term(); code != 0 || err != nil {
		t.Fatalf("exit status %d, %v", code, err)
	}
	check(t, os.MkdirAll(pod.Socket(), 0o700))
	refuse(t, pod, lab.Options{})
}

func TestStaleNamespaceOfTheNameIsReplaced(t *testing.T) {
	for name, setup := range map[string]string{
		"file":    "mkdir -p /run/netns; : >/run/netns/ateom:%",
		"mounted": "mkdir -p /run/netns; unshare --net sh -c ': >/run/netns/ateom:%; mount --bind /proc/self/ns/net /run/netns/ateom:%'",
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod(t)
			s := must(pod.Start(lab.Options{Setup: strings.ReplaceAll(setup, "%", pod.UID)}))(t)
			works(t, s)
		})
	}
}

func TestPlantedLinkAtTheSocketsDirectoryIsNotFollowed(t *testing.T) {
	pod := newPod(t)
	victim := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(pod.Base, "ateoms"), 0o700))
	check(t, os.Symlink(victim, filepath.Join(pod.Base, "ateoms", pod.UID)))
	refuse(t, pod, lab.Options{})
	if entries := must(os.ReadDir(victim))(t); len(entries) > 0 {
		t.Errorf("in another's directory: %v", entries)
	}
}

func TestServerThatWasKilledIsFollowedByOneThatWorks(t *testing.T) {
	pod := newPod(t)
	s := must(pod.Start(lab.Options{}))(t)
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	s.Kill()
	s = must(pod.Start(lab.Options{}))(t)
	works(t, s)
}

func TestFirstCallIsServedSoonAfterStart(t *testing.T) {
	best := time.Hour
	for range 5 {
		pod := newPod(t)
		began := time.Now()
		s := must(pod.Start(lab.Options{}))(t)
		check(t, health(s))
		if took := time.Since(began); took < best {
			best = took
		}
		s.Kill()
	}
	// With nsenter, unshare, mount and setpriv before it; bench/ateom measures the server alone.
	if best > 500*time.Millisecond {
		t.Errorf("after %v", best)
	}
	t.Logf("from nsenter to the first answer: %v", best)
}

func TestEndDuringACallIsADrain(t *testing.T) {
	for _, call := range []string{"run", "checkpoint"} {
		t.Run(call, func(t *testing.T) {
			s := start(t, lab.Options{})
			a := web(t, s)
			answer := make(chan error, 1)
			var files []string
			begun := "Actor starting"
			if call == "run" {
				go func() { answer <- s.Client.Run(a.Request()) }()
			} else {
				check(t, s.Client.Run(a.Request()))
				begun = "Actor checkpointing"
				go func() {
					var err error
					files, err = s.Client.Checkpoint(a.Request())
					answer <- err
				}()
			}
			eventually(t, "the call is under way", func() bool { return strings.Contains(strings.Join(s.Lines(), "\n"), begun) },
				func() string { return "no " + begun })
			code, err := s.Term()
			if code != 0 || err != nil {
				t.Fatalf("exit status %d, %v", code, err)
			}
			if err := <-answer; call == "run" {
				fails(t, err, codes.Unavailable, "the worker is clean")
			} else {
				check(t, err)
				check(t, a.Upload(files, snapshot(t)))
			}
			if _, err := os.Stat(s.Socket()); err == nil {
				t.Error("the socket is still there")
			}
		})
	}
}

// Where it is not process 1 a sandbox outlives a server that is killed, and the next one meets it alive.
func TestServerThatWasKilledLeavesASandboxThatTheNextEnds(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "program")
	check(t, os.WriteFile(program, []byte(`#!/bin/sh
trap 'trap - TERM; kill -TERM $p; wait $p; exit $?' TERM
while :; do
	`+lab.Program()+` "$@" &
	p=$!
	wait $p
done
`), 0o755))
	s := start(t, lab.Options{Program: program})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	sandboxes := s.Sandboxes()
	server := 0
	for _, process := range s.Processes() {
		if words := strings.Fields(process); len(words) > 2 && words[2] == lab.Program() {
			server = must(strconv.Atoi(words[0]))(t)
		}
	}
	if server == 0 || len(sandboxes) == 0 {
		t.Fatalf("processes: %q", s.Processes())
	}
	check(t, syscall.Kill(server, syscall.SIGKILL))
	eventually(t, "the next server answers", func() bool {
		lines := strings.Join(s.Lines(), "\n")
		return strings.Contains(lines, "was left by an earlier process") && strings.Count(lines, "serves at") == 2
	}, func() string { return tail(s.Lines()) })
	if left := s.Sandboxes(); len(left) > 0 {
		t.Errorf("sandboxes %v of %v are left", left, sandboxes)
	}
	closed(t, a.Pod)
	client := must(lab.Connect("unix://" + s.Socket()))(t)
	s.Client.Close()
	s.Client = client
	check(t, s.Client.Run(a.Request())) // with what runsc knows of its containers still there
	counts(t, a, 1)
	checkpoint(t, s, a)
}

// One that can't begin leaves alone what is not its own.
func TestServerThatCannotBeginLeavesTheWorkerAlone(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	other := *s.Pod
	other.UID = "another"
	said := refuse(t, &other, lab.Options{Setup: "mkdir -p /run/netns/ateom:another/busy"})
	t.Log(said)
	counts(t, a, 2)
	checkpoint(t, s, a)
}

func TestEndWithAnActorRunningLeavesNothing(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	code, err := s.Term()
	if code != 0 || err != nil {
		t.Fatalf("exit status %d, %v", code, err)
	}
	closed(t, a.Pod)
}

// As process 1 it inherits whatever loses its parent.
func TestOrphansAreReaped(t *testing.T) {
	s := start(t, lab.Options{})
	for range 20 {
		// nsenter's child has no parent that waits for it once nsenter has gone.
		_, err := lab.Sh("nsenter", "--all", "--target", itoa(s.PID), "--", "sh", "-c", "(sleep 0.05 &) ; exit 0")
		check(t, err)
	}
	nothingRuns(t, s)
}
