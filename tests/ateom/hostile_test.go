// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	"actornet/tests/ateom/lab"
)

func TestNamesFromTheWireAreChecked(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	long := strings.Repeat("x", 256)
	container := func(field string, value any) lab.Request {
		c := map[string]any{"name": "web"}
		c[field] = value
		return a.Request().With("spec", map[string]any{"containers": []any{c}})
	}
	readyz := func(path string, port int) lab.Request {
		return container("readyz", map[string]any{"httpGet": map[string]any{"path": path, "port": port}})
	}
	cases := map[string]lab.Request{
		"together too long": a.Request().With("actorTemplateNamespace", long[:120]).With("actorId", long[:140]),
		"port 0":            readyz("/", 0),
		"port -1":           readyz("/", -1),
		"port 65536":        readyz("/", 65536),
		"readyz relative":   readyz("readyz", 80),
		"readyz break":      readyz("/a\r\nX: y", 80),
		"readyz space":      readyz("/a b", 80),
		"volume relative":   container("durableDirVolumes", []string{"data"}),
		"volume parent":     container("durableDirVolumes", []string{"/../data"}),
		"pause":             container("name", "pause"),
		"twice":             a.Request().With("spec", map[string]any{"containers": []any{object{"name": "web"}, object{"name": "web"}}}),
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/", "/etc", "a\x00b", long} {
		for _, field := range []string{"actorTemplateNamespace", "actorTemplateName", "actorId"} {
			cases[fmt.Sprintf("%s %.20q", field, name)] = a.Request().With(field, name)
		}
		cases[fmt.Sprintf("container %.20q", name)] = container("name", name)
	}
	cases["option as container"] = container("name", "-rm")
	for name, request := range cases {
		t.Run(name, func(t *testing.T) {
			fails(t, s.Client.Run(request), codes.InvalidArgument)
			fails(t, s.Client.Restore(request), codes.InvalidArgument)
		})
	}
	for _, scope := range []any{"SNAPSHOT_SCOPE_UNSPECIFIED", 7} {
		fails(t, s.Client.Restore(a.Request().With("scope", scope)), codes.InvalidArgument)
	}
	check(t, s.Client.Run(a.Request()))
	for _, scope := range []any{"SNAPSHOT_SCOPE_UNSPECIFIED", 7} {
		fails(t, second(s.Client.Checkpoint(a.Request().With("scope", scope))), codes.InvalidArgument)
	}
	counts(t, a, 1)
	checkpoint(t, s, a)
}

type object = map[string]any

func TestPathOfRunscIsChecked(t *testing.T) {
	s := start(t, lab.Options{})
	dir := t.TempDir()
	plain, pipe := filepath.Join(dir, "plain"), filepath.Join(dir, "pipe")
	check(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644))
	_, err := lab.Sh("mkfifo", "-m", "755", pipe)
	check(t, err)
	for _, path := range []string{"", "runsc", "./runsc", "../bin/runsc", dir, plain, pipe, filepath.Join(dir, "missing"),
		"/dev/null", runsc + "\x00"} {
		a := web(t, s)
		a.Runsc = path
		began := time.Now()
		if err := s.Client.Run(a.Request()); err == nil {
			t.Errorf("%q runs", path)
		} else if time.Since(began) > 2*time.Second {
			t.Errorf("%q: %v after %v", path, err, time.Since(began))
		}
	}
	works(t, s)
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { return nil }
func (raw) Name() string                       { return "proto" }

func callRaw(s *lab.Server, method string, message []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Client.Conn.Invoke(ctx, method, message, nil, grpc.ForceCodec(raw{}))
}

func TestMessagesThatAreNoneAreRefused(t *testing.T) {
	s := start(t, lab.Options{})
	for name, message := range map[string][]byte{
		"not UTF-8":        {0x0a, 2, 0xff, 0xfe},
		"surrogate":        {0x0a, 3, 0xed, 0xa0, 0x80},
		"NUL":              {0x0a, 3, 'a', 0, 'b'},
		"cut string":       {0x0a, 200, 1, 'a'},
		"endless varint":   {0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"wrong wire type":  {0x08, 1},
		"nothing":          {},
		"group left open":  {0x0b},
		"field number 0":   {0x02, 0},
		"random":           {0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03},
		"nested too short": {0x2a, 2, 0x0a, 9},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"RunWorkload", "CheckpointWorkload", "RestoreWorkload"} {
				err := callRaw(s, "/ateom.Ateom/"+method, message)
				fails(t, err, codes.InvalidArgument)
			}
		})
	}
	works(t, s)
}

// Links in an actor's directory lead to a victim's; whatever the answer, the victim's files stay as they are.
func TestPlantedLinksAreNotFollowed(t *testing.T) {
	s := start(t, lab.Options{})
	for _, planted := range []string{"bundles", "bundles/web", "bundles/web/config.json", "runsc-state", "pidfiles",
		"pidfiles/web.pid", "pidfiles/pause.pid", "checkpoint-state", ""} {
		t.Run("at "+planted, func(t *testing.T) {
			victim := t.TempDir()
			check(t, os.Chmod(victim, 0o755))
			a := web(t, s)
			place := a.Dir(strings.Split(planted, "/")...)
			target := filepath.Join(victim, "there")
			if _, err := os.Stat(place); err == nil {
				check(t, os.Rename(place, target))
			} else if strings.HasSuffix(planted, ".pid") {
				check(t, os.WriteFile(target, []byte("precious"), 0o644))
			} else {
				check(t, os.Mkdir(target, 0o755))
			}
			check(t, os.Symlink(target, place))
			before := tree(t, victim)
			err := s.Client.Run(a.Request())
			if err == nil {
				_, err = s.Client.Checkpoint(a.Request())
				if err != nil {
					settleLoosely(s, a)
				}
			}
			t.Log(err)
			if after := tree(t, victim); after != before {
				t.Errorf("the victim's files changed:\n%s", difference(before, after))
			}
			works(t, s)
		})
	}
}

// settleLoosely ends an actor whose directory is spoilt: by moving a sound one there.
func settleLoosely(s *lab.Server, a *lab.Actor) {
	os.Remove(a.Dir("checkpoint-state"))
	s.Client.Checkpoint(a.Request())
}

// tree is what a directory holds, with sizes and times.
func tree(t *testing.T, dir string) string {
	t.Helper()
	return must(lab.Sh("find", dir, "-printf", "%p %y %s %m %T@\n"))(t)
}

// Who connects, says hello and nothing more takes nobody's place.
func TestIdleConnectionsLockNobodyOut(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	for range 140 {
		conn, err := net.Dial("unix", s.Socket())
		for tries := 0; errors.Is(err, syscall.EAGAIN) && tries < 1000; tries++ { // the backlog is full for a moment
			time.Sleep(time.Millisecond)
			conn, err = net.Dial("unix", s.Socket())
		}
		check(t, err)
		defer conn.Close()
		must(io.WriteString(conn, http2.ClientPreface))(t)
		check(t, http2.NewFramer(conn, conn).WriteSettings())
	}
	answers(t, s)
	check(t, health(s)) // and the client that was there before
}

// Clients that ask on and on and read no answer cost little, and nothing once they are gone.
func TestUnreadAnswersCostLittle(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	before, most := s.Resident(), 0
	conns := []*lab.Client{}
	question := &grpc_reflection_v1.ServerReflectionRequest{
		Host:           strings.Repeat("h", 60000),
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{ListServices: "*"},
	}
	for range 3 {
		c := must(lab.Connect("unix://" + s.Socket()))(t)
		conns = append(conns, c)
		for range 80 {
			stream := must(grpc_reflection_v1.NewServerReflectionClient(c.Conn).ServerReflectionInfo(context.Background()))(t)
			go func() {
				for stream.Send(question) == nil {
				}
			}()
		}
	}
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		most = max(most, s.Resident())
	}
	a := web(t, s)
	fails(t, second(s.Client.Checkpoint(a.Request())), codes.FailedPrecondition) // others are served
	for _, c := range conns {
		c.Close()
	}
	time.Sleep(500 * time.Millisecond)
	after := s.Resident()
	t.Logf("resident: %d KiB before, %d with unread answers, %d when their clients are gone", before, most, after)
	if !sanitized() && (most > before+6<<10 || after > before+1<<10) {
		t.Errorf("that is too much")
	}
	works(t, s)
}
