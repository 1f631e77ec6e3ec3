package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// inside runs the program in a namespace, over the state of the agent there.
func (w *watcher) inside(t *testing.T, h *netns.Handle, args ...string) (code int, out string) {
	t.Helper()
	var b strings.Builder
	cmd := exec.Command(w.program, append(args, "--state-dir", filepath.Join(w.dir, "state"))...)
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := h.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	return cmd.ProcessState.ExitCode(), b.String()
}

// TestAgentApplies runs an agent that may change settings in a namespace of its
// own: it applies its profile, and undoes a change whose guard was killed.
func TestAgentApplies(t *testing.T) {
	h, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	w := newWatcher(t, "")
	w.configure(t, "agent: {tick: 1s, budget: 50%, listen: [], netns: self, apply: {profiles: [bulk-wan], reverts: true}}\n")
	if code, out := w.inside(t, h, "profile", "verify", "bulk-wan", "--input", "rtt=100ms", "--input", "bandwidth=1G"); code != 1 {
		t.Fatalf("before: got exit code %d, want drift: %s", code, out)
	}
	w.configure(t, "agent: {tick: 1s, budget: 50%, listen: [], netns: self, apply: {profiles: [web-server], reverts: true}}\n")
	if err := h.Do(func() error {
		w.process = start(t, nil, w.program, w.args()...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "the profile to be applied", func() bool { return strings.Contains(w.log.String(), "the profiles were applied") })
	if code, out := w.inside(t, h, "profile", "verify", "web-server"); code != codeOK {
		t.Errorf("got exit code %d, want that everything is as wanted: %s", code, out)
	}

	code, out := w.inside(t, h, "profile", "apply", "low-latency", "--yes", "--confirm-within", "4s", "-o", "json")
	var change struct {
		Changed  bool
		ChangeID string `json:"change_id"`
	}
	if err := json.Unmarshal([]byte(out), &change); err != nil || code != codeOK || !change.Changed {
		t.Fatalf("got exit code %d, %v: %s", code, err, out)
	}
	killGuard(t, change.ChangeID)
	await(t, "the change to be undone", func() bool {
		_, out := w.inside(t, h, "change", "show", change.ChangeID, "-o", "json")
		return strings.Contains(out, `"phase": "undone"`)
	})
	if !strings.Contains(w.log.String(), change.ChangeID) {
		t.Errorf("the agent does not say that it undid %s:\n%s", change.ChangeID, w.log)
	}
}

// killGuard kills the process that stands guard over a change.
func killGuard(t *testing.T, id string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(strings.TrimRight(string(text), "\x00"), "\x00"+id) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("nobody stands guard over %s", id)
}
