package lab_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
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
					check(t, r, res)
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

func urgent(all []rules.Finding) []rules.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f rules.Finding) bool { return f.Severity.Rank() < rules.Warning.Rank() })
}

// check wants the fault found on its culprit, and nothing that is not true.
func check(t *testing.T, r *lab.Running, res rules.Result) {
	t.Helper()
	e := r.Fault.Expect
	found := 0
	for _, f := range urgent(res.Findings) {
		switch {
		case !r.Fault.Harmless && f.ID == e.ID && isAbout(f, r):
			found++
			checkCulprit(t, r, f)
		case slices.Contains(e.Also, f.ID):
		default:
			t.Errorf("also found %s", describe(f))
		}
	}
	if !r.Fault.Harmless && found != 1 {
		t.Errorf("found %d times, want once; unknown: %v", found, res.Unknown)
	}
}

// isAbout reports whether a finding is about the culprit's namespace.
func isAbout(f rules.Finding, r *lab.Running) bool {
	return f.Netns.Inode == culpritNamespace(r).ID().Inode
}

func culpritNamespace(r *lab.Running) *netns.Handle {
	if r.Fault.Expect.Culprit == lab.ClientSide {
		return r.Client
	}
	return r.Server
}

func checkCulprit(t *testing.T, r *lab.Running, f rules.Finding) {
	t.Helper()
	e := r.Fault.Expect
	pid := r.ServerPID
	if e.Culprit == lab.ClientSide {
		pid = r.ClientPID
	}
	if f.Cause != e.Cause || f.Severity.Rank() < rules.Severity(e.Severity).Rank() {
		t.Errorf("got cause %q at %s, want %q at least at %s: %s", f.Cause, f.Severity, e.Cause, e.Severity, describe(f))
	}
	if f.Subject.Port != r.Port && f.Subject.PeerPort != r.Port {
		t.Errorf("got port %d, peer port %d, want %d: %s", f.Subject.Port, f.Subject.PeerPort, r.Port, describe(f))
	}
	if pid != 0 && f.Subject.PID != pid {
		t.Errorf("got pid %d, want %d: %s", f.Subject.PID, pid, describe(f))
	}
	if cookie := culpritNamespace(r).ID().Cookie; f.Netns.Cookie != cookie {
		t.Errorf("got namespace %d, want %d: %s", f.Netns.Cookie, cookie, describe(f))
	}
	checkAdvice(t, f)
}

// checkAdvice holds what must be true of the advice on a live host.
func checkAdvice(t *testing.T, f rules.Finding) {
	t.Helper()
	if len(f.Prescriptions) == 0 {
		t.Errorf("no advice: %s", describe(f))
	}
	for _, p := range f.Prescriptions {
		if f.ID == "close-wait-leak" && p.Kind == rules.PrescribeSysctl {
			t.Errorf("advises %s against CLOSE_WAIT", p.Key)
		}
		if f.Cause == "application-backlog" && strings.Contains(p.Text, "somaxconn") && p.Effect.Verdict == model.Helps {
			t.Errorf("says that somaxconn helps where the application's backlog binds: %+v", p)
		}
	}
}

func describe(f rules.Finding) string {
	return fmt.Sprintf("%s %s (%s) in %d: %s: %s", f.Severity, f.ID, f.Cause, f.Netns.Inode, f.Summary, f.Explanation)
}
