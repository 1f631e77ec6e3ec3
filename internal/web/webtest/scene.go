package webtest

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// windowSeconds is the length of a tick's window.
const windowSeconds = 10

// Scene is a made-up host at one moment: two namespaces, a web server and a
// database, and faults as wanted.
type Scene struct {
	At time.Time
	// Overflow fills the accept queue of the web server, Leak makes a program
	// forget to close so many connections.
	Overflow bool
	Leak     int
	// Comm is what the web server calls itself; "" is nginx.
	Comm string
	// Pending says that what is found has not held for long enough.
	Pending bool
	// ListenersOnly makes it a tick between walks.
	ListenersOnly bool
}

// Snapshot judges the scene the way the agent does.
func (s Scene) Snapshot() web.Snapshot {
	v := model.NewView(s.Window())
	result := rules.Eval(v, rules.Options{})
	snap := web.Snapshot{
		Ready: true, LastTick: s.At, LastWalk: s.At, View: v, Report: report.New(v, result, "1.0.0"),
		Cost: web.Cost{
			Collect:    23 * time.Millisecond,
			Collectors: map[string]time.Duration{"sockets": 19 * time.Millisecond, "netstat": 2 * time.Millisecond},
			Rules:      map[string]time.Duration{},
		},
		Pace: web.Pace{
			Ticks: 8641, Walks: 8641, Interval: windowSeconds * time.Second, WalkInterval: windowSeconds * time.Second,
			BudgetCores: 0.01, UsedCores: 0.0031,
		},
		CollectErrors: map[facts.Source]uint64{facts.SourceConntrack: 1},
		Receivers:     []web.Receiver{{Name: "alertmanager", Sent: 12, LastSuccess: s.At.Add(-time.Hour)}},
		Store:         web.Store{Bytes: 9 << 20, MaxBytes: 64 << 20, Oldest: s.At.Add(-30 * 24 * time.Hour)},
	}
	for _, r := range rules.All() {
		snap.Cost.Rules[r.ID] = 40 * time.Microsecond
	}
	for i, f := range result.Findings {
		snap.Incidents = append(snap.Incidents, s.incident(i, f))
	}
	return snap
}

func (s Scene) incident(i int, f rules.Finding) incident.Incident {
	subject := incident.SubjectText(f.Subject)
	out := incident.Incident{
		UID: fmt.Sprintf("uid-%s-%d", f.ID, i), Key: incident.Key{ID: f.ID, Netns: fmt.Sprint(f.Netns.Cookie), Subject: subject},
		Netns: model.HostLabel, Subject: subject, State: incident.Open, Severity: f.Severity, Peak: f.Severity,
		Since: s.At.Add(-time.Duration(11+90*i) * time.Minute), LastSeen: s.At, Finding: f, Worst: f,
	}
	out.Opened = out.Since.Add(30 * time.Second)
	if s.Pending {
		out.State, out.Opened, out.Since = incident.Pending, time.Time{}, s.At.Add(-10*time.Second)
	}
	return out
}

// Window is what a collector would have seen.
func (s Scene) Window() facts.Window {
	host := s.host()
	db := s.container()
	comm := s.Comm
	if comm == "" {
		comm = "nginx"
	}
	w := facts.Window{
		Host:    facts.Host{Hostname: "web-1", Kernel: "6.18.44", BootID: "0c9b1f3a-8d5e-4b6f-9a57-3b1d2c4e5f60", CPUs: 8, MemoryBytes: 16 << 30, PageBytes: 4096, Root: true},
		Started: s.At.Add(-windowSeconds * time.Second), Seconds: windowSeconds,
		Namespaces: []facts.NamespaceWindow{host, db},
		Processes: []facts.Process{
			{PID: 812, Comm: comm, Cgroup: "/system.slice/nginx.service", Unit: "nginx.service", FDLimit: facts.Some(uint64(4096)), FDs: facts.Some(uint64(300)), HoldsInodes: []uint32{501}},
			{PID: 700, Comm: "postgres", Cgroup: "/system.slice/postgresql.service", HoldsInodes: []uint32{502}},
			{PID: 5001, Comm: "mysqld", Container: db.Namespace.Container, HoldsInodes: []uint32{901}},
		},
		Gaps: []facts.Gap{{Source: facts.SourceKernelLog, Reason: "no permission"}},
		Cost: facts.Cost{WallSeconds: windowSeconds, CPUSeconds: 0.031, Sockets: 8404},
	}
	if s.Leak > 0 {
		w.Processes = append(w.Processes, leaker(s.Leak))
	}
	return w
}

func (s Scene) host() facts.NamespaceWindow {
	before := facts.Counters{
		"Tcp.PassiveOpens": 1000, "Tcp.ActiveOpens": 400, "Tcp.RetransSegs": 10, "Tcp.OutSegs": 90_000,
		"TcpExt.ListenOverflows": 7, "TcpExt.ListenDrops": 9, "TcpExt.SyncookiesSent": 0, "TcpExt.SyncookiesRecv": 0,
		"TcpExt.TCPReqQFullDrop": 0, "TcpExt.TCPReqQFullDoCookies": 0, "TcpExt.TCPTimeWaitOverflow": 0,
		"TcpExt.TW": 500, "TcpExt.TWKilled": 0, "TcpExt.TCPSynRetrans": 2,
	}
	after := maps.Clone(before)
	after["Tcp.PassiveOpens"] += 2490
	after["Tcp.ActiveOpens"] += 80
	after["Tcp.RetransSegs"] += 14
	after["Tcp.OutSegs"] += 81_000
	listeners := []facts.Listener{listener(1, "0.0.0.0:443", 3, 4096, 501), listener(2, "127.0.0.1:5432", 0, 244, 502)}
	watches := []facts.Watch{
		{Cookie: 1, Polls: 52, HighWater: 11, SumQueue: 160, FirstDrops: facts.Some(uint32(4)), LastDrops: facts.Some(uint32(4))},
		{Cookie: 2, Polls: 52, FirstDrops: facts.Some(uint32(0)), LastDrops: facts.Some(uint32(0))},
	}
	settings := settings()
	if s.Overflow {
		settings["net.core.somaxconn"] = "128"
		after["TcpExt.ListenOverflows"] += 372
		after["TcpExt.ListenDrops"] += 372
		listeners[0] = listener(1, "0.0.0.0:443", 129, 128, 501)
		listeners[0].Drops = facts.Some(uint32(376))
		watches[0] = facts.Watch{
			Cookie: 1, Polls: 52, Full: 40, HighWater: 129, LowWater: 12, SumQueue: 5000, FullAtEnd: true,
			FirstDrops: facts.Some(uint32(4)), LastDrops: facts.Some(uint32(376)),
		}
	}
	start := facts.Snapshot{Counters: before, Census: s.census(listeners, 0)}
	end := facts.Snapshot{AtSeconds: windowSeconds, Counters: after, Census: s.census(listeners, s.Leak)}
	if s.Leak > 0 {
		start.Census.Classes = map[facts.ClassName]facts.Class{facts.ClassCloseWait: closeWaits(s.Leak-4, 11_520_000)}
		end.Census.Classes = map[facts.ClassName]facts.Class{facts.ClassCloseWait: closeWaits(s.Leak, 11_530_000)}
		start.Census.IPv4[facts.CloseWait] = uint64(s.Leak - 4)
	}
	return facts.NamespaceWindow{
		Namespace: facts.Namespace{Cookie: 1, Inode: 4026531833, Self: true, PIDs: []int{1}},
		Settings:  settings, Start: start, End: end, Watches: watches,
	}
}

func (s Scene) census(listeners []facts.Listener, closeWait int) facts.Census {
	if s.ListenersOnly {
		return facts.Census{Sockets: uint64(len(listeners)), ListenersOnly: true, Listeners: listeners}
	}
	return facts.Census{
		Sockets: 8404, Complete: true, Listeners: listeners,
		IPv4:   facts.StateCounts{facts.Established: 288, facts.TimeWait: 8114, facts.Listen: 2, facts.SynRecv: 3, facts.CloseWait: uint64(closeWait)},
		Locals: []facts.Local{{Addr: netip.MustParseAddrPort("10.2.0.4:443"), States: facts.StateCounts{facts.Established: 250}}},
		Destinations: []facts.Destination{{
			Source: netip.MustParseAddr("10.2.0.4"), Dest: netip.MustParseAddrPort("10.2.0.9:5432"),
			States: facts.StateCounts{facts.Established: 38, facts.TimeWait: 8114}, InRange: 8152,
		}},
		Bound: facts.BoundPorts{Known: true},
	}
}

// container is the namespace of a database, with nothing wrong.
func (s Scene) container() facts.NamespaceWindow {
	listeners := []facts.Listener{listener(3, "[::]:3306", 0, 80, 901)}
	census := facts.Census{Sockets: 41, Complete: true, Listeners: listeners, IPv6: facts.StateCounts{facts.Established: 40, facts.Listen: 1}}
	if s.ListenersOnly {
		census = facts.Census{Sockets: 1, ListenersOnly: true, Listeners: listeners}
	}
	counters := facts.Counters{"Tcp.PassiveOpens": 60, "Tcp.ActiveOpens": 0, "TcpExt.ListenOverflows": 0, "TcpExt.ListenDrops": 0}
	return facts.NamespaceWindow{
		Namespace: facts.Namespace{Cookie: 4102, Inode: 4026532977, Name: "db1", PIDs: []int{5001}, Container: "9f86d081884c7d659f86d081884c7d659f86d081884c7d659f86d081884c7d65"},
		Settings:  settings(),
		Start:     facts.Snapshot{Counters: counters, Census: census},
		End:       facts.Snapshot{AtSeconds: windowSeconds, Counters: counters, Census: census},
		Watches:   []facts.Watch{{Cookie: 3, Polls: 52, FirstDrops: facts.Some(uint32(0)), LastDrops: facts.Some(uint32(0))}},
	}
}

func settings() map[string]string {
	return map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_max_syn_backlog": "1024",
		"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.ip_local_reserved_ports": "",
		"net.ipv4.tcp_max_tw_buckets": "262144", "net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_timestamps": "1",
		"net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_abort_on_overflow": "0", "net.ipv4.tcp_synack_retries": "5",
	}
}

func listener(cookie uint64, local string, queue, limit, inode uint32) facts.Listener {
	a := netip.MustParseAddrPort(local)
	family := facts.IPv4
	if a.Addr().Is6() {
		family = facts.IPv6
	}
	return facts.Listener{Cookie: cookie, Local: a, Family: family, Inode: inode, Queue: queue, Limit: limit, Drops: facts.Some(uint32(0))}
}

// leakedInode is that of the first connection the leaking program holds.
const leakedInode = 70_000

func closeWaits(count int, ageMillis uint32) facts.Class {
	c := facts.Class{Total: uint64(count)}
	for i := range count {
		c.Samples = append(c.Samples, facts.Sample{
			Cookie: uint64(10_000 + i), Local: netip.AddrPortFrom(netip.MustParseAddr("10.2.0.4"), uint16(33_000+i)),
			Remote: netip.MustParseAddrPort("10.2.0.9:5432"), State: facts.CloseWait, Inode: leakedInode + uint32(i), UID: 1000,
			BytesMoved: facts.Some(uint64(900)), LastAckRecvMillis: facts.Some(ageMillis), LastDataRecvMillis: facts.Some(ageMillis),
		})
	}
	return c
}

func leaker(count int) facts.Process {
	p := facts.Process{
		PID: 4410, Comm: "java", Cgroup: "/system.slice/orders.service", Unit: "orders.service",
		FDLimit: facts.Some(uint64(4096)), FDs: facts.Some(uint64(1252)), State: "S",
	}
	for i := range count {
		p.HoldsInodes = append(p.HoldsInodes, leakedInode+uint32(i))
	}
	return p
}

// Past is a made-up history up to a time.
type Past struct {
	Until time.Time
	// Ended are the incidents it tells of, all of them over.
	Ended []incident.Incident
}

// NewPast makes a history that ends at a time.
func NewPast(until time.Time) *Past {
	p := &Past{Until: until}
	for i, c := range []struct {
		ago, lasted time.Duration
		scene       Scene
	}{
		{5 * time.Hour, 4 * time.Minute, Scene{Overflow: true}},
		{27 * time.Hour, 3*time.Hour + 20*time.Minute, Scene{Leak: 204}},
		{75 * time.Hour, 50 * time.Second, Scene{Overflow: true}},
	} {
		c.scene.At = until.Add(-c.ago)
		for _, x := range c.scene.Snapshot().Incidents {
			x.UID = fmt.Sprintf("past-%d-%s", i, x.UID)
			x.State, x.Since, x.EndedAt = incident.Ended, until.Add(-c.ago), until.Add(c.lasted-c.ago)
			p.Ended = append(p.Ended, x)
		}
	}
	return p
}

// Incidents returns those that overlap the span.
func (p *Past) Incidents(since, until time.Time, limit int) ([]incident.Incident, error) {
	var out []incident.Incident
	for _, i := range p.Ended {
		if i.EndedAt.After(since) && i.Since.Before(until) && len(out) < limit {
			out = append(out, i)
		}
	}
	return out, nil
}

// Series draws a curve of its own for each name.
func (p *Past) Series(name string, since, until time.Time, points int) ([]web.Sample, error) {
	base, ok := map[string]float64{
		web.SeriesQueueUsed: 0.02, web.SeriesOverflows: 0, web.SeriesListenDrops: 0.2, web.SeriesHalfOpen: 3,
		web.SeriesCookies: 0, web.SeriesAccepts: 249, web.SeriesConnects: 8, web.SeriesEstablished: 310,
		web.SeriesTimeWait: 8100, web.SeriesCloseWait: 4, web.SeriesFinWait2: 21, web.SeriesLastAck: 1,
		web.SeriesPortsUsed: 0.29, web.SeriesRetransmits: 1.4, web.SeriesSynRetransmits: 0.2,
	}[name]
	if !ok {
		return nil, nil
	}
	if until.After(p.Until) {
		until = p.Until
	}
	step := max(10*time.Second, until.Sub(since)/time.Duration(points))
	var out []web.Sample
	for at := since.Truncate(step); at.Before(until); at = at.Add(step) {
		t := float64(at.Unix())
		wave := 1 + 0.25*math.Sin(t/700+base) + 0.1*math.Sin(t/61) + 0.06*math.Sin(t/13)
		mean := base * wave
		if ago := p.Until.Sub(at); ago < 11*time.Minute {
			switch name {
			case web.SeriesQueueUsed:
				mean = 1.008
			case web.SeriesOverflows, web.SeriesListenDrops:
				mean = 37 + 6*math.Sin(t/17)
			}
		}
		out = append(out, web.Sample{At: at, Min: 0.8 * mean, Mean: mean, Max: 1.15 * mean})
	}
	return out, nil
}

// SeriesNames lists nothing: the page asks by name.
func (p *Past) SeriesNames() ([]string, error) { return []string{web.SeriesQueueUsed}, nil }
