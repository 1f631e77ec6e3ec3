package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"diagnose", "explain", "lab", "version", "net.core.somaxconn", "close-wait-leak"}
	for name, want := range map[string]string{
		"diagnos": "diagnose", "diganose": "diagnose", "Explian": "explain", "lba": "lab", "diag": "diagnose",
		"close-wait": "close-wait-leak", "net.core.somaxcon": "net.core.somaxconn", "frobnicate": "", "x": "", "": "",
	} {
		if got := nearest(name, words); got != want {
			t.Errorf("nearest(%q): got %q, want %q", name, got, want)
		}
	}
}

func TestDifferencesIsADistance(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-c]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := differences(a, b)
		if d != differences(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Fatalf("differences(%q, %q): got %d", a, b, d)
		}
	})
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "5": 5 * time.Second, "5s": 5 * time.Second, "1m30s": 90 * time.Second, "0.5": time.Second / 2, "250ms": time.Second / 4,
		"7d": 168 * time.Hour, "2w": 336 * time.Hour, "1w2d12h": 228 * time.Hour, "1d30m": 24*time.Hour + 30*time.Minute,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1s", "-1", "soon", "5 s", "1e300", "NaN", "Inf", "-Inf", "d", "1d-3h", "7days", "1h2d", "99999999w"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q): got %v, want an error", text, got)
		}
	}
}

func TestMessageIsOneLine(t *testing.T) {
	t.Parallel()
	err := errors.New("sockdiag: dump\n\ttcp6:\x1b[31m gone  away")
	if got, want := message(err), `dump tcp6:\x1b[31m gone away`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	finding := func(s rules.Severity) []rules.Finding { return []rules.Finding{{Severity: rules.Info}, {Severity: s}} }
	unjudged := []rules.Unknown{{Rule: "a"}, {Rule: "b"}}
	for _, tt := range []struct {
		name string
		r    report.Report
		want error
	}{
		{"nothing", report.Report{LookedAt: report.LookedAt{Checks: 2}}, nil},
		{"info", report.Report{Findings: finding(rules.Info)}, nil},
		{"warning", report.Report{Findings: finding(rules.Warning)}, exit(1)},
		{"critical", report.Report{Findings: finding(rules.Critical)}, exit(2)},
		{"half judged", report.Report{LookedAt: report.LookedAt{Checks: 3}, Unknown: unjudged}, nil},
		{"not judged", report.Report{LookedAt: report.LookedAt{Checks: 2}, Unknown: unjudged}, exit(3)},
		{"critical, the rest not judged", report.Report{Findings: finding(rules.Critical), Unknown: unjudged}, exit(2)},
	} {
		if got := exitOf(&tt.r); !errors.Is(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	got := progressLine(sockdiag.Progress{Phase: sockdiag.PhaseSampling, Elapsed: time.Second, Window: 4 * time.Second, Done: 1, Namespaces: 3, Sockets: 7})
	if want := "sampling 4s    " + strings.Repeat("█", 5) + strings.Repeat("░", 15) + "  sockets: 7, 1 of 3 namespaces"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestProgressDoesNotBlock: a terminal that takes nothing does not hold up the
// collector.
func TestProgressDoesNotBlock(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := newProgress(streams{Err: w, ErrWidth: 80})
	for range 100_000 {
		p.update(sockdiag.Progress{Phase: sockdiag.PhaseStart})
	}
	_ = r.Close() // now the terminal is gone, and writing fails
	p.done()
}

// BenchmarkFirstByte measures the time from the start of the program to the
// first byte of `diagnose --window 0`.
func BenchmarkFirstByte(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "tcpdoctor")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		cmd := exec.Command(bin, "diagnose", "--window", "0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = cmd.Wait() // its exit code tells the state of this host
		b.StartTimer()
	}
}
