package prediction

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

// allAtMost bounds the whole run. It takes three minutes on two idle processors;
// trials that a busy machine has disturbed are made again.
const allAtMost = 12 * time.Minute

// What must come of the trials.
const (
	rightAtLeast  = 0.95 // of the verdicts
	withinAtLeast = 0.95 // of the numbers
	allowedAtMost = 0.03 // of the numbers, for a listed reason
	eachAtLeast   = 10   // trials of each verdict, one family counted
	trialsAtLeast = 60   // different trials
)

// TestPredictions predicts, makes every change, and compares.
func TestPredictions(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), allAtMost)
	defer cancel()
	results, err := Run(ctx, Options{Only: os.Getenv("PREDICTION_ONLY")})
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		switch {
		case r.Err != nil:
			t.Errorf("%s", r.Text())
		case !r.Right() || strings.Contains(r.Text(), "✗") || testing.Verbose():
			t.Log(r.Text())
		}
	}
	s := Summarize(results)
	t.Logf("%d of %d verdicts right, %d of %d numbers within the tolerance, %d allowed, observed %v",
		s.Right, s.Trials, s.Within, s.Numbers, s.Allowed, s.Observed)
	if os.Getenv("PREDICTION_ONLY") != "" {
		return
	}
	if share := float64(s.Right) / float64(s.Trials); share < rightAtLeast {
		t.Errorf("%.1f %% of the verdicts are right, want %.0f %%", 100*share, 100*rightAtLeast)
	}
	if share := float64(s.Within) / float64(s.Numbers); share < withinAtLeast {
		t.Errorf("%.1f %% of the numbers are within the tolerance, want %.0f %%", 100*share, 100*withinAtLeast)
	}
	if share := float64(s.Allowed) / float64(s.Numbers); share > allowedAtMost {
		t.Errorf("%.1f %% of the numbers need a wider tolerance, want %.0f %% at most", 100*share, 100*allowedAtMost)
	}
	checkTraps(t, results)
	checkVariety(t, results)
}

// traps are the changes that are often recommended for what they do not do, with
// the true verdict.
var traps = map[string]model.Verdict{
	"accept-somaxconn-raised-over-backlog-5":          model.NoEffect,
	"accept-somaxconn-raised-one-stall":               model.NeedsRestart,
	"syn-max-syn-backlog-raised-cookies-on":           model.NoEffect,
	"time-wait-fin-timeout-shorter":                   model.NoEffect,
	"ports-fin-timeout-shorter-ports-in-time-wait":    model.NoEffect,
	"time-wait-tw-reuse-accepting-side":               model.NoEffect,
	"ports-tw-reuse-on-without-timestamps":            model.NoEffect,
	"time-wait-max-tw-buckets-lowered":                model.Harmful,
	"ports-max-tw-buckets-lowered":                    model.Harmful,
	"accept-abort-on-overflow-bursts":                 model.Harmful,
	"synack-retries-5-to-2-in-a-full-queue":           model.NoEffect,
	"synack-retries-5-to-2-below-half-of-the-backlog": model.Helps,
}

// checkTraps wants every trap predicted and observed as it is.
func checkTraps(t *testing.T, results []Result) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range results {
		want, is := traps[r.Trial.Name]
		if !is {
			continue
		}
		seen[r.Trial.Name] = true
		if r.Predicted.Verdict != want || r.Observed != want {
			t.Errorf("trap %s: predicted %s, observed %s, want %s", r.Name(), r.Predicted.Verdict, r.Observed, want)
		}
	}
	for name := range traps {
		if !seen[name] {
			t.Errorf("no trial %s", name)
		}
	}
}

// checkVariety wants enough different trials of each verdict, not counting one more
// than once for its families.
func checkVariety(t *testing.T, results []Result) {
	t.Helper()
	counts := map[model.Verdict]int{}
	names := map[string]bool{}
	for _, r := range results {
		if !names[r.Trial.Name] {
			names[r.Trial.Name] = true
			counts[r.Observed]++
		}
	}
	if len(names) < trialsAtLeast {
		t.Errorf("%d different trials, want %d", len(names), trialsAtLeast)
	}
	for _, v := range []model.Verdict{model.Helps, model.NoEffect, model.NeedsRestart, model.Harmful} {
		if counts[v] < eachAtLeast {
			t.Errorf("%d different trials came out as %s, want %d", counts[v], v, eachAtLeast)
		}
	}
}
