package conformance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// suiteAtMost bounds the whole suite.
const suiteAtMost = 6 * time.Minute

// quick is what runs with -short.
const quick = 10 * time.Second

// suite runs the scenarios once for all tests. CONFORMANCE_ONLY limits them, and
// CONFORMANCE_SHOW logs every comparison.
var suite = sync.OnceValues(func() (Report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), suiteAtMost)
	defer cancel()
	o := Options{Only: os.Getenv("CONFORMANCE_ONLY")}
	if testing.Short() {
		o.Longest = quick
	}
	return Run(ctx, o)
})

// needSuite skips where namespaces may not be made, but never in CI.
func needSuite(t *testing.T) Report {
	t.Helper()
	report, err := suite()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestConformance(t *testing.T) {
	t.Parallel()
	report := needSuite(t)
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	for _, c := range report.Comparisons {
		if os.Getenv("CONFORMANCE_SHOW") != "" {
			t.Logf("%s: %s\n  model  %s\n  kernel %s", c.Where(), c.What, c.Model, c.Kernel)
		}
		if c.Unlisted() {
			t.Errorf("%s: %s: the model says %s, the kernel %s", c.Where(), c.What, c.Model, c.Kernel)
		}
	}
	for _, f := range report.Failures {
		t.Errorf("%s: %s", f.where(), f.Error)
	}
}

// TestCoverage holds the suite to what it promises: the subjects, and how much
// each of them compares.
func TestCoverage(t *testing.T) {
	t.Parallel()
	report := needSuite(t)
	if os.Getenv("CONFORMANCE_ONLY") != "" {
		t.Skip("CONFORMANCE_ONLY limits the suite")
	}
	const atLeast, ofEach = 150, 5
	if got := len(report.Comparisons); got < atLeast {
		t.Errorf("got %d comparisons, want at least %d", got, atLeast)
	}
	counts := make(map[string]int)
	for _, s := range report.Subjects {
		counts[s.Name] = s.Comparisons
	}
	for _, subject := range []string{
		"accept-queue", "challenge-ack", "deferred-accept", "fin-wait2", "handshake", "keepalive", "orphans", "ports",
		"pruning", "resets", "reuseport", "simulator", "simultaneous", "syn-ack-schedule", "syn-queue", "syn-schedule",
		"time-wait-overflow", "time-wait-reuse",
	} {
		if counts[subject] < ofEach {
			t.Errorf("%s: got %d comparisons, want at least %d", subject, counts[subject], ofEach)
		}
		delete(counts, subject)
	}
	for subject := range counts {
		t.Errorf("%s is a subject that this test does not know", subject)
	}
}

// TestProbeSynQueue tries what the release of this kernel may say as well.
func TestProbeSynQueue(t *testing.T) {
	t.Parallel()
	want, _, err := probe()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	unsure := want
	unsure.SynQueueExtra, unsure.SynQueueExtraCertain = 7, false
	got, err := probeSynQueue(t.Context(), unsure)
	if err != nil {
		t.Fatal(err)
	}
	if !got.SynQueueExtraCertain || got.SynQueueExtra != 0 && got.SynQueueExtra != 1 {
		t.Errorf("got %d entries more than the backlog, certain %v, want 0 or 1, certain", got.SynQueueExtra, got.SynQueueExtraCertain)
	}
	if want.SynQueueExtraCertain && got.SynQueueExtra != want.SynQueueExtra {
		t.Errorf("tried: %d entries more than the backlog, known of this release: %d", got.SynQueueExtra, want.SynQueueExtra)
	}
}

// TestFailuresAreReported breaks scenarios in each way there is.
func TestFailuresAreReported(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	failing := func(name string, run func(ctx context.Context, c *Case)) Scenario {
		return Scenario{Subject: "synthetic", Name: name, Variants: once(0, run)}
	}
	scenarios := []Scenario{
		failing("agrees", func(_ context.Context, c *Case) { c.Compare("one", 1, 1) }),
		failing("differs", func(_ context.Context, c *Case) { c.Compare("one", 1, 2) }),
		failing("differs-once", func(_ context.Context, c *Case) { c.Compare("one", int32(1), attempts.Add(1)-1) }),
		failing("breaks-off", func(_ context.Context, c *Case) {
			c.Compare("before", 1, 1)
			c.Fail(errors.New("broken"))
			c.Compare("after", 1, 2)
		}),
		failing("waits-in-vain", func(ctx context.Context, c *Case) {
			c.Until(ctx, "nothing", 10*time.Millisecond, func() bool { return false })
		}),
		failing("odd-call", func(_ context.Context, c *Case) {
			c.Server.Listen(8080, 1)
			c.Server.Listen(8080, 1)
		}),
		failing("odd-parameter", func(_ context.Context, c *Case) { c.Server.Set("net.ipv4.no_such_thing", 1) }),
	}
	report, err := runScenarios(t.Context(), scenarios, Options{Parallel: 3})
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if report.Agrees() || len(report.Comparisons) != 4 || report.Total().Unlisted != 1 {
		t.Errorf("got agreement %v and %d comparisons, want one difference and 4", report.Agrees(), len(report.Comparisons))
	}
	if len(report.Repeated) != len(scenarios)-1 {
		t.Errorf("got %d repeated, want all but one", len(report.Repeated))
	}
	want := map[string]string{
		"breaks-off": "broken", "waits-in-vain": "in vain for nothing", "odd-call": "EADDRINUSE", "odd-parameter": "no such file",
	}
	for _, f := range report.Failures {
		if text, ok := want[f.Scenario]; !ok || !strings.Contains(f.Error, text) {
			t.Errorf("%s: got %q, want %q", f.Scenario, f.Error, text)
		}
		delete(want, f.Scenario)
	}
	for name := range want {
		t.Errorf("%s: got no failure", name)
	}
}

// TestRunStops ends a run early: it returns at once, says so, and keeps what it has.
func TestRunStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	endless := Scenario{Subject: "synthetic", Name: "endless", Variants: once(time.Hour, func(ctx context.Context, c *Case) {
		c.Compare("one", 1, 1)
		cancel()
		c.Pause(ctx, time.Hour)
	})}
	report, err := runScenarios(ctx, []Scenario{endless, endless}, Options{Parallel: 1})
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if len(report.Comparisons) != 1 || len(report.Failures) != 1 {
		t.Errorf("got %d comparisons and %d failures, want 1 and 1", len(report.Comparisons), len(report.Failures))
	}
}
