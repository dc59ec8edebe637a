// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"actornet/tests/ateom/lab"
)

func TestTwentyCyclesWithTwoContainersKeepTheCountAndLeakNothing(t *testing.T) {
	s := start(t, lab.Options{})
	side := lab.Container{Name: "side", Args: []string{"8081"}, Ready: "", Port: 8081}
	a := web(t, s, lab.Web(), side)
	a.Containers[1].Ready = "/readyz"
	check(t, a.Prepare())
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	left := 0
	for i := range 20 {
		from := checkpoint(t, s, a)
		closed(t, a.Pod)
		nothingRuns(t, s)
		eventually(t, "no namespaces are left", func() bool { return i < 5 || s.Namespaces() <= left }, func() string {
			return fmt.Sprintf("%d after cycle %d, %d after the fifth", s.Namespaces(), i, left)
		})
		if i < 5 {
			time.Sleep(100 * time.Millisecond) // what it does after its answer
			left = s.Namespaces()
		}
		restore(t, s, a, from)
		counts(t, a, i+2)
	}
	// The side container is there too, and its port is not published.
	if _, err := a.Get("http://" + a.Address + ":8081/"); err == nil {
		t.Error("a port that was not asked for is open")
	}
	checkpoint(t, s, a)
}

func TestTwoActorsTakeTurns(t *testing.T) {
	s := start(t, lab.Options{})
	actors := []*lab.Actor{web(t, s), web(t, s)}
	snapshots := make([]string, 2)
	for i := range 8 {
		a := actors[i%2]
		if snapshots[i%2] == "" {
			check(t, s.Client.Run(a.Request()))
		} else {
			restore(t, s, a, snapshots[i%2])
		}
		counts(t, a, i/2+1)
		snapshots[i%2] = checkpoint(t, s, a)
	}
}

func TestSnapshotGoesOnInAnotherPod(t *testing.T) {
	one, two := start(t, lab.Options{}), start(t, lab.Options{})
	a := web(t, one)
	check(t, one.Client.Run(a.Request()))
	counts(t, a, 1)
	from := checkpoint(t, one, a)
	b := *a
	b.Pod = two.Pod
	restore(t, two, &b, from)
	counts(t, &b, 2)
	checkpoint(t, two, &b)
}

func TestDataScopeKeepsTheDurableDirectoryAlone(t *testing.T) {
	s := start(t, lab.Options{})
	c := lab.Web()
	c.Durable = []string{"/data"}
	a := web(t, s, c)
	check(t, s.Client.Run(a.Request()))
	counts(t, a, 1)
	others := []string{"/note", "/etc/note"}
	for _, path := range append(others, "/data/note") {
		got, err := a.Get(a.URL("/write?" + path + "=kept-in-" + path))
		if err != nil {
			t.Fatal(got, err)
		}
		if got, err := a.Get(a.URL("/read?" + path)); err != nil || got != "kept-in-"+path {
			t.Fatalf("%s is %q before, %v", path, got, err)
		}
	}
	files, err := s.Client.Checkpoint(a.Request().With("scope", "SNAPSHOT_SCOPE_DATA"))
	check(t, err)
	from := snapshot(t)
	check(t, a.Upload(files, from))
	check(t, a.Download(from))
	check(t, s.Client.Restore(a.Request().With("scope", "SNAPSHOT_SCOPE_DATA")))
	counts(t, a, 1) // memory is new
	if got, err := a.Get(a.URL("/read?/data/note")); err != nil || got != "kept-in-/data/note" {
		t.Errorf("/data/note is %q, %v", got, err)
	}
	for _, path := range others {
		if got, err := a.Get(a.URL("/read?" + path)); err == nil {
			t.Errorf("%s, of the root file system, is %q", path, got)
		}
	}
	checkpoint(t, s, a)
}

// This runsc saves one; what it has for all takes the root file systems too.
func TestDataScopeWithTwoDurableDirectoriesIsRefused(t *testing.T) {
	s := start(t, lab.Options{})
	c := lab.Web()
	c.Durable = []string{"/data", "/more/state"}
	a := web(t, s, c)
	check(t, s.Client.Run(a.Request()))
	_, err := s.Client.Checkpoint(a.Request().With("scope", "SNAPSHOT_SCOPE_DATA"))
	fails(t, err, codes.FailedPrecondition, "/data, /more/state", "FULL", "actor "+a.Namespace+":"+a.Template+":"+a.ID+" runs on")
	counts(t, a, 1)
	if got, err := a.Get(a.URL("/write?/more/state/note=kept")); err != nil {
		t.Fatal(got, err)
	}
	restore(t, s, a, checkpoint(t, s, a))
	counts(t, a, 2)
	if got, err := a.Get(a.URL("/read?/more/state/note")); err != nil || got != "kept" {
		t.Errorf("with scope FULL: %q, %v", got, err)
	}
	checkpoint(t, s, a)
}

func TestFileInThePlaceOfTheSnapshotIsNoFaultOfTheRequest(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	check(t, os.WriteFile(a.Dir("checkpoint-state"), []byte("x"), 0o600))
	fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition, "checkpoint-state", "runs on")
	check(t, os.Remove(a.Dir("checkpoint-state")))
	checkpoint(t, s, a)
}

func TestDataScopeWithoutADurableDirectoryIsRefused(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	_, err := s.Client.Checkpoint(a.Request().With("scope", "SNAPSHOT_SCOPE_DATA"))
	if err == nil {
		t.Fatal("it is not refused")
	}
	counts(t, a, 1) // it runs on
	checkpoint(t, s, a)
}

func TestInteriorNamespaceExistsFromStartAndStaysOneName(t *testing.T) {
	s := start(t, lab.Options{})
	path := s.Mounts(s.Interior())
	eventually(t, "it is there", func() bool { _, err := os.Stat(path); return err == nil }, func() string { return path })
	inode := func() uint64 {
		info, err := os.Stat(path)
		check(t, err)
		own, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", s.PID))
		check(t, err)
		if os.SameFile(info, own) {
			t.Fatal("it is the worker's own")
		}
		return inodeOf(info)
	}
	first := inode()
	link, err := lab.Sh("nsenter", "--net="+path, "ip", "-brief", "address", "show", "eth0")
	check(t, err)
	if !strings.Contains(link, "169.254.17.2/30") {
		t.Errorf("eth0 is %q", link)
	}
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	inode()
	checkpoint(t, s, a)
	eventually(t, "another namespace has the name", func() bool { return inode() != first }, func() string { return path })
	works(t, s)
}

func TestBundlesAreLeftAsAteletWroteThem(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	config := a.Dir("bundles", "web", "config.json")
	before := must(os.ReadFile(config))(t)
	check(t, s.Client.Run(a.Request()))
	if after := must(os.ReadFile(config))(t); string(after) != string(before) {
		t.Error("config.json was changed")
	}
	checkpoint(t, s, a)
}

func TestActorResolvesByThePodsResolver(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	got, err := a.Get(a.URL("/fetch?url=http://" + lab.OutsideName + "/"))
	if err != nil || !strings.HasSuffix(got, "outside "+a.Address) { // as the pod
		t.Errorf("by name: %q, %v", got, err)
	}
	if got, err := a.Get(a.URL("/fetch?url=http://unknown.test/")); err == nil {
		t.Errorf("an unknown name: %q", got)
	}
	checkpoint(t, s, a)
}

func TestEgressIsAllWithTheFloor(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	for _, address := range []string{lab.OutsideAddress, "192.168.77.10"} {
		if got, err := a.Get(a.URL("/fetch?url=http://" + address + "/")); err != nil {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	// The same server, and the pod itself reaches it.
	if got, err := s.GetFrom(s.Netns(), "http://169.254.169.254/"); err != nil {
		t.Errorf("169.254.169.254 from the pod: %q, %v", got, err)
	}
	began := time.Now()
	if got, err := a.Get(a.URL("/fetch?url=http://169.254.169.254/")); err == nil || time.Since(began) > time.Second {
		t.Errorf("169.254.169.254 from the actor: %q after %v", got, time.Since(began))
	}
	checkpoint(t, s, a)
}

func TestPortAndEgressCanBeSet(t *testing.T) {
	s := start(t, lab.Options{Args: []string{"--port", "8080:80", "--egress", "internet"}})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	got, err := a.Get("http://" + a.Address + ":8080/fetch?url=http://" + lab.OutsideAddress + "/")
	if err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := a.Get("http://" + a.Address + ":8080/fetch?url=http://192.168.77.10/"); err == nil {
		t.Errorf("a private address: %q", got)
	}
	closed(t, a.Pod)
	checkpoint(t, s, a)
}

// A line of the log.
type line struct {
	Time    time.Time         `json:"time"`
	Message string            `json:"message"`
	Labels  map[string]string `json:"labels"`
	Extra   string            `json:"extra"`
}

func TestLogLinesAreAsTheContractSays(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	for _, text := range []string{`plain`, `{"message":"structured","extra":"kept","labels":{"own":"1"}}`, `{"broken`} {
		if _, err := a.Get(a.URL("/print?" + text)); err != nil {
			t.Fatal(err)
		}
	}
	restore(t, s, a, checkpoint(t, s, a))
	checkpoint(t, s, a)
	labels := map[string]string{"ate.dev/actor_id": a.ID, "ate.dev/actor_template_name": a.Template,
		"ate.dev/actor_template_namespace": a.Namespace}
	want := []string{"Actor starting", "Actor started", "Actor checkpointing", "Actor checkpointed", "Actor restoring",
		"Actor restored", "Actor checkpointing", "Actor checkpointed"}
	got, container := readLog(t, s, labels)
	if !slices.Equal(got, want) {
		t.Errorf("lifecycle: %q", got)
	}
	for _, message := range []string{"httpd: serving", "plain", "structured", `{"broken`} {
		l, found := container[message]
		if !found {
			t.Errorf("no line %q", message)
			continue
		}
		if l.Time.IsZero() {
			t.Errorf("%q has no time", message)
		}
	}
	if l := container["structured"]; l.Extra != "kept" || l.Labels["own"] != "1" {
		t.Errorf("a JSON line is %+v", l)
	}
}

// readLog checks the labels of all lines; returns lifecycle messages in their order, and container lines by message.
func readLog(t *testing.T, s *lab.Server, labels map[string]string) ([]string, map[string]line) {
	t.Helper()
	var lifecycle []string
	container := map[string]line{}
	for _, text := range s.Lines() {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("not JSON: %s", text)
			continue
		}
		if l.Labels["ate.dev/actor_id"] == "" {
			continue // the server's own
		}
		for name, value := range labels {
			if l.Labels[name] != value {
				t.Errorf("%s is %q in %s", name, l.Labels[name], text)
			}
		}
		switch name := l.Labels["ate.dev/container_name"]; {
		case name == "" && strings.HasPrefix(l.Message, "Actor "):
			lifecycle = append(lifecycle, l.Message)
			if l.Time.IsZero() {
				t.Errorf("no time: %s", text)
			}
		case name == "web":
			container[l.Message] = l
		}
	}
	return lifecycle, container
}

func TestServerCalledTwiceForOneActor(t *testing.T) {
	s := start(t, lab.Options{})
	a, b := web(t, s), web(t, s)
	fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition)
	check(t, s.Client.Run(a.Request()))
	fails(t, s.Client.Run(a.Request()), codes.FailedPrecondition)
	fails(t, s.Client.Run(b.Request()), codes.FailedPrecondition)
	fails(t, s.Client.Restore(b.Request()), codes.FailedPrecondition)
	counts(t, a, 1)
	checkpoint(t, s, a)
	fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition)
	works(t, s)
}

func second[T any](_ T, err error) error { return err }

func TestFilesOfTheServerArePrivate(t *testing.T) {
	s := start(t, lab.Options{})
	info := must(os.Stat(filepath.Dir(s.Socket())))(t)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory has mode %v", info.Mode())
	}
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	files, err := s.Client.Checkpoint(a.Request())
	check(t, err)
	if info := must(os.Stat(a.Dir("checkpoint-state")))(t); info.Mode().Perm()&0o077 != 0 {
		t.Errorf("checkpoint-state has mode %v", info.Mode())
	}
	check(t, a.Upload(files, snapshot(t)))
}
