package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// faulty makes a fault and returns the process that must be found guilty.
func faulty(t *testing.T, name string) string {
	t.Helper()
	f, ok := lab.Find(name)
	if !ok {
		t.Fatalf("no fault %s", name)
	}
	r, err := lab.Start(t.Context(), f, lab.Options{})
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	pid, _ := r.Culprit()
	return strconv.Itoa(pid)
}

// TestReplayOfALiveFault records a real fault and judges the recording: every
// format says the same, byte for byte.
func TestReplayOfALiveFault(t *testing.T) {
	t.Parallel()
	pid := faulty(t, "close-wait-leak-descriptor-leak")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rec := filepath.Join(t.TempDir(), "leak.rec")
	code, live, errs := tcpdoctor(ctx, "diagnose", "--netns", pid, "--window", "2s", "--record", rec, "-o", "json")
	if code != codeWarning && code != codeCritical || errs != "" {
		t.Fatalf("got code %d, errors %q and\n%s", code, errs, live)
	}
	matchesSchema(t, live)
	var r report.Report
	if err := json.Unmarshal([]byte(live), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].ID != "close-wait-leak" || strconv.Itoa(r.Findings[0].Subject.PID) != pid {
		t.Errorf("got %+v, want one close-wait-leak of process %s", r.Findings, pid)
	}
	again, replayed, _ := tcpdoctor(ctx, "diagnose", "--from", rec, "-o", "json")
	if d := cmp.Diff(live, replayed); d != "" || again != code {
		t.Errorf("got code %d, want %d; the recording is judged differently (-live +replayed):\n%s", again, code, d)
	}
	hidden, redacted, _ := tcpdoctor(ctx, "diagnose", "--from", rec, "--redact", "-o", "json")
	if hidden != code || strings.Contains(redacted, r.Host.BootID) || strings.Contains(redacted, r.Findings[0].Subject.Comm) {
		t.Errorf("got code %d, want %d, without the names of the host in\n%s", hidden, code, redacted)
	}
	info, err := os.Stat(rec)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that only its owner reads", info, err)
	}
}

// matchesSchema compares a report with the schema that ships with the
// documentation.
func matchesSchema(t *testing.T, text string) {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// TestInterrupted ends an hour's sampling as soon as it shows: one line, no
// judgement, and nothing left of the recording.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	var out bytes.Buffer
	errs := &onText{text: "sampling", do: cancel}
	began := time.Now()
	code := run(ctx, []string{"diagnose", "--window", "1h", "--record", filepath.Join(dir, "cut.rec")},
		streams{In: strings.NewReader(""), Out: &out, Err: errs, ErrWidth: 80})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v to end", took)
	}
	if code != codeFailed || out.Len() > 0 || !strings.HasSuffix(errs.all.String(), "\r\x1b[Ktcpdoctor: interrupted: nothing was judged\n") {
		t.Errorf("got code %d, output %q, errors %q", code, out.String(), errs.all.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing left behind", left, err)
	}
}

// TestLabRun makes a fault from the command line, as far as its last line.
func TestLabRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &onText{text: "\n", do: cancel}
	var errs bytes.Buffer
	code := run(ctx, []string{"lab", "run", "harmless-idle", "-o", "json"}, streams{In: strings.NewReader(""), Out: out, Err: &errs})
	if strings.Contains(errs.String(), "not permitted") && os.Getenv("CI") == "" {
		t.Skip("needs root or `unshare -rn`: " + errs.String())
	}
	var s standing
	if err := json.Unmarshal(out.all.Bytes(), &s); err != nil || code != codeOK || s.Fault != "harmless-idle" || s.Netns == "0" || s.ID != "" {
		t.Errorf("got code %d, %+v, %v, errors %q", code, s, err, errs.String())
	}
}

// TestInterruptedWhileReading: a pipe that never says anything can be left.
func TestInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	code := run(ctx, []string{"diagnose", "--from", "-"}, streams{In: r, Out: &bytes.Buffer{}, Err: &errs})
	if code != codeFailed || errs.String() != "tcpdoctor: interrupted: nothing was judged\n" {
		t.Errorf("got code %d, errors %q", code, errs.String())
	}
}
