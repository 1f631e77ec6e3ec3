package incident

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// stage plays ticks of ten seconds to a tracker and notes what it tells.
type stage struct {
	t       *Tracker
	options Options
	at      steady.Moment
	boot    string
	present []facts.Namespace
	tick    time.Duration
	told    []string // "firing critical listener ... @30s"
	alerts  []Alert
	changed []Incident
	restart bool // through JSON before every tick
}

const (
	overflow = "accept-queue-overflow"
	leak     = "close-wait-leak"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func newStage() *stage {
	s := &stage{
		options: Options{Instance: "web-1", Config: Defaults()}, boot: "7a6e1f0e-0d43", tick: 10 * time.Second,
		present: []facts.Namespace{{Cookie: 1, Inode: 11, Self: true}, {Cookie: 2, Inode: 12, Name: "shop"}},
		at:      steady.Moment{Wall: noon(), Mono: time.Hour},
	}
	s.t = New(s.options, Memory{})
	return s
}

// begin is the moment at which the test begins.
func (s *stage) since() time.Duration { return s.at.Mono - time.Hour }

func (s *stage) observe(o Observation) {
	if s.restart {
		s.reload()
	}
	o.BootID = s.boot
	if o.Namespaces == nil {
		o.Namespaces = s.present
	}
	if o.Rules == nil {
		for _, r := range rules.All() {
			o.Rules = append(o.Rules, r.ID)
		}
	}
	changed, alerts := s.t.Observe(s.at, o)
	s.changed = append(s.changed, changed...)
	for _, a := range alerts {
		repeat := ""
		if a.Repeat > 0 {
			repeat = fmt.Sprintf(" again %d", a.Repeat)
		}
		s.told = append(s.told, fmt.Sprintf("%s %s %s %s@%v%s", a.Status, a.Labels["severity"], a.Labels["netns"], a.Labels["subject"], s.since(), repeat))
	}
	s.alerts = append(s.alerts, alerts...)
}

// play observes the same for as many ticks as it takes.
func (s *stage) play(d time.Duration, o Observation) {
	for range d / s.tick {
		s.observe(o)
		s.at.Wall, s.at.Mono = s.at.Wall.Add(s.tick), s.at.Mono+s.tick
	}
}

func (s *stage) reload() {
	b, err := json.Marshal(s.t.Memory())
	if err != nil {
		panic(err)
	}
	var m Memory
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	s.t = New(s.options, m)
}

func (s *stage) want(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, s.told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
}

func listenerOn(local string, port uint16, comm string, severity rules.Severity, pids ...int) rules.Finding {
	f := rules.Finding{
		ID: overflow, Severity: severity, Confidence: rules.Likely, Cause: "somaxconn", Actor: rules.KernelLimit,
		Netns:       rules.Netns{Cookie: 1, Inode: 11},
		Subject:     rules.Subject{Kind: rules.SubjectListener, Local: local, Port: port, Comm: comm, PIDs: pids},
		Summary:     comm + " drops connections",
		Explanation: "the limit equals somaxconn",
		Evidence:    []rules.Evidence{{Name: "accept queue, highest", Value: 129, Unit: "connections", Source: "INET_DIAG"}},
		Prescriptions: []rules.Prescription{
			{Kind: rules.PrescribeNone, Text: "net.ipv4.tcp_max_syn_backlog", Effect: model.Effect{Verdict: model.NoEffect}},
			{Kind: rules.PrescribeSysctl, Text: "sysctl -w net.core.somaxconn=4096", Effect: model.Effect{Verdict: model.Helps}},
		},
	}
	if len(pids) > 0 {
		f.Subject.PID = pids[0]
	}
	return f
}

func see(f ...rules.Finding) Observation { return Observation{Findings: f} }

// unknown is an observation that could judge nothing.
func unknown() Observation {
	var o Observation
	for _, r := range rules.All() {
		o.Unknown = append(o.Unknown, rules.Unknown{Rule: r.ID, Reason: "sockets: not walked"})
	}
	return o
}

const nginx = "listener 0.0.0.0:80 nginx"

func TestLife(t *testing.T) {
	t.Parallel()
	warn := see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812))
	crit := see(listenerOn("0.0.0.0", 80, "nginx", rules.Critical, 812))
	firing, resolved := "firing warning host "+nginx, "resolved warning host "+nginx
	for _, c := range []struct {
		name string
		play func(*stage)
		want []string
	}{
		{"once", func(s *stage) { s.play(10*time.Second, warn); s.play(time.Hour, see()) }, nil},
		{"for less than it takes", func(s *stage) { s.play(30*time.Second, warn); s.play(time.Hour, see()) }, nil},
		{"for long enough", func(s *stage) { s.play(time.Minute, warn); s.play(time.Hour, see()) },
			[]string{firing + "@30s", resolved + "@3m0s"}},
		{"critical", func(s *stage) { s.play(time.Minute, crit); s.play(time.Hour, see()) },
			[]string{"firing critical host " + nginx + "@20s", "resolved critical host " + nginx + "@3m0s"}},
		{"now and then", func(s *stage) {
			for range 100 {
				s.play(10*time.Second, warn)
				s.play(10*time.Second, see())
			}
		}, nil},
		{"with pauses", func(s *stage) {
			for range 10 {
				s.play(time.Minute, warn)
				s.play(time.Minute, see())
			}
			s.play(time.Hour, see())
		}, []string{firing + "@30s", resolved + "@21m0s"}},
		{"worse", func(s *stage) { s.play(time.Minute, warn); s.play(time.Minute, crit); s.play(time.Hour, see()) },
			[]string{firing + "@30s", resolved + "@1m20s", "firing critical host " + nginx + "@1m20s", "resolved critical host " + nginx + "@4m0s"}},
		{"better", func(s *stage) { s.play(time.Minute, crit); s.play(10*time.Minute, warn); s.play(time.Hour, see()) },
			[]string{"firing critical host " + nginx + "@20s", "resolved critical host " + nginx + "@6m0s", firing + "@6m0s", resolved + "@13m0s"}},
		{"hardly better", func(s *stage) {
			for range 30 {
				s.play(time.Minute, crit)
				s.play(time.Minute, warn)
			}
		}, []string{"firing critical host " + nginx + "@20s"}},
		{"again and again told", func(s *stage) { s.play(9*time.Hour, warn) },
			[]string{firing + "@30s", firing + "@4h0m30s again 1", firing + "@8h0m30s again 2"}},
		{"unknown in between", func(s *stage) {
			s.play(10*time.Second, warn)
			s.play(5*time.Minute, unknown())
			s.play(10*time.Second, warn)
			s.play(5*time.Hour, unknown())
			s.play(10*time.Second, see())
			s.play(time.Minute, unknown())
			s.play(10*time.Second, see())
			s.play(time.Minute, see())
		}, []string{firing + "@5m10s", firing + "@4h5m10s again 1", resolved + "@5h7m20s"}},
		{"only two far apart", func(s *stage) {
			s.play(10*time.Second, warn)
			s.play(3*time.Hour, unknown())
			s.play(10*time.Second, warn)
		}, nil},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restart=%v", c.name, restart), func(t *testing.T) {
				t.Parallel()
				s := newStage()
				s.restart = restart
				c.play(s)
				s.want(t, c.want...)
			})
		}
	}
}

func TestFlapping(t *testing.T) {
	t.Parallel()
	s := newStage()
	warn := see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812))
	for range 20 {
		s.play(time.Minute, warn)
		s.play(4*time.Minute, see())
	}
	s.play(time.Hour, see())
	// Twice it ends after two minutes; from the third time on it takes four and
	// then eight minutes of silence, which never come.
	var fired int
	for _, line := range s.told {
		if strings.HasPrefix(line, "firing") {
			fired++
		}
	}
	if fired > 4 || fired < 3 || len(s.told) != 2*fired {
		t.Errorf("got %q, want at most four alerts for twenty times", s.told)
	}
	if last := s.changed[len(s.changed)-1]; last.State != Ended || last.Reopened < 2 {
		t.Errorf("got %+v, want it to tell how often it came back", last)
	}
	s.play(2*time.Hour, see())
	if n := len(s.t.Memory().Past); n != 0 {
		t.Errorf("%d endings are remembered for ever", n)
	}
}

// hostwide is a finding that names no culprit.
func hostwide(id string) rules.Finding {
	f := listenerOn("", 0, "", rules.Warning)
	f.ID, f.Subject = id, rules.Subject{Kind: rules.SubjectHost}
	return f
}

// towardsTable is a full table of TIME_WAIT, filled by connections to an address.
func towardsTable(dest string) rules.Finding {
	f := hostwide("time-wait-overflow")
	f.Subject = rules.Subject{Kind: rules.SubjectDestination, Local: "10.0.0.1", Peer: dest, PeerPort: 80, Comm: "curl"}
	return f
}

// TestBetterName: until somebody is told, the best name counts.
func TestBetterName(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.play(10*time.Second, see(hostwide(overflow)))
	s.play(10*time.Second, see(listenerOn("0.0.0.0", 80, "", rules.Warning)))
	s.play(10*time.Second, see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)))
	s.play(time.Minute, see(hostwide(overflow)))
	s.want(t, "firing warning host "+nginx+"@30s")
	if a := s.t.Active(); a[0].Finding.Subject.Comm != "nginx" || a[0].Annotations["summary"] != "nginx drops connections" {
		t.Errorf("got %+v, want what the better look has told", a)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	process := func(pid int, comm, cgroup string) rules.Finding {
		return rules.Finding{ID: leak, Severity: rules.Warning, Confidence: rules.Certain, Netns: rules.Netns{Cookie: 2, Inode: 12},
			Subject: rules.Subject{Kind: rules.SubjectProcess, PID: pid, PIDs: []int{pid}, Comm: comm, Cgroup: cgroup}, Summary: fmt.Sprintf("%s[%d] leaks", comm, pid)}
	}
	towards := func(source, dest string, comm string) rules.Finding {
		f := listenerOn(source, 0, comm, rules.Warning)
		f.ID, f.Subject.Kind, f.Subject.Peer, f.Subject.PeerPort = "ephemeral-port-exhaustion", rules.SubjectDestination, dest, 5432
		return f
	}
	for _, c := range []struct {
		name    string
		seen    []Observation // ten ticks each
		subject []string
	}{
		{"restarted", []Observation{
			see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)), see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 2)),
		}, []string{"host " + nginx}},
		{"both families", []Observation{
			see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)), see(listenerOn("::", 80, "nginx", rules.Warning, 1)),
			see(listenerOn("::", 80, "nginx", rules.Warning, 1), listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)),
		}, []string{"host " + nginx}},
		{"the program is not always seen", []Observation{
			see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)), see(listenerOn("0.0.0.0", 80, "", rules.Warning)),
		}, []string{"host " + nginx}},
		{"the program is seen late", []Observation{
			see(listenerOn("0.0.0.0", 80, "", rules.Warning)), see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)),
		}, []string{"host listener 0.0.0.0:80"}},
		{"two ports", []Observation{
			see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1), listenerOn("fd00::7", 443, "nginx", rules.Warning, 1)),
		}, []string{"host " + nginx, "host listener [fd00::7]:443 nginx"}},
		{"workers", []Observation{
			see(process(3, "gunicorn", "/system.slice/shop.service"), process(4, "gunicorn", "/system.slice/shop.service")),
			see(process(5, "gunicorn", "/system.slice/shop.service")),
		}, []string{"shop process gunicorn (shop.service)"}},
		{"not the same program", []Observation{see(process(3, "java", "/user.slice/user-0.slice/session-1.scope"), process(4, "", ""))},
			[]string{"shop process java", "shop process (unseen)"}},
		{"mapped addresses", []Observation{
			see(towards("::ffff:10.0.0.4", "::ffff:10.2.0.9", "java")), see(towards("10.0.0.4", "10.2.0.9", "java")),
		}, []string{"host destination 10.0.0.4 → 10.2.0.9:5432 java"}},
		{"first nobody in particular", []Observation{
			see(hostwide(overflow)), see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)), see(hostwide(overflow)),
		}, []string{"host host"}},
		{"then nobody in particular", []Observation{see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1)), see(hostwide(overflow))},
			[]string{"host " + nginx}},
		{"which of two is not known", []Observation{
			see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1), listenerOn("0.0.0.0", 81, "nginx", rules.Warning, 1)), see(hostwide(overflow)),
		}, []string{"host " + nginx, "host listener 0.0.0.0:81 nginx", "host host"}},
		{"one table, whoever fills it", []Observation{
			see(hostwide("time-wait-overflow")), see(towardsTable("10.0.0.8")), see(towardsTable("10.0.0.9")),
		}, []string{"host host"}},
		{"strange names", []Observation{see(listenerOn("0.0.0.0", 80, "a\nb\xff\u202e", rules.Warning, 1))},
			[]string{"host listener 0.0.0.0:80 a?b??"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			for _, o := range c.seen {
				s.play(100*time.Second, o)
			}
			var got []string
			for _, a := range s.alerts {
				got = append(got, a.Labels["netns"]+" "+a.Labels["subject"])
			}
			if d := cmp.Diff(c.subject, got); d != "" {
				t.Errorf("told of (-want +got):\n%s", d)
			}
		})
	}
}

func TestMergedFinding(t *testing.T) {
	t.Parallel()
	s := newStage()
	a, b := listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1), listenerOn("::", 80, "nginx", rules.Critical, 1, 2)
	s.play(time.Minute, see(a, b))
	got := s.t.Incidents()
	if len(got) != 1 || got[0].Severity != rules.Critical || len(got[0].Finding.Subject.PIDs) != 2 ||
		!strings.HasSuffix(got[0].Finding.Summary, "(and 1 more like it)") || !strings.Contains(got[0].Finding.Explanation, "; also: nginx drops") {
		t.Errorf("got %+v", got)
	}
	if len(a.Subject.PIDs) != 1 || strings.Contains(b.Summary, "more") {
		t.Error("the findings themselves were changed")
	}
}

func TestAlertWords(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.play(time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812)))
	s.play(5*time.Minute, see())
	if len(s.alerts) != 2 {
		t.Fatalf("got %q", s.told)
	}
	a := s.alerts[0]
	labels := map[string]string{
		"alertname": "TcpdoctorAcceptQueueOverflow", "id": overflow, "severity": "warning", "instance": "web-1", "netns": "host", "subject": nginx,
	}
	if d := cmp.Diff(labels, a.Labels); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	words := map[string]string{
		"summary": "nginx drops connections", "description": "the limit equals somaxconn",
		"cause": "somaxconn: net.core.somaxconn cut the application's backlog", "actor": "kernel-limit", "confidence": "likely",
		"since": "2026-01-02T12:00:00Z", "do": "sysctl -w net.core.somaxconn=4096", "runbook": "tcpdoctor explain accept-queue-overflow",
		"evidence_accept_queue_highest": "129 connections",
	}
	if d := cmp.Diff(words, a.Annotations); d != "" {
		t.Errorf("annotations (-want +got):\n%s", d)
	}
	end := s.alerts[1]
	if end.UID != a.UID || end.Incident != a.Incident || end.Status != Resolved || !end.EndsAt.After(end.StartsAt) || !end.StartsAt.Equal(a.StartsAt) {
		t.Errorf("got end %+v of %+v", end, a)
	}
	if !a.EndsAt.IsZero() || a.Finding.ID != overflow {
		t.Errorf("got %+v", a)
	}
}

func TestNamespaceGone(t *testing.T) {
	t.Parallel()
	shop := func(cookie uint64) Observation {
		f := listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 5)
		f.Netns = rules.Netns{Cookie: cookie, Inode: 12, Name: "shop"}
		return see(f)
	}
	host := facts.Namespace{Cookie: 1, Inode: 11, Self: true}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, shop(2))
		s.present = []facts.Namespace{host}
		s.play(time.Hour, see())
		s.want(t, "firing warning shop "+nginx+"@30s", "resolved warning shop "+nginx+"@1m50s")
		if got := s.changed[len(s.changed)-1]; got.EndReason != "the namespace is gone" || s.alerts[1].Annotations["ended"] == "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("perhaps not", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, shop(2))
		s.play(4*time.Minute, Observation{Namespaces: []facts.Namespace{host}, NamespacesUnsure: true})
		s.play(time.Hour, Observation{Namespaces: []facts.Namespace{host}, Others: s.present[1:]})
		s.want(t, "firing warning shop "+nginx+"@30s")
		s.play(time.Hour, Observation{Namespaces: []facts.Namespace{host}, NamespacesUnsure: true})
		if got := s.changed[len(s.changed)-1]; got.EndReason != "the namespace is gone" {
			t.Errorf("got %+v, want that it ends after a longer grace", got)
		}
	})
	t.Run("made anew", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.play(time.Minute, shop(2))
		s.present = []facts.Namespace{host, {Cookie: 9, Inode: 12, Name: "shop"}}
		s.play(time.Minute, shop(9))
		s.want(t, "firing warning shop "+nginx+"@30s")
	})
	t.Run("two of one name", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.present = append(s.present, facts.Namespace{Cookie: 9, Inode: 13, Name: "shop"})
		s.play(time.Minute, see(append(shop(2).Findings, shop(9).Findings...)...))
		s.want(t, "firing warning shop "+nginx+"@30s", "firing warning shop#9 "+nginx+"@30s")
	})
}

func TestReboot(t *testing.T) {
	t.Parallel()
	s := newStage()
	warn := see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812))
	s.play(time.Minute, warn)
	s.boot, s.at.Mono = "another-boot", 0
	s.at.Wall = s.at.Wall.Add(5 * time.Minute)
	s.observe(warn)
	if len(s.told) != 2 || !strings.HasPrefix(s.told[1], "resolved") || s.changed[len(s.changed)-1].EndReason != "the host was started anew" {
		t.Errorf("got %q", s.told)
	}
	s.play(time.Minute, warn)
	if len(s.told) != 3 || s.alerts[2].UID == s.alerts[0].UID {
		t.Errorf("got %q, want it told of again", s.told)
	}
}

func TestRuleTakenAway(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.play(time.Minute, see(listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 812)))
	s.play(5*time.Minute, Observation{Rules: []string{leak}})
	s.want(t, "firing warning host "+nginx+"@30s", "resolved warning host "+nginx+"@1m50s")
}

func TestPartialJudgement(t *testing.T) {
	t.Parallel()
	s := newStage()
	a, b := listenerOn("0.0.0.0", 80, "nginx", rules.Warning, 1), listenerOn("0.0.0.0", 81, "nginx", rules.Warning, 1)
	s.play(time.Minute, see(a, b))
	o := see(a)
	o.Partial = []rules.Unknown{{Rule: overflow, Netns: &rules.Netns{Cookie: 1, Inode: 11}}}
	s.play(time.Hour, o)
	s.want(t, "firing warning host "+nginx+"@30s", "firing warning host listener 0.0.0.0:81 nginx@30s")
}

// TestBriefLook: what a thorough look has told of the cause is not taken back by
// one that could not tell.
func TestBriefLook(t *testing.T) {
	t.Parallel()
	s := newStage()
	brief := listenerOn("0.0.0.0", 80, "", rules.Critical)
	brief.Confidence, brief.Cause, brief.Explanation = rules.Possible, "unknown", "who knows"
	s.play(20*time.Second, see(brief))
	s.play(10*time.Second, see(listenerOn("0.0.0.0", 80, "nginx", rules.Critical, 812)))
	s.play(5*time.Minute, see(brief))
	got := s.t.Incidents()[0]
	if got.Finding.Cause != "somaxconn" || got.Finding.Subject.PID != 812 || got.Worst.Cause != "somaxconn" || len(s.alerts) != 1 {
		t.Errorf("got %+v, told %q", got, s.told)
	}
	s.play(20*time.Minute, see(brief))
	if got := s.t.Incidents()[0]; got.Finding.Cause != "unknown" {
		t.Errorf("got %q, want what is said now", got.Finding.Cause)
	}
}
