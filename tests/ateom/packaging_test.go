// SPDX-License-Identifier: Apache-2.0

package ateom

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	strict "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"actornet/tests/ateom/lab"
)

func packaging(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(lab.Source(), "packaging", name)))(t)
}

// manifest decodes as strictly as Kubernetes' own server: no field that its types lack, none twice, none of another type.
func manifest(text []byte) (*apps.Deployment, error) {
	var d apps.Deployment
	object, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	faults, err := strict.UnmarshalStrict(object, &d)
	return &d, errors.Join(append(faults, err)...)
}

func TestManifestIsAValidDeployment(t *testing.T) {
	text := packaging(t, "worker-pod.yaml")
	d, err := manifest(text)
	check(t, err)
	if d.APIVersion != "apps/v1" || d.Kind != "Deployment" || d.Name == "" {
		t.Errorf("%s %s %q", d.APIVersion, d.Kind, d.Name)
	}
	for name, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[name] != value {
			t.Errorf("the selector's label %s is not the pods'", name)
		}
	}
	// The check itself: it sees what is wrong.
	for _, wrong := range [][2]string{{"volumeMounts:", "volumeMount:"}, {"replicas: 2", "replicas: two"},
		{"replicas: 2", "replicas: 2\n  replicas: 3"}, {"hostPath:", "hostpath:"}} {
		if _, err := manifest(bytes.Replace(text, []byte(wrong[0]), []byte(wrong[1]), 1)); err == nil {
			t.Errorf("%q in place of %q is not seen", wrong[1], wrong[0])
		}
	}
}

func TestManifestsVolumesAreThoseOfTheContract(t *testing.T) {
	d, err := manifest(packaging(t, "worker-pod.yaml"))
	check(t, err)
	pod := d.Spec.Template.Spec
	volumes := map[string]core.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
	}
	if len(pod.Containers) != 1 {
		t.Fatal("not one container")
	}
	c := pod.Containers[0]
	where := map[string]core.Volume{}
	for _, m := range c.VolumeMounts {
		v, found := volumes[m.Name]
		if !found {
			t.Errorf("there is no volume %s", m.Name)
		}
		where[m.MountPath] = v
		delete(volumes, m.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("not mounted: %v", volumes)
	}
	base := where["/var/lib/ateom-gvisor"]
	if base.HostPath == nil || base.HostPath.Path != "/var/lib/ateom-gvisor" {
		t.Errorf("the base directory is %+v", base)
	}
	if where["/run"].EmptyDir == nil || where["/tmp"].EmptyDir == nil {
		t.Error("/run and /tmp are not the pod's own")
	}
	if !slices.Contains(c.Args, "$(POD_UID)") || c.Env[0].Name != "POD_UID" ||
		c.Env[0].ValueFrom.FieldRef.FieldPath != "metadata.uid" {
		t.Error("the pod's uid does not get to --pod-uid")
	}
	sc := c.SecurityContext
	if sc.Privileged != nil && *sc.Privileged || !slices.Equal(sc.Capabilities.Drop, []core.Capability{"ALL"}) ||
		pod.HostNetwork || pod.HostPID || pod.HostIPC || !*sc.ReadOnlyRootFilesystem {
		t.Error("more is granted than is needed")
	}
	if got := must(lab.ManifestCapabilities())(t); len(got) != len(sc.Capabilities.Add) || len(got) == 0 {
		t.Errorf("the tests run with %q, the manifest has %q", got, sc.Capabilities.Add)
	}
}

// Every test here runs with the manifest's capabilities. They are enough, and none of them is there for nothing.
func TestCapabilitiesOfTheManifestAreEnough(t *testing.T) {
	check(t, wholeCycle(t, start(t, lab.Options{})))
}

func TestEachCapabilityOfTheManifestIsNeeded(t *testing.T) {
	caps := must(lab.ManifestCapabilities())(t)
	// What fails without each: words of the error, or of the server's last lines.
	missed := map[string]string{
		"DAC_OVERRIDE": "failed to create filestore file", "NET_ADMIN": "set 'record': operation not permitted", "NET_RAW": "raw socket",
		"SETFCAP": "gofer", "SETGID": "gofer", "SETUID": "gofer", "SYS_ADMIN": "CAP_SYS_ADMIN",
	}
	for i, name := range caps {
		t.Run(name, func(t *testing.T) {
			pod := newPod(t)
			fewer := slices.Delete(slices.Clone(caps), i, i+1)
			s, err := pod.Start(lab.Options{Capabilities: fewer})
			said := ""
			if err == nil {
				defer s.Kill()
				if err = wholeCycle(t, s); err == nil {
					t.Fatal("all works without it")
				}
				said = strings.Join(append(s.Errors(), s.Lines()...), "\n")
			}
			t.Logf("%.300v", err)
			if word := missed[name]; word == "" || !strings.Contains(err.Error()+said, word) {
				t.Errorf("not for want of it (%q): %v\n%s", word, err, said)
			}
		})
	}
}

// wholeCycle of an actor whose container isn't root's, and writes.
func wholeCycle(t *testing.T, s *lab.Server) error {
	c := lab.Web()
	c.User = 1000
	a := web(t, s, c)
	if err := s.Client.Run(a.Request()); err != nil {
		return err
	}
	for _, path := range []string{"/fetch?url=http://" + lab.OutsideName + "/", "/write?/note=text", "/read?/note"} {
		if _, err := a.Get(a.URL(path)); err != nil {
			return err
		}
	}
	files, err := s.Client.Checkpoint(a.Request())
	if err != nil {
		return err
	}
	to := snapshot(t)
	if err := a.Upload(files, to); err != nil {
		return err
	}
	if err := a.Download(to); err != nil {
		return err
	}
	if err := s.Client.Restore(a.Request()); err != nil {
		return err
	}
	_, err = s.Client.Checkpoint(a.Request())
	return err
}

// The image is what packaging/image-root collects; nothing else of this machine's file system is there.
func TestImageHasAllThatIsNeeded(t *testing.T) {
	if sanitized() {
		t.Skip("a sanitized program is not shipped")
	}
	root := filepath.Join(t.TempDir(), "image")
	_, err := lab.Sh(filepath.Join(lab.Source(), "packaging", "image-root"), lab.Program(), root)
	check(t, err)
	size := 0
	check(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if info, e := entry.Info(); e == nil && info.Mode().IsRegular() {
			size += int(info.Size())
		}
		return err
	}))
	t.Logf("%d KiB", size>>10)
	s := start(t, lab.Options{Root: root})
	works(t, s)
	info := must(os.Stat(filepath.Join(root, "usr", "bin", "ateom-gvisor")))(t)
	if info.Size() > 2<<20 {
		t.Errorf("the stripped program has %d bytes", info.Size())
	}
}

// lint finds fault with a Dockerfile: what BuildKit's parser and checks see, and what we ask beyond that.
func lint(text []byte) []string {
	var found []string
	report := func(rule, _, _, message string, _ []parser.Range) { found = append(found, rule+": "+message) }
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return []string{err.Error()}
	}
	for _, warning := range result.Warnings {
		found = append(found, warning.Short)
	}
	stages, _, err := instructions.Parse(result.AST, linter.New(&linter.Config{Warn: report}))
	if err != nil {
		return append(found, err.Error())
	}
	names := map[string]bool{}
	for _, stage := range stages {
		found = append(found, lintStage(&stage, names)...)
		names[stage.Name] = true
	}
	return append(found, lintLast(&stages[len(stages)-1])...)
}

var tag = regexp.MustCompile(`:[^:/]+$`)

func lintStage(stage *instructions.Stage, names map[string]bool) (found []string) {
	if stage.BaseName != "scratch" && !names[stage.BaseName] &&
		(!tag.MatchString(stage.BaseName) || strings.HasSuffix(stage.BaseName, ":latest")) {
		found = append(found, stage.BaseName+" has no version")
	}
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.RunCommand:
			line := strings.Join(c.CmdLine, " ")
			if strings.Contains(line, "apt-get install") {
				for _, word := range []string{"apt-get update", "--no-install-recommends", "--yes", "rm -rf /var/lib/apt/lists"} {
					if !strings.Contains(line, word) {
						found = append(found, "apt-get install without "+word)
					}
				}
			}
		case *instructions.CopyCommand:
			if c.From != "" && !names[c.From] {
				found = append(found, "COPY from a stage that is not there: "+c.From)
			}
		case *instructions.AddCommand:
			found = append(found, "ADD")
		case *instructions.WorkdirCommand:
			if !strings.HasPrefix(c.Path, "/") {
				found = append(found, "WORKDIR is relative")
			}
		}
	}
	return found
}

func lintLast(stage *instructions.Stage) (found []string) {
	entry := false
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.EntrypointCommand:
			entry = !c.PrependShell && len(c.CmdLine) > 0
		case *instructions.RunCommand:
			found = append(found, "RUN in an image without a shell")
		}
	}
	if !entry {
		found = append(found, "no ENTRYPOINT, or by a shell")
	}
	return found
}

func TestDockerfileHasNoFault(t *testing.T) {
	text := packaging(t, "Dockerfile")
	for _, fault := range lint(text) {
		t.Error(fault)
	}
	// The check itself: it sees what is wrong.
	for _, wrong := range [][2]string{{"debian:12-slim", "debian"}, {"debian:12-slim", "debian:latest"},
		{"FROM debian:12-slim AS build", "from debian:12-slim as Build"}, {"--from=build", "--from=built"},
		{"--no-install-recommends", ""}, {"rm -rf /var/lib/apt/lists/*", "true"}, {"COPY . .", "ADD . ."},
		{`ENTRYPOINT ["/usr/bin/ateom-gvisor"]`, "ENTRYPOINT /usr/bin/ateom-gvisor"}, {"WORKDIR /source", "WORKDIR source"},
		{"COPY . .", "COPIES . ."}, {"LABEL org", "MAINTAINER me\nLABEL org"}} {
		broken := bytes.Replace(text, []byte(wrong[0]), []byte(wrong[1]), 1)
		if bytes.Equal(broken, text) {
			t.Errorf("there is no %q", wrong[0])
		} else if len(lint(broken)) == 0 {
			t.Errorf("%q in place of %q is not seen", wrong[1], wrong[0])
		}
	}
}

func TestDockerfileNamesTheManifestsCapabilities(t *testing.T) {
	want := `actornet.capabilities="` + strings.Join(must(lab.ManifestCapabilities())(t), ",") + `"`
	if !bytes.Contains(packaging(t, "Dockerfile"), []byte(want)) {
		t.Errorf("no label %s", want)
	}
}

// What the build needs is installed there: each package of tools/install-deps' build group.
func TestDockerfileInstallsWhatTheBuildNeeds(t *testing.T) {
	text := string(packaging(t, "Dockerfile"))
	deps := must(os.ReadFile(filepath.Join(lab.Source(), "tools", "install-deps")))(t)
	groups := regexp.MustCompile(`(?m)^build +\S+ +(.+)$`).FindAllSubmatch(deps, -1)
	if len(groups) == 0 {
		t.Fatal("tools/install-deps names no packages")
	}
	for _, group := range groups {
		for _, name := range strings.Fields(string(group[1])) {
			if name != "make" && !regexp.MustCompile(`(?m)^ +`+regexp.QuoteMeta(name)+` \\$`).MatchString(text) {
				t.Errorf("%s is not installed", name)
			}
		}
	}
}
