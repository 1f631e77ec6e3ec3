package incident

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// TestDowntime: a restart after a long pause neither ends nor repeats nor begins
// anything by itself.
func TestDowntime(t *testing.T) {
	t.Parallel()
	warn := see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812))
	for _, mono := range []bool{true, false} { // whether the second clock goes on
		s := newStage()
		s.play(time.Minute, warn)
		s.play(20*time.Second, see(append(warn.Findings, listenerOn("0.0.0.0", 81, "nginx", rules.Warning, 812))...))
		s.at.Wall = s.at.Wall.Add(30 * time.Hour)
		if mono {
			s.at.Mono += 30 * time.Hour
		} else {
			s.at.Mono = time.Second
		}
		s.reload()
		s.told = nil
		s.play(30*time.Second, see(append(warn.Findings, listenerOn("0.0.0.0", 81, "nginx", rules.Warning, 812))...))
		s.want(t)
		s.play(time.Minute, see())
		s.want(t)
		s.play(2*time.Minute, see())
		if len(s.told) != 1 || !strings.HasPrefix(s.told[0], "resolved") {
			t.Errorf("got %q, want it resolved once that is sure", s.told)
		}
	}
}

// TestClockSet: a clock that is set fires nothing, ends nothing and repeats
// nothing, and times stay in order.
func TestClockSet(t *testing.T) {
	t.Parallel()
	warn := see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812))
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		s := newStage()
		set := func() { s.at.Wall = s.at.Wall.Add(jump) }
		s.play(10*time.Second, warn)
		set()
		s.play(10*time.Second, warn)
		if len(s.told) != 0 {
			t.Fatalf("%v: fired because the clock was set: %q", jump, s.told)
		}
		s.play(50*time.Second, warn)
		set()
		s.play(20*time.Second, see())
		set()
		s.play(20*time.Second, see())
		if len(s.told) != 1 {
			t.Fatalf("%v: ended because the clock was set: %q", jump, s.told)
		}
		s.play(10*time.Minute, see())
		if len(s.alerts) != 2 {
			t.Fatalf("%v: got %q", jump, s.told)
		}
		for _, a := range s.alerts {
			if !a.EndsAt.IsZero() && a.EndsAt.Before(a.StartsAt) {
				t.Errorf("%v: %+v ends before it starts", jump, a)
			}
		}
		end := s.changed[len(s.changed)-1]
		if end.State != Ended || end.EndedAt.Before(end.Opened) || end.Opened.Before(end.Since) || end.LastSeen.Before(end.Since) {
			t.Errorf("%v: times out of order: %+v", jump, end)
		}
	}
}

// starved is an overflow for want of descriptors, and the leak that took them.
func starved() (overflow, root rules.Finding) {
	f := listenerOn("0.0.0.0", 80, "nginx", rules.Critical, 812)
	f.Cause = "fd-limit"
	root = rules.Finding{ID: leak, Severity: rules.Warning, Confidence: rules.Certain, Netns: f.Netns,
		Subject: rules.Subject{Kind: rules.SubjectProcess, PID: 812, PIDs: []int{812}, Comm: "nginx"}, Summary: "nginx leaks"}
	return f, root
}

func TestInhibition(t *testing.T) {
	t.Parallel()
	f, root := starved()
	const leaks = "process nginx"
	t.Run("the root alone is told", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, see(f, root))
		s.want(t, "firing warning host "+leaks+"@30s")
		all := s.t.Incidents()
		if all[0].CausedBy != all[1].UID || all[0].State != Open {
			t.Errorf("got %+v, want it explained", all[0])
		}
		s.play(5*time.Minute, see())
		s.want(t, "firing warning host "+leaks+"@30s", "resolved warning host "+leaks+"@3m0s")
	})
	t.Run("the root ends first", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, see(f, root))
		s.play(10*time.Minute, see(f))
		s.want(t, "firing warning host "+leaks+"@30s", "resolved warning host "+leaks+"@3m0s", "firing critical host "+nginx+"@3m40s")
	})
	t.Run("told before", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, see(f))
		s.play(6*time.Hour, see(f, root))
		s.want(t, "firing critical host "+nginx+"@20s", "firing warning host "+leaks+"@1m30s", "firing warning host "+leaks+"@4h1m30s again 1")
	})
	t.Run("another cause", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		g := f
		g.Cause = "somaxconn"
		s.play(time.Minute, see(g, root))
		if len(s.told) != 2 {
			t.Errorf("got %q, want both", s.told)
		}
	})
	t.Run("two that explain each other", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.options.Rules = rules.All()
		for i := range s.options.Rules {
			switch r := &s.options.Rules[i]; r.ID {
			case overflow:
				r.CausedBy = []rules.Origin{{ID: leak, Shares: rules.ShareNetns}}
			case leak:
				r.CausedBy = []rules.Origin{{ID: overflow, Shares: rules.ShareHost}}
			}
		}
		s.t.Configure(s.options)
		s.play(5*time.Minute, see(f, root))
		if len(s.told) != 1 {
			t.Errorf("got %q, want one of them", s.told)
		}
	})
}

func TestBounded(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.options.Config.MaxIncidents = 10
	s.t.Configure(s.options)
	var many []rules.Finding
	for i := range 30 {
		many = append(many, listenerOn("0.0.0.0", uint16(1000+i), "nginx", rules.Warning, 1))
	}
	s.play(time.Minute, see(many...))
	const left = "firing warning host host@30s"
	if n := len(s.t.Incidents()); n != 11 || len(s.told) != 11 || s.told[10] != left {
		t.Fatalf("got %d incidents, told %q", n, s.told)
	}
	if a := s.alerts[10]; a.Labels["id"] != TooMany || !strings.HasPrefix(a.Annotations["summary"], "20 findings") || a.Annotations["runbook"] != "" {
		t.Errorf("got %+v", a)
	}
	s.play(10*time.Minute, see(many[:5]...))
	if n := len(s.t.Incidents()); n != 5 || len(s.told) != 17 {
		t.Errorf("got %d incidents, told %q", n, s.told)
	}
}

// TestUrgentFirst: what is merely pending gives way to what is critical.
func TestUrgentFirst(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.options.Config.MaxIncidents = 1
	s.t.Configure(s.options)
	warn, crit := listenerOn("0.0.0.0", 80, "nginx", rules.Warning), listenerOn("0.0.0.0", 81, "nginx", rules.Critical)
	s.play(20*time.Second, see(warn))
	s.play(time.Minute, see(crit, warn))
	if got := s.t.Incidents(); got[0].Severity != rules.Critical || got[0].State != Open || len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

// TestChurn: what comes and goes leaves nothing behind.
func TestChurn(t *testing.T) {
	t.Parallel()
	s := newStage()
	host := facts.Namespace{Cookie: 1, Inode: 11, Self: true}
	var largest int
	for i := range 5000 {
		cookie := uint64(100 + i)
		f := listenerOn("0.0.0.0", uint16(i), fmt.Sprint("job-", i), rules.Critical, i)
		f.Netns = rules.Netns{Cookie: cookie, Inode: cookie}
		s.present = []facts.Namespace{host, {Cookie: cookie, Inode: cookie}}
		s.play(s.tick, see(f))
		b, err := json.Marshal(s.t.Memory())
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(b))
	}
	if len(s.told) != 0 || largest > 32<<10 {
		t.Errorf("told %d times, %d bytes to remember", len(s.told), largest)
	}
}

func TestFlapsOfManyAreBounded(t *testing.T) {
	t.Parallel()
	var m Memory
	for i := range 5000 {
		for range 40 {
			m.remember(Key{Subject: fmt.Sprint(i)}, 100)
		}
	}
	if len(m.Past) != 100 || len(m.Past[0].Ends) != endsKept {
		t.Errorf("%d keys with %d endings", len(m.Past), len(m.Past[0].Ends))
	}
}

func TestSeverityBelowWhatIsTold(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.options.Config.MinSeverity = rules.Critical
	s.t.Configure(s.options)
	s.play(time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)))
	if got := s.t.Incidents(); len(got) != 1 || got[0].State != Open || len(s.told) != 0 || len(s.changed) == 0 {
		t.Errorf("got %+v, told %q: want it remembered and not told", got, s.told)
	}
	s.play(time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Critical, 1)))
	s.play(10*time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Info, 1)))
	if len(s.told) != 2 {
		t.Errorf("got %q", s.told)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	s := newStage()
	ten, info := 10*time.Minute, rules.Info
	s.options.Config.Rules = map[string]Override{overflow: {For: &ten, ForCritical: &ten, ResolveAfter: &ten, MinSeverity: &info}}
	if errs := s.options.Config.Validate([]string{overflow}); len(errs) != 0 {
		t.Fatal(errs)
	}
	s.t.Configure(s.options)
	s.play(11*time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Info, 1)))
	s.play(time.Hour, see())
	s.want(t, "firing info host "+nginx+"@10m0s", "resolved info host "+nginx+"@21m0s")
}

func TestActive(t *testing.T) {
	t.Parallel()
	s := newStage()
	f := listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)
	s.play(time.Minute, see(f))
	f.Summary = "worse by now"
	s.play(s.tick, see(f))
	got := s.t.Active()
	if len(got) != 1 || got[0].UID != s.alerts[0].UID || got[0].Annotations["summary"] != "worse by now" || got[0].Status != Firing || !got[0].EndsAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	s.play(5*time.Minute, see())
	if got := s.t.Active(); len(got) != 0 {
		t.Errorf("got %+v, want none", got)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if errs := Defaults().Validate(nil); len(errs) != 0 {
		t.Errorf("the defaults are refused: %v", errs)
	}
	negative, loud := -time.Second, rules.Severity("loud")
	bad := Config{For: -1, Repeat: time.Second, MinSeverity: "loud", Rules: map[string]Override{
		overflow: {For: &negative, MinSeverity: &loud}, "no-such-rule": {},
	}}
	var got []string
	for _, err := range bad.Validate([]string{overflow}) {
		text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "incident: "), ":")
		got = append(got, text)
	}
	want := "for resolve-after stale-after repeat flap.times min-severity max-incidents rules.accept-queue-overflow.for rules.accept-queue-overflow.min-severity rules.no-such-rule"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}
