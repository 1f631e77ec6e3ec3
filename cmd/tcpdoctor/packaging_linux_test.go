package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

const packaging = "../../packaging/"

func readPackaging(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(packaging + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unitCapabilities are those that the unit gives the agent: SYS_ADMIN, ...
func unitCapabilities(t *testing.T) []string {
	t.Helper()
	for line := range strings.Lines(readPackaging(t, "systemd/tcpdoctor.service")) {
		if list, ok := strings.CutPrefix(line, "AmbientCapabilities="); ok {
			return strings.Fields(strings.ReplaceAll(list, "CAP_", ""))
		}
	}
	t.Fatal("the unit gives no capabilities")
	return nil
}

// TestUnits has systemd look at the units: nothing in them is unknown, and little
// is left open.
func TestUnits(t *testing.T) {
	t.Parallel()
	analyze := needProgram(t, "systemd-analyze")
	exposure := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`)
	for name, most := range map[string]float64{"tcpdoctor.service": 3.2, "tcpdoctor-unprivileged.service": 1.5} {
		text := strings.ReplaceAll(readPackaging(t, "systemd/"+name), "/usr/bin/tcpdoctor", "/bin/true")
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", path).CombinedOutput()
		found := exposure.FindSubmatch(out)
		if found == nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > most {
			t.Errorf("%s: got exposure %s, want at most %v", name, found[1], most)
		}
	}
}

// TestKubernetes compares the manifest with the unit, and checks the settings in it.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	d := yaml.NewDecoder(strings.NewReader(readPackaging(t, "kubernetes/tcpdoctor.yaml")))
	kinds := make(map[string]bool)
	for {
		var doc struct {
			Kind string
			Data map[string]string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Args            []string
							SecurityContext struct {
								Capabilities struct{ Drop, Add []string }
							} `yaml:"securityContext"`
						}
					}
				}
			}
		}
		if err := d.Decode(&doc); err != nil {
			break
		}
		kinds[doc.Kind] = true
		for _, text := range doc.Data {
			if _, err := loadSettings(writeConfig(t, text)); err != nil {
				t.Error(err)
			}
		}
		for _, c := range doc.Spec.Template.Spec.Containers {
			if want := unitCapabilities(t); !slices.Equal(c.SecurityContext.Capabilities.Add, want) || !slices.Equal(c.SecurityContext.Capabilities.Drop, []string{"ALL"}) {
				t.Errorf("got capabilities %+v, want %v as in the unit", c.SecurityContext.Capabilities, want)
			}
		}
	}
	if !kinds["DaemonSet"] || !kinds["ConfigMap"] {
		t.Errorf("got %v, want a DaemonSet and its settings", kinds)
	}
}

// TestPrometheusRules has promtool check them.
func TestPrometheusRules(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command(needProgram(t, "promtool"), "check", "rules", packaging+"prometheus/tcpdoctor.rules.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCapabilitiesSuffice runs the agent as nobody with the capabilities of the
// unit: it sees a fault in a namespace that is not its own, and names the process.
// Without SYS_PTRACE it still sees the fault, and says what it cannot see.
func TestCapabilitiesSuffice(t *testing.T) {
	for name, without := range map[string]string{"all": "", "without SYS_PTRACE": "SYS_PTRACE"} {
		t.Run(name, func(t *testing.T) {
			w := newWatcher(t, "")
			caps := slices.DeleteFunc(unitCapabilities(t), func(c string) bool { return c == without })
			w.runAsNobody(t, "+"+strings.ToLower(strings.Join(caps, ",+")))
			startFault(t, "accept-queue-overflow-application-backlog")
			if without == "" {
				await(t, "the finding", func() bool { return slices.Contains(w.findings(t), "open accept-queue-overflow") })
				return
			}
			await(t, "what cannot be seen", func() bool {
				text, err := w.get(t, "/api/v1/report")
				return err == nil && strings.Contains(text, "processes belong to other users")
			})
		})
	}
}

// TestWithoutPrivileges runs the agent as the unprivileged unit does.
func TestWithoutPrivileges(t *testing.T) {
	w := newWatcher(t, "")
	w.runAsNobody(t, "", "--netns", "self")
	text, err := w.get(t, "/api/v1/report")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `"gaps"`) || !strings.Contains(text, `"established"`) {
		t.Errorf("got %s, want the sockets of its own namespace and what it cannot see", text)
	}
}

// runAsNobody runs the agent as another user, with some capabilities.
func (w *watcher) runAsNobody(t *testing.T, caps string, more ...string) {
	t.Helper()
	const nobody = 65534
	for path := w.dir; path != "/tmp" && path != "/"; path = filepath.Dir(path) {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(w.config, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	// The test program is where nobody can read it; a copy is not.
	copied := filepath.Join(w.dir, "tcpdoctor")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", self, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := []string{"--reuid", fmt.Sprint(nobody), "--regid", fmt.Sprint(nobody), "--clear-groups", "--no-new-privs"}
	bounding := "-all"
	if caps != "" {
		bounding += "," + caps
		args = append(args, "--inh-caps", "-all,"+caps, "--ambient-caps", "-all,"+caps)
	}
	args = append(args, "--bounding-set", bounding, w.program)
	w.process = start(t, nil, needProgram(t, "setpriv"), append(append(args, w.args()...), more...)...)
	w.ready(t)
}

// TestDebianPackage makes it twice and looks into it.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	deb := needProgram(t, "dpkg-deb")
	dir := t.TempDir()
	binary := filepath.Join(dir, "tcpdoctor")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var packages [2][]byte
	for i := range packages {
		folder := filepath.Join(dir, fmt.Sprint(i))
		cmd := exec.Command(packaging+"deb/build", binary, folder, "1.2.3")
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		made, err := filepath.Glob(filepath.Join(folder, "tcpdoctor_1.2.3_*.deb"))
		if err != nil || len(made) != 1 {
			t.Fatalf("got %v, %v", made, err)
		}
		if packages[i], err = os.ReadFile(made[0]); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(deb, "--contents", made[0]).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, want := range []string{"./usr/bin/tcpdoctor", "./usr/lib/systemd/system/tcpdoctor.service", "./etc/tcpdoctor/tcpdoctor.yaml"} {
			if !strings.Contains(string(out), want+"\n") {
				t.Errorf("%s is not in it:\n%s", want, out)
			}
		}
	}
	if string(packages[0]) != string(packages[1]) {
		t.Error("two packages of the same binary differ")
	}
}
