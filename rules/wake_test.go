package rules

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

func TestWakes(t *testing.T) {
	t.Parallel()
	set := []Rule{
		{ID: "floods", Wakes: []Wake{{Counter: "TcpExt.SyncookiesSent", PerSecond: 100}}},
		{ID: "overflows", Wakes: []Wake{{Counter: "TcpExt.ListenOverflows"}}},
	}
	before := facts.Counters{"TcpExt.ListenOverflows": 1000, "TcpExt.SyncookiesSent": 5}
	usual := func(perSecond, deviation float64) func(string) (facts.Baseline, bool) {
		return func(counter string) (facts.Baseline, bool) {
			return facts.Baseline{PerSecond: perSecond, Deviation: deviation}, counter == "TcpExt.ListenOverflows"
		}
	}
	for _, c := range []struct {
		name     string
		after    facts.Counters
		seconds  float64
		baseline func(string) (facts.Baseline, bool)
		want     string
	}{
		{"nothing rose", before, 10, nil, ""},
		{"one is enough", facts.Counters{"TcpExt.ListenOverflows": 1001}, 10, nil, "TcpExt.ListenOverflows rose by 1 (overflows)"},
		{"too slow", facts.Counters{"TcpExt.SyncookiesSent": 900}, 10, nil, ""},
		{"fast enough", facts.Counters{"TcpExt.SyncookiesSent": 1005}, 10, nil, "TcpExt.SyncookiesSent rose by 1,000 (floods)"},
		{"as usual", facts.Counters{"TcpExt.ListenOverflows": 1100}, 10, usual(9, 0.5), ""},
		{"far above the usual", facts.Counters{"TcpExt.ListenOverflows": 1300}, 10, usual(9, 0.5), "TcpExt.ListenOverflows rose by 300 (overflows)"},
		{"within what it varies by", facts.Counters{"TcpExt.ListenOverflows": 1300}, 10, usual(9, 5), ""},
		{"it fell", facts.Counters{"TcpExt.ListenOverflows": 3}, 10, nil, ""},
		{"no time passed", facts.Counters{"TcpExt.ListenOverflows": 1001}, 0, nil, ""},
		{"no such counter", facts.Counters{}, 10, nil, ""},
	} {
		got, ok := Wakes(set, before, c.after, c.seconds, c.baseline)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, ok, c.want)
		}
	}
	if d := cmp.Diff([]string{"TcpExt.ListenOverflows", "TcpExt.SyncookiesSent"}, Baselined(append(set, Rule{Baselines: []string{"TcpExt.ListenOverflows"}}))); d != "" {
		t.Errorf("baselined (-want +got):\n%s", d)
	}
}

// TestWakesAndOrigins: what rules name exists.
func TestWakesAndOrigins(t *testing.T) {
	t.Parallel()
	all := All()
	find := func(id string) int { return slices.IndexFunc(all, func(r Rule) bool { return r.ID == id }) }
	for _, r := range all {
		for _, w := range r.Wakes {
			if _, ok := model.FindCounter(w.Counter); !ok {
				t.Errorf("%s: wakes by %s, which nothing documents", r.ID, w.Counter)
			}
		}
		for _, o := range r.CausedBy {
			i := find(o.ID)
			if i < 0 || o.ID == r.ID {
				t.Errorf("%s: caused by %q, which is no other rule", r.ID, o.ID)
				continue
			}
			has := func(list []Cause, name string) bool {
				return slices.ContainsFunc(list, func(c Cause) bool { return c.Name == name })
			}
			for _, c := range o.Causes {
				if !has(r.Causes, c) {
					t.Errorf("%s: it has no cause %q", r.ID, c)
				}
			}
			for _, c := range o.RootCauses {
				if !has(all[i].Causes, c) {
					t.Errorf("%s: %s has no cause %q", r.ID, o.ID, c)
				}
			}
			if !slices.Contains([]Share{ShareSubject, ShareProcess, ShareNetns, ShareHost}, o.Shares) {
				t.Errorf("%s: shares %q", r.ID, o.Shares)
			}
		}
	}
}

func TestExplainedIn(t *testing.T) {
	t.Parallel()
	listener := Finding{ID: "accept-queue-overflow", Cause: "fd-limit", Netns: Netns{Cookie: 1},
		Subject: Subject{Kind: SubjectListener, Local: "0.0.0.0", Port: 80, PID: 7, PIDs: []int{7, 8}, Comm: "nginx", Cgroup: "/a"}}
	root := Finding{ID: "close-wait-leak", Cause: "descriptor-leak", Netns: Netns{Cookie: 1},
		Subject: Subject{Kind: SubjectProcess, PID: 8, PIDs: []int{8}, Comm: "nginx", Cgroup: "/a"}}
	change := func(f Finding, by func(*Finding)) Finding { by(&f); return f }
	origin := Origin{ID: root.ID, Causes: []string{"fd-limit"}, Shares: ShareProcess}
	with := func(by func(*Origin)) Origin { o := origin; by(&o); return o }
	for _, c := range []struct {
		name    string
		origin  Origin
		f, root Finding
		want    int
	}{
		{"a worker in common", origin, listener, root, 0},
		{"the same program, restarted", origin, listener, change(root, func(f *Finding) { f.Subject.PIDs = []int{99} }), 0},
		{"the same name elsewhere", origin, listener, change(root, func(f *Finding) { f.Subject.PIDs, f.Subject.Cgroup = []int{99}, "/b" }), -1},
		{"nobody was seen", origin, change(listener, func(f *Finding) { f.Subject = Subject{} }), change(root, func(f *Finding) { f.Subject = Subject{} }), -1},
		{"another namespace", origin, listener, change(root, func(f *Finding) { f.Netns.Cookie = 2 }), -1},
		{"another cause", origin, change(listener, func(f *Finding) { f.Cause = "somaxconn" }), root, -1},
		{"another root", origin, listener, change(root, func(f *Finding) { f.ID = "syn-flood" }), -1},
		{"another cause of the root", with(func(o *Origin) { o.RootCauses = []string{"stuck-reader"} }), listener, root, -1},
		{"not the same subject", with(func(o *Origin) { o.Shares = ShareSubject }), listener, root, -1},
		{"the same subject", with(func(o *Origin) { o.Shares = ShareSubject }), listener, change(root, func(f *Finding) { f.Subject = listener.Subject }), 0},
		{"the namespace", with(func(o *Origin) { o.Shares = ShareNetns }), listener, change(root, func(f *Finding) { f.Subject = Subject{} }), 0},
		{"the host", with(func(o *Origin) { o.Shares = ShareHost }), listener, change(root, func(f *Finding) { f.Netns.Cookie = 2 }), 0},
		{"nothing", with(func(o *Origin) { o.Shares = "" }), listener, root, -1},
	} {
		r := Rule{ID: listener.ID, CausedBy: []Origin{c.origin}}
		if got := r.ExplainedIn(&c.f, []*Finding{&c.root, &c.f}); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
