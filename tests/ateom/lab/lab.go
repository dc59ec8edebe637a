// SPDX-License-Identifier: Apache-2.0

// Package lab has what the tests and the benchmark of ateom-gvisor share: a network of namespaces with worker pods, what
// atelet does on a node, and a client of the service.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// OutsideAddress serves what actors fetch; OutsideName is its name.
const (
	OutsideAddress = "203.0.113.10"
	OutsideName    = "outside.test"
	prefix         = "ateom-"
)

var lifetimes = regexp.MustCompile(`(valid|preferred)_lft \S+`)

// Lab is a client, which is also the router and the world outside, and worker pods beside it.
type Lab struct {
	Dir    string // everything of this lab, removed with it
	client string
	mu     sync.Mutex
	pods   []*Pod
	n      int
	closer []func()
}

// Source is the top of the source tree.
func Source() string {
	if top := os.Getenv("ACTORNET_SOURCE"); top != "" {
		return top
	}
	dir, _ := os.Getwd()
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "src", "ateom")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return "."
}

// Build is where the programs were built.
func Build() string {
	if dir := os.Getenv("ACTORNET_BUILD"); dir != "" {
		return dir
	}
	return filepath.Join(Source(), "build")
}

// Runsc is the gVisor that actors run in.
func Runsc() (string, error) {
	if path := os.Getenv("ACTORNET_RUNSC"); path != "" {
		return path, nil
	}
	out, err := Sh(filepath.Join(Source(), "tools", "get-runsc"))
	return strings.TrimSpace(out), err
}

// New makes a lab, after what killed ones left has been removed.
func New() (*Lab, error) {
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: dir, client: fmt.Sprintf("%s%d-client", prefix, os.Getpid())}
	if err := l.open(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Lab) open() error {
	if err := os.Chmod(l.Dir, 0o755); err != nil {
		return err
	}
	if err := ip("netns add " + l.client); err != nil {
		return err
	}
	if err := ipIn(l.client, "link set lo up", "address add "+OutsideAddress+"/32 dev lo",
		"address add 169.254.169.254/32 dev lo", "address add 192.168.77.10/32 dev lo"); err != nil {
		return err
	}
	if err := l.serveOutside(); err != nil {
		return err
	}
	return l.buildGuest()
}

// serveOutside answers HTTP on every address of the client's, and DNS with one name.
func (l *Lab) serveOutside() error {
	var listener net.Listener
	var packets net.PacketConn
	err := In(NetnsDir+l.client, func() (err error) {
		if listener, err = net.Listen("tcp4", ":80"); err == nil {
			packets, err = net.ListenPacket("udp4", ":53")
		}
		return err
	})
	if err != nil {
		return err
	}
	l.closer = append(l.closer, func() { listener.Close(); packets.Close() })
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "outside %s\n", host)
	}))
	go serveNames(packets)
	return nil
}

// serveNames is a resolver that knows one name (RFC 1035).
func serveNames(packets net.PacketConn) {
	known := []byte("\x07outside\x04test\x00\x00\x01\x00\x01")
	query := make([]byte, 512)
	for {
		n, peer, err := packets.ReadFrom(query)
		if err != nil {
			return
		}
		end := 12 + bytes.IndexByte(query[12:n], 0) + 5
		if n < 17 || end > n || end < 17 {
			continue
		}
		answer := append([]byte{}, query[:2]...)
		if bytes.Equal(query[12:end], known) {
			answer = append(answer, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0)
			answer = append(answer, query[12:end]...)
			answer = append(answer, 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			answer = append(answer, net.ParseIP(OutsideAddress).To4()...)
		} else {
			answer = append(answer, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0)
			answer = append(answer, query[12:end]...)
		}
		packets.WriteTo(answer, peer)
	}
}

// buildGuest makes the static web server that containers run.
func (l *Lab) buildGuest() error {
	out, err := exec.Command(filepath.Join(Source(), "tests", "lib", "bundle.sh"), l.guest(),
		filepath.Join(l.Dir, "unused")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tests/lib/bundle.sh: %w: %s", err, out)
	}
	return nil
}

func (l *Lab) guest() string {
	return filepath.Join(l.Dir, "httpd")
}

// Close ends what runs and removes all of it.
func (l *Lab) Close() {
	l.mu.Lock()
	pods, closers := l.pods, l.closer
	l.pods, l.closer = nil, nil
	l.mu.Unlock()
	for _, pod := range pods {
		pod.Close()
	}
	for _, f := range closers {
		f()
	}
	Sh("ip", "netns", "del", l.client)
	os.RemoveAll(l.Dir)
}

// sweep removes the namespaces and directories of labs whose process is no more.
func sweep() {
	mine := regexp.MustCompile("^" + prefix + `(\d+)-`)
	gone := func(name string) bool {
		found := mine.FindStringSubmatch(name)
		if found == nil {
			return false
		}
		pid, _ := strconv.Atoi(found[1])
		return syscall.Kill(pid, 0) == syscall.ESRCH
	}
	names, _ := os.ReadDir(NetnsDir)
	for _, entry := range names {
		if gone(entry.Name()) {
			Sh("ip", "netns", "del", entry.Name())
		}
	}
	dirs, _ := os.ReadDir(os.TempDir())
	for _, entry := range dirs {
		if gone(entry.Name()) {
			os.RemoveAll(filepath.Join(os.TempDir(), entry.Name()))
		}
	}
}

// Get fetches from the client's namespace: the body, or an error where that isn't a 200.
func (l *Lab) Get(url string) (string, error) {
	return l.GetFrom(NetnsDir+l.client, url)
}

// GetFrom fetches from the namespace at a path.
func (l *Lab) GetFrom(netns, url string) (string, error) {
	client := http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, _, address string) (conn net.Conn, err error) {
			err = In(netns, func() (err error) {
				conn, err = (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp4", address)
				return err
			})
			return conn, err
		},
	}}
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return strings.TrimSpace(string(body)), err
}
