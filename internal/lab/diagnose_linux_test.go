package lab_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/selftest"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// atOnce is how many faults stand at the same time. Most of their life is
// waiting, so there may be more of them than processors.
const atOnce = 4

// TestDiagnose makes every fault for real and wants that finding, on that
// culprit, and nothing else; every look-alike wants silence.
func TestDiagnose(t *testing.T) {
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, f := range lab.All() {
		for _, family := range f.InFamilies() {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				t.Run(fmt.Sprintf("%s/%s", f.Name, family), func(t *testing.T) {
					r := start(t, f, lab.Options{Family: family})
					res := diagnose(t, r.Server, r.Client)
					check(t, res, r)
				})
			})
		}
	}
	all.Wait()
}

func start(t *testing.T, f lab.Fault, o lab.Options) *lab.Running {
	t.Helper()
	r, err := lab.Start(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return r
}

// diagnose samples the namespaces for three seconds and judges them.
func diagnose(t *testing.T, in ...*netns.Handle) rules.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, err := sockdiag.Collect(ctx, sockdiag.Options{Window: 3 * time.Second, Namespaces: in})
	if err != nil {
		t.Fatal(err)
	}
	return rules.Eval(model.NewView(w), rules.Options{})
}

// check wants each fault found once, on its culprit, and nothing that is not
// true.
func check(t *testing.T, res rules.Result, running ...*lab.Running) {
	t.Helper()
	var wanted []selftest.Wanted
	for _, r := range running {
		wanted = append(wanted, selftest.WantedOf(r))
	}
	verdicts, stray := selftest.Judge(res.Findings, wanted...)
	for i, v := range verdicts {
		for _, p := range v.Problems {
			t.Errorf("%s: %s; unknown: %v", running[i].Fault.Name, p, res.Unknown)
		}
	}
	for _, f := range stray {
		t.Errorf("also found %s", describe(f))
	}
}

func describe(f rules.Finding) string {
	return fmt.Sprintf("%s %s (%s) in %d: %s: %s", f.Severity, f.ID, f.Cause, f.Netns.Inode, f.Summary, f.Explanation)
}
