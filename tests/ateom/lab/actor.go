// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Container is one of an actor's, beside pause.
type Container struct {
	Name    string
	Args    []string // of the web server, see tests/lib/httpd.c
	Ready   string   // readyz path, empty: none is asked for
	Port    int      // readyz port
	Durable []string // mount paths of durable volumes
	User    int      // and group
}

// Actor is what atelet knows of one.
type Actor struct {
	*Pod
	Namespace, Template, ID string
	Runsc                   string
	Containers              []Container
}

// Web is the usual container: a server on port 80 that is ready at once.
func Web() Container {
	return Container{Name: "web", Args: []string{"80"}, Ready: "/readyz", Port: 80}
}

// Actor places runsc and the bundles, as atelet does before a call.
func (p *Pod) Actor(id, runsc string, containers ...Container) (*Actor, error) {
	a := &Actor{Pod: p, Namespace: "agents", Template: "web", ID: id, Runsc: runsc, Containers: containers}
	return a, a.Prepare()
}

// Dir is the actor's directory.
func (a *Actor) Dir(parts ...string) string {
	name := a.Namespace + ":" + a.Template + ":" + a.ID
	return filepath.Join(append([]string{a.Base, "actors", name}, parts...)...)
}

// Prepare writes all bundles anew, and the directories that atelet makes.
func (a *Actor) Prepare() error {
	for _, dir := range []string{"bundles", "runsc-state", "pidfiles", "restore-state", "durable-dir"} {
		if err := os.MkdirAll(a.Dir(dir), 0o700); err != nil {
			return err
		}
	}
	pause := Container{Name: "pause", Args: []string{"sleep"}}
	for _, c := range append([]Container{pause}, a.Containers...) {
		if err := a.bundle(c); err != nil {
			return err
		}
	}
	return nil
}

// Request is the message of any of the three calls.
func (a *Actor) Request() Request {
	containers := []any{}
	for _, c := range a.Containers {
		container := map[string]any{"name": c.Name, "durableDirVolumes": c.Durable}
		if c.Ready != "" {
			container["readyz"] = map[string]any{"httpGet": map[string]any{"path": c.Ready, "port": c.Port}}
		}
		containers = append(containers, container)
	}
	return Request{
		"actorTemplateNamespace": a.Namespace, "actorTemplateName": a.Template, "actorId": a.ID, "runscPath": a.Runsc,
		"spec": map[string]any{"containers": containers},
	}
}

// Upload does what atelet does after a checkpoint: checks that exactly these files are there, takes them, and wipes
// the actor's directory.
func (a *Actor) Upload(files []string, snapshot string) error {
	there := []string{}
	entries, err := os.ReadDir(a.Dir("checkpoint-state"))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			there = append(there, entry.Name())
		}
	}
	sort.Strings(there)
	if len(files) == 0 || strings.Join(there, " ") != strings.Join(files, " ") {
		return fmt.Errorf("snapshot files are %q, of them told: %q", there, files)
	}
	os.RemoveAll(snapshot)
	if err := os.MkdirAll(snapshot, 0o700); err != nil {
		return err
	}
	for _, name := range files {
		if err := os.Rename(a.Dir("checkpoint-state", name), filepath.Join(snapshot, name)); err != nil {
			return err
		}
	}
	return os.RemoveAll(a.Dir())
}

// Download does what atelet does before a restore: bundles, and the snapshot in restore-state.
func (a *Actor) Download(snapshot string) error {
	if err := a.Prepare(); err != nil {
		return err
	}
	return filepath.WalkDir(snapshot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		return CopyFile(path, a.Dir("restore-state", entry.Name()), 0o600)
	})
}

// CopyFile copies one regular file; a hard link does where both are on one file system.
func CopyFile(from, to string, mode os.FileMode) error {
	os.Remove(to)
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, mode)
}

func (a *Actor) bundle(c Container) error {
	dir := a.Dir("bundles", c.Name)
	if err := os.MkdirAll(filepath.Join(dir, "rootfs", "etc"), 0o755); err != nil {
		return err
	}
	httpd := filepath.Join(dir, "rootfs", "httpd")
	if _, err := os.Stat(httpd); err != nil {
		if err := CopyFile(a.guest(), httpd, 0o755); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(a.config(c), "", "  ")
	if err != nil {
		return err
	}
	if err := os.Lchown(filepath.Join(dir, "rootfs"), c.User, c.User); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
}

type object = map[string]any

// config is what atelet writes into config.json.
func (a *Actor) config(c Container) object {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/etc/resolv.conf", "type": "bind", "source": "/etc/resolv.conf", "options": []string{"ro", "rbind"}},
	}
	kind := "container"
	annotations := object{"io.kubernetes.cri.sandbox-id": "pause", "io.kubernetes.cri.container-name": c.Name}
	if c.Name == "pause" {
		kind = "sandbox"
		for _, other := range a.Containers {
			a.hints(other, annotations)
		}
	}
	annotations["io.kubernetes.cri.container-type"] = kind
	for _, path := range c.Durable {
		mounts = append(mounts, object{"destination": path, "type": "bind", "source": a.volume(path),
			"options": []string{"rw", "rbind"}})
	}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"user": object{"uid": c.User, "gid": c.User}, "cwd": "/", "args": append([]string{"/httpd"}, c.Args...),
			"env":             []string{"PATH=/", "NAME=" + a.ID + "/" + c.Name},
			"capabilities":    object{"bounding": caps, "effective": caps, "permitted": caps},
			"rlimits":         []object{{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}},
			"noNewPrivileges": true,
		},
		"root":        object{"path": "rootfs"},
		"hostname":    "runsc",
		"mounts":      mounts,
		"annotations": annotations,
		"linux": object{"namespaces": []object{{"type": "pid"}, {"type": "network", "path": a.Interior()},
			{"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}},
	}
}

// hints tells gVisor that nobody outside the sandbox looks at a durable volume, so that it keeps it in a file of its own
// that fscheckpoint saves.
func (a *Actor) hints(c Container, annotations object) {
	for _, path := range c.Durable {
		name := "dev.gvisor.spec.mount." + strings.Trim(strings.ReplaceAll(path, "/", "-"), "-") + "."
		annotations[name+"source"] = a.volume(path)
		annotations[name+"type"] = "tmpfs"
		annotations[name+"share"] = "container"
	}
}

func (a *Actor) volume(path string) string {
	dir := a.Dir("durable-dir", strings.Trim(strings.ReplaceAll(path, "/", "-"), "-"))
	os.MkdirAll(dir, 0o755)
	return dir
}
