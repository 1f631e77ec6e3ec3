package report

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// A case is a window that stands for one situation a reader may be in.
type situation struct {
	name   string
	window facts.Window
}

func situations() []situation {
	return []situation{
		{"healthy", healthyWindow()},
		{"accept-queue", acceptWindow()},
		{"close-wait", closeWaitWindow()},
		{"ports", portsWindow()},
		{"syn-flood", floodWindow()},
		{"time-wait", timeWaitWindow()},
		{"two-problems", twoProblems()},
		{"other-namespace", otherNamespace()},
		{"hostile-names", hostileNames()},
		{"instant", instantWindow()},
		{"blind", blindWindow()},
		{"empty", facts.Window{Started: started, Namespaces: []facts.NamespaceWindow{}}},
	}
}

var started = time.Date(2026, 3, 4, 14, 2, 11, 0, time.FixedZone("", 3600))

// judged is what the program makes of a window.
func judged(w facts.Window) Judged {
	v := model.NewView(w)
	return Judged{View: v, Report: New(v, rules.Eval(v, rules.Options{}), "1.2.3")}
}

func rendered(t testing.TB, format string, r *Report, o Options) string {
	t.Helper()
	f, err := ParseFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.Render(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const windowSeconds = 5

// healthyWindow is a host with two listeners and nothing wrong.
func healthyWindow() facts.Window {
	counters := facts.Counters{
		"Tcp.PassiveOpens": 1000, "Tcp.ActiveOpens": 400, "TcpExt.ListenOverflows": 7, "TcpExt.ListenDrops": 9,
		"TcpExt.SyncookiesSent": 0, "TcpExt.SyncookiesRecv": 0, "TcpExt.TCPReqQFullDrop": 0,
		"TcpExt.TCPReqQFullDoCookies": 0, "TcpExt.TCPTimeWaitOverflow": 0, "TcpExt.TW": 500, "TcpExt.TWKilled": 0,
	}
	end := maps.Clone(counters)
	end["Tcp.PassiveOpens"] += 1245
	end["Tcp.ActiveOpens"] += 40
	end["TcpExt.TW"] += 300
	settings := map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_max_syn_backlog": "1024",
		"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.ip_local_reserved_ports": "",
		"net.ipv4.tcp_max_tw_buckets": "262144", "net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_timestamps": "1",
		"net.ipv4.tcp_fin_timeout": "60", "net.ipv4.tcp_abort_on_overflow": "0", "net.ipv4.tcp_synack_retries": "5",
	}
	census := facts.Census{
		Sockets: 8404, Complete: true,
		IPv4:      facts.StateCounts{facts.Established: 288, facts.TimeWait: 8114, facts.Listen: 2},
		Listeners: []facts.Listener{listener(1, "0.0.0.0:443", 3, 4096, 501), listener(2, "127.0.0.1:5432", 0, 244, 502)},
		Locals:    []facts.Local{{Addr: netip.MustParseAddrPort("10.2.0.4:443"), States: facts.StateCounts{facts.Established: 250}}},
		Destinations: []facts.Destination{{
			Source: netip.MustParseAddr("10.2.0.4"), Dest: netip.MustParseAddrPort("10.2.0.9:5432"),
			States: facts.StateCounts{facts.Established: 38, facts.TimeWait: 8114}, InRange: 8152, Inodes: []uint32{601},
		}},
		Bound: facts.BoundPorts{Known: true},
	}
	before := census
	return facts.Window{
		Host:    facts.Host{Hostname: "web-1", Kernel: "6.18.44", BootID: "0c9b1f3a-8d5e-4b6f-9a57-3b1d2c4e5f60", CPUs: 8, MemoryBytes: 16 << 30, PageBytes: 4096, Root: true},
		Started: started, Seconds: windowSeconds,
		Namespaces: []facts.NamespaceWindow{{
			Namespace: facts.Namespace{Cookie: 1, Inode: 4026531833, Self: true, PIDs: []int{1}},
			Settings:  settings,
			Start:     facts.Snapshot{Counters: counters, Census: before},
			End:       facts.Snapshot{AtSeconds: windowSeconds, Counters: end, Census: census},
			Watches: []facts.Watch{
				{Cookie: 1, Polls: 52, HighWater: 11, SumQueue: 160, FirstDrops: facts.Some(uint32(4)), LastDrops: facts.Some(uint32(4))},
				{Cookie: 2, Polls: 52, FirstDrops: facts.Some(uint32(0)), LastDrops: facts.Some(uint32(0))},
			},
		}},
		Processes: []facts.Process{
			{PID: 812, Comm: "nginx", Cgroup: "/system.slice/nginx.service", Unit: "nginx.service", FDLimit: facts.Some(uint64(4096)), FDs: facts.Some(uint64(300)), HoldsInodes: []uint32{501, 601}},
			{PID: 700, Comm: "postgres", Cgroup: "/system.slice/postgresql.service", HoldsInodes: []uint32{502}},
		},
		Cost: facts.Cost{WallSeconds: 5.02, CPUSeconds: 0.031, Sockets: 8404},
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

// first is the namespace that a case changes.
func first(w *facts.Window) *facts.NamespaceWindow { return &w.Namespaces[0] }

// acceptWindow: somaxconn cuts the backlog of a listener that keeps accepting.
func acceptWindow() facts.Window {
	w := healthyWindow()
	n := first(&w)
	n.Settings["net.core.somaxconn"] = "128"
	n.End.Counters["TcpExt.ListenOverflows"] += 186
	n.End.Counters["TcpExt.ListenDrops"] += 186
	l := listener(1, "0.0.0.0:443", 129, 128, 501)
	n.Start.Census.Listeners = []facts.Listener{l}
	n.End.Census.Listeners = []facts.Listener{l}
	n.Watches = []facts.Watch{{
		Cookie: 1, Polls: 52, Full: 40, HighWater: 129, LowWater: 12, SumQueue: 5000, FullAtEnd: true,
		FirstDrops: facts.Some(uint32(4)), LastDrops: facts.Some(uint32(194)),
	}}
	return w
}

func leak(n *facts.NamespaceWindow, count int, inode uint32) {
	class := func(k int, age uint32) facts.Class {
		c := facts.Class{Total: uint64(k)}
		for i := range k {
			c.Samples = append(c.Samples, facts.Sample{
				Cookie: uint64(10000 + i), Local: netip.MustParseAddrPort(fmt.Sprintf("10.2.0.4:%d", 33000+i)),
				Remote: netip.MustParseAddrPort("10.2.0.9:5432"), State: facts.CloseWait, Inode: inode + uint32(i), UID: 1000,
				BytesMoved: facts.Some(uint64(900)), LastAckRecvMillis: facts.Some(age), LastDataRecvMillis: facts.Some(age),
			})
		}
		return c
	}
	n.Start.Census.Classes = map[facts.ClassName]facts.Class{facts.ClassCloseWait: class(count-4, 11_520_000)}
	n.End.Census.Classes = map[facts.ClassName]facts.Class{facts.ClassCloseWait: class(count, 11_525_000)}
	n.Start.Census.IPv4[facts.CloseWait] = uint64(count - 4)
	n.End.Census.IPv4[facts.CloseWait] = uint64(count)
}

func leaker(inode uint32, count int) facts.Process {
	p := facts.Process{
		PID: 4410, Comm: "java", Cgroup: "/system.slice/orders.service", Unit: "orders.service",
		FDLimit: facts.Some(uint64(4096)), FDs: facts.Some(uint64(1252)), State: "S",
	}
	for i := range count {
		p.HoldsInodes = append(p.HoldsInodes, inode+uint32(i))
	}
	return p
}

func closeWaitWindow() facts.Window {
	w := healthyWindow()
	leak(first(&w), 204, 70000)
	w.Processes = append(w.Processes, leaker(70000, 204))
	return w
}

func portsWindow() facts.Window {
	w := healthyWindow()
	d := &first(&w).End.Census.Destinations[0]
	d.InRange = 28100
	d.States[facts.TimeWait] = 28062
	return w
}

func floodWindow() facts.Window {
	w := healthyWindow()
	n := first(&w)
	n.End.Census.Listeners = []facts.Listener{listener(1, "[::]:443", 0, 511, 501)}
	n.Start.Census.Listeners = n.End.Census.Listeners
	n.End.Census.Locals = []facts.Local{{
		Addr: netip.MustParseAddrPort("[2001:db8:1:2:3:4:5:6]:443"), States: facts.StateCounts{facts.SynRecv: 512},
		HalfOpenRetransmitted: 398, HalfOpenSources: 490,
	}}
	n.End.Counters["TcpExt.SyncookiesSent"] += 21000
	n.End.Counters["TcpExt.SyncookiesRecv"] += 800
	n.End.Counters["TcpExt.TCPReqQFullDoCookies"] += 21000
	n.Watches = n.Watches[:1]
	w.Log = []facts.LogLine{{Kind: "syn-flood", AgoSeconds: 3, Text: "TCP: request_sock_TCP: Possible SYN flooding on port [::]:443. Sending cookies."}}
	return w
}

func timeWaitWindow() facts.Window {
	w := healthyWindow()
	n := first(&w)
	n.Settings["net.ipv4.tcp_max_tw_buckets"] = "8000"
	n.End.Counters["TcpExt.TCPTimeWaitOverflow"] += 310
	return w
}

func twoProblems() facts.Window {
	w := acceptWindow()
	leak(first(&w), 204, 70000)
	w.Processes = append(w.Processes, leaker(70000, 204))
	w.Gaps = []facts.Gap{{Source: facts.SourceKernelLog, Reason: "no permission"}, {Source: facts.SourceConntrack, Reason: "not loaded"}}
	return w
}

// otherNamespace: the fault is in a container, beside a healthy host.
func otherNamespace() facts.Window {
	w := healthyWindow()
	faulty := acceptWindow()
	n := faulty.Namespaces[0]
	n.Namespace = facts.Namespace{
		Cookie: 4102, Inode: 4026532977, Name: "db1", PIDs: []int{5000, 5001},
		Container: strings.Repeat("9f86d081884c7d65", 4),
	}
	n.End.Census.Listeners[0].Inode = 901
	n.Start.Census.Listeners[0].Inode = 901
	w.Namespaces = append(w.Namespaces, n)
	w.Processes = append(w.Processes, facts.Process{
		PID: 5001, Comm: "mysqld", Cgroup: "/system.slice/docker-" + n.Namespace.Container + ".scope",
		Container: n.Namespace.Container, HoldsInodes: []uint32{901},
	})
	for i := range 3 {
		gone := facts.NamespaceWindow{
			Namespace: facts.Namespace{Cookie: uint64(5000 + i), Inode: uint64(4026533000 + i)},
			Gaps:      []facts.Gap{{Source: facts.SourceSockets, Reason: "the namespace vanished"}, {Source: facts.SourceNetstat, Reason: "the namespace vanished"}},
		}
		w.Namespaces = append(w.Namespaces, gone)
	}
	return w
}

// hostileNames are what a process, a container and a host may call themselves.
func hostileNames() facts.Window {
	w := acceptWindow()
	w.Host.Hostname = "web\x1b]0;owned\x07"
	w.Processes[0].Comm = "\x1b[2J\x1b[31mok\n\t\xff"
	w.Processes[0].Cgroup = "/\u202e<script>alert(1)</script>|\u009b31m"
	first(&w).Namespace.Name = "a\rb\u2028c"
	first(&w).Namespace.Self = false
	w.Gaps = []facts.Gap{{Source: facts.SourceProcesses, Reason: "open \x1b[0m: permission denied\x7f"}}
	return w
}

func instantWindow() facts.Window {
	w := healthyWindow()
	w.Seconds = 0
	first(&w).Start = facts.Snapshot{}
	first(&w).End.AtSeconds = 0
	first(&w).Watches = nil
	return w
}

// blindWindow: nothing could be read.
func blindWindow() facts.Window {
	w := healthyWindow()
	w.Processes = nil
	w.Gaps = []facts.Gap{{Source: facts.SourceProcesses, Reason: "open /proc/812/fd: permission denied"}}
	n := first(&w)
	n.Start, n.Watches, n.Settings = facts.Snapshot{}, nil, nil
	n.End = facts.Snapshot{AtSeconds: windowSeconds}
	n.Gaps = []facts.Gap{
		{Source: facts.SourceSockets, Reason: "INET_DIAG is not in this kernel"},
		{Source: facts.SourceNetstat, Reason: "no such file"}, {Source: facts.SourceSettings, Reason: "no such folder"},
	}
	return w
}
