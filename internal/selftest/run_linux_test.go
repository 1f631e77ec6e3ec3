package selftest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

// need skips where namespaces cannot be made, which must not happen in CI.
func need(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
}

// TestRun makes a fault with two versions of IP and a look-alike for real.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var seen []int
	o := Options{
		Only: "close-wait", Families: []lab.Family{lab.IPv6, lab.DualStack}, Window: 2 * time.Second,
		Progress: func(p Progress) {
			seen = append(seen, p.Index)
			if p.Done != len(seen) || p.Row.Name == "" {
				t.Errorf("got progress %+v as number %d", p, len(seen))
			}
		},
	}
	cases := o.Cases()
	r, err := Run(ctx, o)
	need(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Agrees() || r.Total != len(cases) || len(r.Rows) != len(cases) || r.Kernel == "" || r.WallSeconds <= 0 {
		t.Errorf("got %+v, want all of %d as expected", r, len(cases))
	}
	for i, row := range r.Rows {
		if row.Name != cases[i].Fault.Name || row.Family != cases[i].Family.String() {
			t.Errorf("row %d is %s over %s, want the order of the lab", i, row.Name, row.Family)
		}
		if row.Harmless == row.Found || row.Found != row.Culprit || row.Cause != row.WantCause {
			t.Errorf("got %+v", row)
		}
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != len(cases) {
		t.Errorf("got progress of %v, want each of %d once", seen, len(cases))
	}
}

// TestInterrupted ends a run after its first fault: what was done is kept.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stop := errors.New("enough")
	r, err := Run(ctx, Options{Only: "harmless-", Parallel: 1, Window: time.Second, Progress: func(Progress) { cancel(stop) }})
	need(t, err)
	if !errors.Is(err, stop) || len(r.Rows) != 1 || r.Total != 1 {
		t.Errorf("got %d rows, %v, want one and the reason", len(r.Rows), err)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Options{Only: "quantum-foam"}); err == nil || !strings.Contains(err.Error(), `"quantum-foam"`) {
		t.Errorf("got %v, want an error that names what was asked for", err)
	}
}

// TestCases: with no family each fault is made once.
func TestCases(t *testing.T) {
	t.Parallel()
	if got := len(Options{}.Cases()); got != len(lab.All()) {
		t.Errorf("got %d cases, want %d", got, len(lab.All()))
	}
	var every int
	for _, f := range lab.All() {
		every += len(f.InFamilies())
	}
	if got := len(Options{Families: []lab.Family{lab.IPv4, lab.IPv6, lab.DualStack}}.Cases()); got != every || every == 0 {
		t.Errorf("got %d cases, want %d", got, every)
	}
}

// TestMissedFault: a fault that no rule looks for is not as expected.
func TestMissedFault(t *testing.T) {
	t.Parallel()
	f, ok := lab.Find("harmless-idle")
	if !ok {
		t.Fatal("the lab has no such fault")
	}
	f.Harmless, f.Expect.ID = false, "never-found"
	row := Case{Fault: f, Family: lab.IPv4}.run(t.Context(), time.Second, func(string) {})
	if len(row.Problems) == 1 && strings.Contains(row.Problems[0], "operation not permitted") && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %s", row.Problems[0])
	}
	if row.AsExpected || row.Found || !slices.Contains(row.Problems, "never-found was not found") {
		t.Errorf("got %+v, want it missed", row)
	}
	row.judge(rules.Result{Unknown: []rules.Unknown{{Rule: "never-found", Reason: "no counters"}}}, Wanted{Fault: f})
	if !slices.Contains(row.Problems, "it could not be judged: no counters") {
		t.Errorf("got %v, want the reason", row.Problems)
	}
	impossible := Case{Fault: f, Family: lab.Family(5)}.run(t.Context(), time.Second, func(string) {})
	if impossible.AsExpected || len(impossible.Problems) != 1 || !strings.HasPrefix(impossible.Problems[0], "it could not be made: ") {
		t.Errorf("got %+v, want it not made", impossible)
	}
}
