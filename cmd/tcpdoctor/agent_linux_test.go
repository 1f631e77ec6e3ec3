package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// waitMost bounds the waiting of these tests; it is reached on failure only.
const waitMost = time.Minute

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(waitMost); time.Now().Before(end); <-again.C {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

// logbook takes what a program says.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was said.
func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// process is a program that runs beside a test.
type process struct {
	name string
	log  *logbook
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts a program and ends it with the test.
func start(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(path), log: new(logbook), cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.log)
		}
	})
	return p
}

// end ends the program, and kills it where it does not obey.
func (p *process) end(how syscall.Signal) {
	_ = p.cmd.Process.Signal(how)
	select {
	case <-p.done:
	case <-time.After(waitMost):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// needProgram finds a program; it may be missing only where CI is not set.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("no %s (make needs installs it)", name)
		}
		t.Fatal(err)
	}
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// watcher is an agent under test.
type watcher struct {
	*process
	dir, address, config, program string
}

// quickAlerts are settings with which everything happens within seconds. The
// budget is generous: what it does is tested elsewhere.
const quickAlerts = `
agent: {tick: 1s, budget: 50%%, listen: [%q]}
alerts: {for: 2s, for-critical: 2s, resolve-after: 3s, namespace-grace: 1s}
`

// newWatcher prepares an agent with some settings besides.
func newWatcher(t *testing.T, more string) *watcher {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "" {
			t.Skip("needs root to make faults and to see them")
		}
		t.Fatal("needs root")
	}
	w := &watcher{dir: t.TempDir(), address: freeAddress(t)}
	w.config = filepath.Join(w.dir, "tcpdoctor.yaml")
	w.program = filepath.Join(w.dir, "tcpdoctor")
	w.configure(t, fmt.Sprintf(quickAlerts, w.address)+more)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// TestMain goes by the name, and so does what starts itself again.
	if err := os.Link(self, w.program); err != nil {
		if out, err := exec.Command("cp", self, w.program).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return w
}

func (w *watcher) configure(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *watcher) args() []string {
	return []string{"agent", "--config", w.config, "--state-dir", filepath.Join(w.dir, "state")}
}

// run starts the agent and waits until it has judged once.
func (w *watcher) run(t *testing.T, env ...string) {
	t.Helper()
	w.process = start(t, env, w.program, w.args()...)
	w.ready(t)
}

func (w *watcher) ready(t *testing.T) {
	t.Helper()
	await(t, "the agent to be ready", func() bool {
		_, err := w.get(t, "/readyz")
		return err == nil
	})
}

// get asks the agent something.
func (w *watcher) get(t *testing.T, path string) (string, error) {
	t.Helper()
	return fetch(t, "http://"+w.address+path)
}

func fetch(t *testing.T, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return string(body), err
}

// metric is the value of a metric without labels.
func (w *watcher) metric(t *testing.T, name string) float64 {
	t.Helper()
	text, err := w.get(t, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s in\n%s", name, text)
	return 0
}

// startFault makes a fault until the test, or whoever calls the result, ends it.
func startFault(t *testing.T, name string) (r *lab.Running, end func()) {
	t.Helper()
	f, ok := lab.Find(name)
	if !ok {
		t.Fatalf("no fault %s", name)
	}
	r, err := lab.Start(t.Context(), f, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end = func() {
		once.Do(func() {
			if err := r.Close(); err != nil {
				t.Errorf("end of the fault: %v", err)
			}
		})
	}
	t.Cleanup(end)
	return r, end
}

// findings are the incidents that the agent has about the processes of the lab.
func (w *watcher) findings(t *testing.T) []string {
	t.Helper()
	return w.incidents(t, func(subject, _ string) bool { return strings.Contains(subject, "lab-") })
}

// incidents are those that the agent has about some subjects and namespaces.
func (w *watcher) incidents(t *testing.T, wanted func(subject, netns string) bool) []string {
	t.Helper()
	text, err := w.get(t, "/api/v1/findings")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Incidents []struct {
			State   string `json:"state"`
			Subject string `json:"subject"`
			Netns   string `json:"netns"`
			Key     struct {
				ID string `json:"id"`
			} `json:"key"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var out []string
	for _, i := range answer.Incidents {
		if wanted(i.Subject, i.Netns) {
			out = append(out, i.State+" "+i.Key.ID)
		}
	}
	return out
}
