// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// Pod is a worker pod: a network namespace with eth0, a resolver file, and the directory that atelet and the server
// share on the node.
type Pod struct {
	*Lab
	Name    string
	Address string // of eth0
	UID     string
	Base    string // what is /var/lib/ateom-gvisor on a node
	Resolv  string // what is /etc/resolv.conf in the pod
	server  *Server
}

// Pod adds a worker pod.
func (l *Lab) Pod() (*Pod, error) {
	l.mu.Lock()
	l.n++
	n := l.n
	l.mu.Unlock()
	name := fmt.Sprintf("%s%d-w%d", prefix, os.Getpid(), n)
	p := &Pod{Lab: l, Name: name, Address: fmt.Sprintf("10.97.%d.2", n), UID: uid(),
		Base: filepath.Join(l.Dir, fmt.Sprintf("w%d", n)), Resolv: filepath.Join(l.Dir, fmt.Sprintf("w%d.resolv", n))}
	router, link := fmt.Sprintf("10.97.%d.1", n), fmt.Sprintf("w%d", n)
	if err := os.MkdirAll(p.Base, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.Resolv, []byte("search example.test\nnameserver "+router+"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := ip("netns add " + name); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.pods = append(l.pods, p)
	l.mu.Unlock()
	if err := ipIn(name, "link set lo up", "link add eth0 type veth peer name "+link+" netns "+l.client,
		"link set eth0 addrgenmode none", "address add "+p.Address+"/24 dev eth0",
		fmt.Sprintf("address add fd97:%d::2/64 dev eth0 nodad", n), "link set eth0 up"); err != nil {
		return nil, err
	}
	if err := ipIn(l.client, "link set "+link+" addrgenmode none", "address add "+router+"/24 dev "+link,
		fmt.Sprintf("address add fd97:%d::1/64 dev %s nodad", n, link), "link set "+link+" up"); err != nil {
		return nil, err
	}
	return p, ipIn(name, "route add default via "+router, fmt.Sprintf("route add default via fd97:%d::1", n))
}

func uid() string {
	b := make([]byte, 16)
	rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Netns is the path of the pod's namespace.
func (p *Pod) Netns() string {
	return NetnsDir + p.Name
}

// Interior is the path of the namespace that bundles name; it exists in the server's own mount namespace.
func (p *Pod) Interior() string {
	return NetnsDir + "ateom:" + p.UID
}

// Socket is where the server listens.
func (p *Pod) Socket() string {
	return filepath.Join(p.Base, "ateoms", p.UID, "ateom.sock")
}

// URL of a path at the pod's address.
func (p *Pod) URL(path string) string {
	return "http://" + p.Address + path
}

// Close ends the server and removes the pod.
func (p *Pod) Close() {
	if p.server != nil {
		p.server.Kill()
	}
	Sh("ip", "netns", "del", p.Name)
	os.RemoveAll(p.Base)
}
