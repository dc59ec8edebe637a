// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"actornet/tests/ateom/lab"
)

const residentMax = 6 << 10 // KiB

// What it holds once it has done what it does after its answer: the next slot is built then, with a lock and a namespace open.
func atRest(s *lab.Server) (resident, descriptors int) {
	time.Sleep(200 * time.Millisecond)
	return s.Resident(), s.Descriptors()
}

func TestResidentSetIsSmallIdleAndAfterAThousandCalls(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	idle := s.Resident()
	a := web(t, s)
	for range 500 {
		check(t, health(s))
		fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition)
	}
	after := s.Resident()
	t.Logf("resident: idle %d KiB, after 1,000 calls %d KiB", idle, after)
	if !sanitized() && (idle > residentMax || after > residentMax) {
		t.Errorf("more than %d KiB", residentMax)
	}
}

func TestFiftyCyclesLeakNeitherMemoryNorDescriptors(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	var resident, descriptors int
	for i := range 50 {
		restore(t, s, a, checkpoint(t, s, a))
		switch {
		case i == 9:
			resident, descriptors = atRest(s)
		case i > 9:
			eventually(t, fmt.Sprintf("cycle %d: descriptors", i), func() bool { return s.Descriptors() <= descriptors+2 },
				func() string { return fmt.Sprintf("%d descriptors, after ten cycles %d", s.Descriptors(), descriptors) })
		}
	}
	eventually(t, "descriptors are as many as before", func() bool { return s.Descriptors() <= descriptors }, func() string {
		return fmt.Sprintf("%d descriptors, after ten cycles %d", s.Descriptors(), descriptors)
	})
	if grown := s.Resident() - resident; grown > 256 && !sanitized() {
		t.Errorf("%d KiB more than after ten cycles", grown)
	}
	t.Logf("resident %d KiB, after ten cycles %d; %d descriptors", s.Resident(), resident, s.Descriptors())
	checkpoint(t, s, a)
}

// The network part, and all of the server's, with a stand-in for gVisor.
func TestThousandCyclesOfTheNetworkLeakNothing(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s, lab.Container{Name: "web"})
	a.Runsc = filepath.Join(lab.Build(), "ateom-tests", "fake-runsc")
	var resident, descriptors, namespaces int
	began := time.Now()
	for i := range 1000 {
		check(t, s.Client.Run(a.Request()))
		files, err := s.Client.Checkpoint(a.Request())
		check(t, err)
		if len(files) != 1 {
			t.Fatalf("snapshot files: %q", files)
		}
		check(t, os.RemoveAll(a.Dir("checkpoint-state")))
		if i == 99 {
			resident, descriptors = atRest(s)
			namespaces = s.Namespaces()
		}
	}
	t.Logf("%v a cycle; resident %d KiB, after a hundred cycles %d", time.Since(began)/1000, s.Resident(), resident)
	if grown := s.Resident() - resident; grown > 256 && !sanitized() {
		t.Errorf("%d KiB more than after a hundred cycles", grown)
	}
	eventually(t, "descriptors and namespaces are as many as before", func() bool {
		return s.Descriptors() <= descriptors && s.Namespaces() <= namespaces
	}, func() string {
		return fmt.Sprintf("%d descriptors, before %d; %d namespaces, before %d", s.Descriptors(), descriptors,
			s.Namespaces(), namespaces)
	})
	nothingRuns(t, s)
}
