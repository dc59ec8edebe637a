// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"actornet/tests/ateom/lab"
)

type healthStatus = grpc_health_v1.HealthCheckResponse_ServingStatus

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// healthNow asks the standard service once, within two seconds.
func healthNow(s *lab.Server, service string) (healthStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(s.Client.Conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: service})
	return answer.GetStatus(), err
}

// health asks until the server serves, two seconds at most: at first it prepares the worker.
func health(s *lab.Server) error {
	return healthOf(s, "")
}

func healthOf(s *lab.Server, service string) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		is, err := healthNow(s, service)
		if err != nil || is == serving {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("health is %v", is)
		}
	}
}

// The socket is there before the worker is prepared. Until then health says so, and what need not wait is refused at
// once. Which of the two is first is a matter of milliseconds, so that several servers may be needed to see it.
func TestHealthIsNotServingUntilTheWorkerIsPrepared(t *testing.T) {
	for range 20 {
		s := start(t, lab.Options{})
		a := &lab.Actor{Pod: s.Pod, Namespace: "no", Template: "such", ID: "actor", Runsc: runsc}
		before, err := healthNow(s, "")
		check(t, err)
		_, refused := s.Client.Checkpoint(a.Request())
		invalid := callRaw(s, "/ateom.Ateom/RunWorkload", []byte{0x0a, 200, 1, 'a'})
		after, err := healthNow(s, "")
		check(t, err)
		fails(t, refused, codes.FailedPrecondition, "is not the actor that runs here")
		fails(t, invalid, codes.InvalidArgument)
		check(t, health(s))
		if before != notServing || after != notServing {
			continue
		}
		fails(t, refused, codes.FailedPrecondition, "the worker is being prepared")
		fails(t, invalid, codes.InvalidArgument, "the worker is being prepared")
		works(t, s)
		return
	}
	t.Fatal("the worker was always prepared")
}

func TestHealthIsServing(t *testing.T) {
	s := start(t, lab.Options{})
	check(t, healthOf(s, ""))
	check(t, healthOf(s, "ateom.Ateom"))
	fails(t, healthOf(s, "other.Service"), codes.NotFound)
}

func TestHealthAnswersWhileACallIsUnderWay(t *testing.T) {
	s := start(t, lab.Options{})
	c := lab.Web()
	c.Ready = "/slow"
	a := web(t, s, c)
	done := make(chan error, 1)
	go func() { done <- s.Client.Run(a.Request()) }()
	eventually(t, "it runs", func() bool { return len(s.Processes()) > 0 }, func() string { return "" })
	for range 20 {
		began := time.Now()
		check(t, health(s))
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("health took %v", took)
		}
	}
	check(t, <-done)
	checkpoint(t, s, a)
}

func grpcurl(t *testing.T, s *lab.Server, args ...string) (string, error) {
	t.Helper()
	program := filepath.Join(lab.Build(), "ateom-tests", "grpcurl")
	out, err := exec.Command(program, append([]string{"-plaintext"}, args...)...).CombinedOutput()
	return string(out), err
}

func TestGrpcurlListsDescribesAndCalls(t *testing.T) {
	s := start(t, lab.Options{})
	list, err := grpcurl(t, s, "unix://"+s.Socket(), "list")
	if err != nil || !strings.Contains(list, "ateom.Ateom\n") || !strings.Contains(list, "grpc.health.v1.Health") {
		t.Errorf("list: %v: %s", err, list)
	}
	methods, err := grpcurl(t, s, "unix://"+s.Socket(), "list", "ateom.Ateom")
	if err != nil || len(strings.Fields(methods)) != 3 {
		t.Errorf("list ateom.Ateom: %v: %s", err, methods)
	}
	for _, symbol := range []string{"ateom.Ateom", "ateom.RunWorkloadRequest", "ateom.SnapshotScope",
		"ateom.Ateom.CheckpointWorkload"} {
		if text, err := grpcurl(t, s, "unix://"+s.Socket(), "describe", symbol); err != nil || !strings.Contains(text, symbol) {
			t.Errorf("describe %s: %v: %s", symbol, err, text)
		}
	}
	if text, err := grpcurl(t, s, "unix://"+s.Socket(), "describe", "ateom.Nothing"); err == nil {
		t.Errorf("describe ateom.Nothing: %s", text)
	}
	text, err := grpcurl(t, s, "unix://"+s.Socket(), "grpc.health.v1.Health/Check")
	if err != nil || !strings.Contains(text, "SERVING") {
		t.Errorf("health: %v: %s", err, text)
	}
	a := web(t, s)
	request := fmt.Sprintf(`{"actor_template_namespace":"%s","actor_template_name":"%s","actor_id":"%s","runsc_path":"%s",
		"spec":{"containers":[{"name":"web","readyz":{"http_get":{"port":80}}}]}}`, a.Namespace, a.Template, a.ID, a.Runsc)
	if text, err = grpcurl(t, s, "-d", request, "unix://"+s.Socket(), "ateom.Ateom/RunWorkload"); err != nil {
		t.Errorf("run: %v: %s", err, text)
	}
	counts(t, a, 1)
	if text, err = grpcurl(t, s, "-d", request, "unix://"+s.Socket(), "ateom.Ateom/RunWorkload"); err == nil ||
		!strings.Contains(text, "FailedPrecondition") {
		t.Errorf("run again: %v: %s", err, text)
	}
	checkpoint(t, s, a)
}

func TestUnknownMethodsAndCompressedMessagesAreUnimplemented(t *testing.T) {
	s := start(t, lab.Options{})
	for _, method := range []string{"/ateom.Ateom/Nope", "/other.Service/RunWorkload", "/x"} {
		fails(t, callRaw(s, method, nil), codes.Unimplemented)
	}
	a := web(t, s)
	var trailer, header metadata.MD
	fails(t, s.Client.Run(a.Request(), grpc.UseCompressor(gzip.Name), grpc.Trailer(&trailer), grpc.Header(&header)),
		codes.Unimplemented)
	if got := append(trailer.Get("grpc-accept-encoding"), header.Get("grpc-accept-encoding")...); len(got) == 0 {
		t.Logf("grpc-accept-encoding is not visible to this client: %v %v", header, trailer)
	}
	works(t, s)
}

func TestLargeMessagesAreRefusedAndCostNothing(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	before := s.Resident()
	many := make([]byte, 0, 2<<20)
	for len(many) < 2<<20 {
		many = append(many, 0x2a, 2, 0x0a, 0) // spec { containers {} }
	}
	for range 5 {
		fails(t, callRaw(s, "/ateom.Ateom/RunWorkload", many), codes.ResourceExhausted)
	}
	fails(t, callRaw(s, "/ateom.Ateom/RunWorkload", many[:60<<10]), codes.InvalidArgument) // within the limit
	a := web(t, s)
	fails(t, s.Client.Run(a.Request().With("actorId", strings.Repeat("x", 100<<10))), codes.ResourceExhausted)
	if after := s.Resident(); !sanitized() && after > before+1024 {
		t.Errorf("resident %d KiB, before %d", after, before)
	}
	works(t, s)
}

func sanitized() bool { return os.Getenv("ACTORNET_SANITIZED") == "1" }

func TestHundredCallersAtOnceOneWins(t *testing.T) {
	s := start(t, lab.Options{})
	actors := make([]*lab.Actor, 100)
	for i := range actors {
		actors[i] = must(s.Actor(fmt.Sprintf("crowd-%d", i), runsc, lab.Web()))(t)
	}
	errs := make([]error, len(actors))
	var all sync.WaitGroup
	for i, a := range actors {
		all.Add(1)
		go func() {
			defer all.Done()
			client, err := lab.Connect("unix://" + s.Socket()) // a connection each
			if err != nil {
				errs[i] = err
				return
			}
			defer client.Close()
			errs[i] = client.Run(a.Request())
		}()
	}
	all.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case status.Code(err) != codes.FailedPrecondition:
			t.Errorf("caller %d: %v", i, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	counts(t, actors[won], 1)
	checkpoint(t, s, actors[won])
	works(t, s)
}

// A call that is given up at any moment leaves the actor running, or nothing.
func TestCallsThatAreGivenUpAtRandomMoments(t *testing.T) {
	s := start(t, lab.Options{})
	a := web(t, s)
	check(t, s.Client.Run(a.Request()))
	from := checkpoint(t, s, a)
	random := rand.New(rand.NewSource(1))
	ran := 0
	for i := range 24 {
		method := []string{"RunWorkload", "RestoreWorkload", "CheckpointWorkload"}[i%3]
		check(t, a.Download(from))
		request := a.Request()
		if method != "RunWorkload" {
			request = request.With("scope", "SNAPSHOT_SCOPE_FULL")
		}
		if method == "CheckpointWorkload" {
			check(t, s.Client.Run(a.Request()))
		}
		ctx, cancel := context.WithCancel(context.Background())
		after := time.Duration(random.Intn(600)) * time.Millisecond
		if i%2 == 0 {
			ctx, cancel = context.WithTimeout(context.Background(), after)
		} else {
			time.AfterFunc(after, cancel)
		}
		_, err := s.Client.Call(ctx, method, request)
		cancel()
		switch status.Code(err) {
		case codes.OK, codes.Canceled, codes.DeadlineExceeded:
		default:
			t.Errorf("%s given up after %v: %v", method, after, err)
		}
		if settle(t, s, a) {
			ran++
		}
		check(t, os.RemoveAll(a.Dir()))
	}
	t.Logf("in %d of 24 the actor ran on", ran)
	works(t, s)
}

func TestCallerThatLostTheReplyFindsOutByCallingAgain(t *testing.T) {
	s := start(t, lab.Options{})
	for _, late := range []time.Duration{0, 100 * time.Millisecond, time.Second} {
		a := web(t, s)
		other := must(lab.Connect("unix://" + s.Socket()))(t)
		go other.Run(a.Request())
		eventually(t, "it runs", func() bool { return len(s.Processes()) > 0 }, func() string { return "" })
		time.Sleep(late)
		other.Close()
		err := s.Client.Run(a.Request())
		if status.Code(err) != codes.FailedPrecondition { // it runs already
			check(t, err)
		}
		counts(t, a, 1)
		checkpoint(t, s, a)
	}
	works(t, s)
}

// -- Bytes that are no gRPC ------------------------------------------------------------------------------------------

func dial(t *testing.T, s *lab.Server) net.Conn {
	t.Helper()
	return must(net.Dial("unix", s.Socket()))(t)
}

func TestGarbageAndSilenceDisturbNobody(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	before := s.Descriptors()
	random := make([]byte, 4096)
	rand.New(rand.NewSource(2)).Read(random)
	preface := http2.ClientPreface
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	conns := []net.Conn{}
	for name, bytes := range map[string]string{
		"random":          string(random),
		"HTTP/1.1":        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"half a preface":  preface[:10],
		"only a preface":  preface,
		"then random":     preface + settings + string(random),
		"huge frame":      preface + settings + "\xff\xff\xff\x00\x00\x00\x00\x00\x01",
		"data on stream0": preface + settings + "\x00\x00\x01\x00\x00\x00\x00\x00\x00x",
		"bad header":      preface + settings + "\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff",
		"window overflow": preface + settings + "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff",
		"silence":         "",
	} {
		conn := dial(t, s)
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Logf("%s: %v", name, err)
		}
		conns = append(conns, conn)
		if err := health(s); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	works(t, s)
	for _, conn := range conns {
		conn.Close()
	}
	eventually(t, "connections are closed", func() bool { return s.Descriptors() <= before }, func() string {
		return fmt.Sprintf("%d descriptors, before %d", s.Descriptors(), before)
	})
}

func TestSilentConnectionsAreEnded(t *testing.T) {
	s := start(t, lab.Options{})
	conn := dial(t, s)
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	began := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	t.Logf("after %v", time.Since(began))
}

func TestCrowdOfSilentConnectionsLocksNobodyOut(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	before, resident := s.Descriptors(), s.Resident()
	var conns []net.Conn
	for range 500 {
		conn, err := net.DialTimeout("unix", s.Socket(), 100*time.Millisecond)
		if err != nil {
			break // the backlog is full
		}
		conns = append(conns, conn)
	}
	check(t, health(s)) // on the connection there was
	t.Logf("%d connections, %d descriptors, %d KiB more", len(conns), s.Descriptors(), s.Resident()-resident)
	newcomer := must(lab.Connect("unix://" + s.Socket()))(t)
	defer newcomer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(newcomer.Conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{},
		grpc.WaitForReady(true))
	check(t, err)
	for _, conn := range conns {
		conn.Close()
	}
	eventually(t, "connections are closed", func() bool { return s.Descriptors() <= before+1 }, func() string {
		return fmt.Sprintf("%d descriptors, before %d", s.Descriptors(), before)
	})
	works(t, s)
}

func TestConnectionsThatComeAndGoWhileRunscIsSpawned(t *testing.T) {
	s := start(t, lab.Options{})
	prepared(t, s)
	before := s.Descriptors()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(i)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := net.Dial("unix", s.Socket())
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				conn.Write([]byte(http2.ClientPreface)[:random.Intn(len(http2.ClientPreface)+1)])
				if random.Intn(2) == 0 {
					time.Sleep(time.Duration(random.Intn(3)) * time.Millisecond)
				}
				conn.Close()
				time.Sleep(time.Millisecond)
			}
		}()
	}
	for range 3 {
		works(t, s)
	}
	close(stop)
	all.Wait()
	eventually(t, "connections are closed", func() bool { return s.Descriptors() <= before }, func() string {
		return fmt.Sprintf("%d descriptors, before %d", s.Descriptors(), before)
	})
}

func TestServerThatRanOutOfDescriptorsRecoversAndDoesNotSpin(t *testing.T) {
	s := start(t, lab.Options{Setup: "ulimit -n 40"})
	prepared(t, s)
	var conns []net.Conn
	for range 100 {
		conn, err := net.DialTimeout("unix", s.Socket(), 50*time.Millisecond)
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	before := cpu(s)
	time.Sleep(time.Second)
	if used := cpu(s) - before; used > 200*time.Millisecond {
		t.Errorf("%v of processor time in a second", used)
	}
	answers(t, s) // they make room, though they stay
	for _, conn := range conns {
		conn.Close()
	}
	answers(t, s)
}

// answers a newcomer, within five seconds.
func answers(t *testing.T, s *lab.Server) {
	t.Helper()
	newcomer := must(lab.Connect("unix://" + s.Socket()))(t)
	defer newcomer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(newcomer.Conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{},
		grpc.WaitForReady(true))
	check(t, err)
}

// cpu is the processor time that the server has used.
func cpu(s *lab.Server) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	_, rest, _ := strings.Cut(string(text), ") ")
	words := strings.Fields(rest)
	if len(words) < 13 {
		return 0
	}
	var user, system time.Duration
	fmt.Sscan(words[11], &user)
	fmt.Sscan(words[12], &system)
	return (user + system) * 10 * time.Millisecond
}

// frames opens an HTTP/2 connection by hand.
func frames(t *testing.T, s *lab.Server) (net.Conn, *http2.Framer) {
	t.Helper()
	conn := dial(t, s)
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := io.WriteString(conn, http2.ClientPreface)
	check(t, err)
	framer := http2.NewFramer(conn, conn)
	check(t, framer.WriteSettings())
	return conn, framer
}

func TestPingsAreAnswered(t *testing.T) {
	s := start(t, lab.Options{})
	_, framer := frames(t, s)
	data := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	check(t, framer.WritePing(false, data))
	for {
		frame := must(framer.ReadFrame())(t)
		if ping, ok := frame.(*http2.PingFrame); ok {
			if !ping.IsAck() || ping.Data != data {
				t.Errorf("%v", ping)
			}
			return
		}
	}
}

func TestGoawayIsSentAtTheEnd(t *testing.T) {
	s := start(t, lab.Options{})
	_, framer := frames(t, s)
	_, err := framer.ReadFrame()
	check(t, err)
	check(t, s.Signal(syscall.SIGTERM))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("the connection ended without GOAWAY: %v", err)
		}
		if _, ok := frame.(*http2.GoAwayFrame); ok {
			break
		}
	}
	if code, err := s.Wait(10 * time.Second); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
}
