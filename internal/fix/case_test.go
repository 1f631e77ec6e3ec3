package fix

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// cramped is a host with 512 ports to one destination, all of them taken, and a
// service at 20000 that a wider range would take a port from.
const cramped = `{"host": {"kernel": "6.18.44", "memory_bytes": 8589934592}, "started": "2026-11-20T14:02:11Z", "seconds": 5,
 "namespaces": [{"namespace": {"inode": 7, "cookie": 9},
  "settings": {"net.ipv4.ip_local_port_range": "65024 65535", "net.ipv4.tcp_tw_reuse": "0", "net.ipv4.tcp_timestamps": "1",
   "net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_max_tw_buckets": "65536", "net.ipv4.ip_local_reserved_ports": "", "net.ipv4.tcp_tw_reuse_delay": "1000"},
  "start": {"counters": {"Tcp.ActiveOpens": 1000}, "at_seconds": 0, "census": {"complete": true, "ipv4": {}, "ipv6": {}}},
  "end": {"counters": {"Tcp.ActiveOpens": 1040}, "at_seconds": 5, "census": {"complete": true, "ipv4": {"time_wait": 512}, "ipv6": {},
   "listeners": [{"cookie": 3, "local": "0.0.0.0:20000", "limit": 128, "inode": 5}],
   "destinations": [{"source": "10.0.0.1", "dest": "10.0.0.2:443", "in_range": 512, "states": {"time_wait": 512}}]}}}]}`

func viewOf(t *testing.T, text string) *model.View {
	t.Helper()
	var w facts.Window
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	return model.NewView(w)
}

// TestChoose: the wider range is enough, so that TIME_WAIT need not be reused on
// top of it; the ports of services are set aside first.
func TestChoose(t *testing.T) {
	t.Parallel()
	v := viewOf(t, cramped)
	found := rules.Eval(v, rules.Options{}).Findings
	if len(found) != 1 {
		t.Fatalf("got %+v, want one finding", found)
	}
	reuse := 0
	for _, p := range found[0].Prescriptions {
		if p.Key == model.KeyTWReuse && cures(p) {
			reuse++
		}
	}
	if reuse != 1 {
		t.Fatal("by itself the model recommends no tcp_tw_reuse: this proves nothing")
	}
	cases, hopeless := Choose(v, found)
	if len(cases) != 1 || len(hopeless) != 0 {
		t.Fatalf("got %+v, %+v", cases, hopeless)
	}
	const reason = "fix ephemeral-port-exhaustion: this host is out of local ports from 10.0.0.1 to 10.0.0.2:443: 512 of 512 taken"
	want := []sysctl.Want{
		{Key: model.KeyReservedPorts, Op: sysctl.Includes, Value: "20000", Lower: true, Reason: reason},
		{Key: model.KeyPortRange, Op: sysctl.Exactly, Value: "16384 65535", Lower: true, Reason: reason},
	}
	if d := cmp.Diff(want, cases[0].Wants()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if cases[0].Restart || cases[0].Acting() != nil {
		t.Error("nobody has to act")
	}
}

// TestChooseNothing: what no setting cures is hopeless, with what to do instead.
func TestChooseNothing(t *testing.T) {
	t.Parallel()
	leak := rules.Finding{
		ID: "close-wait-leak", Netns: rules.Netns{Cookie: 9, Inode: 7},
		Prescriptions: []rules.Prescription{
			{Kind: rules.PrescribeApplication, Text: "close", Effect: model.Effect{Verdict: model.Helps}},
			{Kind: rules.PrescribeApplication, Text: "pray", Effect: model.Effect{Verdict: model.NoEffect}},
			{Kind: rules.PrescribeSysctl, Key: "net.ipv4.tcp_fin_timeout", Effect: model.Effect{Verdict: model.Unknown}},
			{Kind: rules.PrescribeNone, Text: "tcp_keepalive_time"},
		},
	}
	elsewhere := rules.Finding{ID: "x", Netns: rules.Netns{Cookie: 10, Inode: 7}, Prescriptions: []rules.Prescription{
		{Kind: rules.PrescribeSysctl, Key: model.KeyTWReuse, Effect: model.Effect{Verdict: model.Helps}},
	}}
	cases, hopeless := Choose(viewOf(t, cramped), []rules.Finding{leak, elsewhere})
	if len(cases) != 0 || len(hopeless) != 2 || len(hopeless[0].Instead) != 1 || hopeless[0].Instead[0].Text != "close" || len(hopeless[0].Useless) != 1 {
		t.Errorf("got %+v, %+v", cases, hopeless)
	}
}

// wanting is a case that wants something of some parameters.
func wanting(id string, keys ...string) Case {
	c := Case{Finding: rules.Finding{ID: id}}
	for _, k := range keys {
		c.Cures = append(c.Cures, rules.Prescription{Key: k, Constraint: rules.AtLeast, Proposed: "4096"})
	}
	return c
}

func TestGroup(t *testing.T) {
	t.Parallel()
	all := []Case{wanting("a", "k1"), wanting("b", "k2"), wanting("c", "k3", "k1"), wanting("d", "k4"), wanting("e", "k2", "k3")}
	titles := func(as []Attempt) []string {
		var out []string
		for _, a := range as {
			out = append(out, a.Title())
		}
		return out
	}
	if d := cmp.Diff([]string{"fix a, c, b, e", "fix d"}, titles(Group(all, false))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"fix a, b, c, d, e"}, titles(Group(all, true))); d != "" {
		t.Errorf("together (-want +got):\n%s", d)
	}
	if got := Group(nil, false); got != nil {
		t.Errorf("got %v of nothing", got)
	}
	if n := len(Group(all, false)[0].Wants()); n != 6 {
		t.Errorf("got %d wants, want 6", n)
	}
}

func TestActing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		s    rules.Subject
		want Acting
	}{
		{"a service", rules.Subject{Kind: rules.SubjectListener, PID: 812, PIDs: []int{812}, Comm: "nginx", Cgroup: "/system.slice/nginx.service"},
			Acting{PID: 812, PIDs: []int{812}, Comm: "nginx", Command: "systemctl reload-or-restart nginx.service",
				What: "nginx[812] must call listen() again: systemctl reload-or-restart nginx.service"}},
		{"a container", rules.Subject{Kind: rules.SubjectListener, PID: 1, Comm: "app", Cgroup: "/docker/abc", Container: "abc"},
			Acting{PID: 1, Comm: "app", What: "app[1] must call listen() again: reload or restart it in container abc"}},
		{"a process", rules.Subject{Kind: rules.SubjectListener, PID: 1, Comm: "app", Cgroup: "/user.slice"},
			Acting{PID: 1, Comm: "app", What: "app[1] must call listen() again: reload it (SIGHUP, where it listens again on that) or restart it"}},
		{"a unit whose name is a trap", rules.Subject{Kind: rules.SubjectListener, PID: 1, Comm: "app", Cgroup: "/a;reboot.service"},
			Acting{PID: 1, Comm: "app", What: "app[1] must call listen() again: reload it (SIGHUP, where it listens again on that) or restart it"}},
		{"connections", rules.Subject{Kind: rules.SubjectHost},
			Acting{What: "an unseen process must start again, or make its connections anew: reload it (SIGHUP, where it listens again on that) or restart it"}},
	} {
		got := Case{Finding: rules.Finding{Subject: tt.s}, Restart: true}.Acting()
		if d := cmp.Diff(&tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// TestRecordRoundTrip: a case is judged alike before and after it was on disk.
func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	v := viewOf(t, cramped)
	cases, _ := Choose(v, rules.Eval(v, rules.Options{}).Findings)
	r := Record{ChangeID: "7c1f", WindowSeconds: 5, Attempt: Attempt{Cases: cases}}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	after := []Reading{{Name: model.FigureUsed, Value: 2, Harm: true}}
	if d := cmp.Diff(cases[0].Judge(after, false, true), again.Attempt.Cases[0].Judge(after, false, true)); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	if d := cmp.Diff(cases[0].Wants(), again.Attempt.Wants()); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	for _, bad := range []string{"", "{", `{"schema":"x"}`, `{"schema":"tcpdoctor.fix/v1"}`} {
		if _, err := DecodeRecord([]byte(bad)); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}
