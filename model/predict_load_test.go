package model

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// countersOf gives every counter that loads read another rate per second.
func countersOf() facts.Counters {
	return facts.Counters{
		"TcpExt.ListenOverflows": 5 * 7, "TcpExt.ListenDrops": 5 * 20, "Tcp.PassiveOpens": 5 * 100, "Tcp.ActiveOpens": 5 * 300,
		"TcpExt.SyncookiesSent": 5 * 60, "TcpExt.SyncookiesRecv": 5 * 10, "TcpExt.TW": 5 * 40, "TcpExt.TWKilled": 5 * 3,
		"TcpExt.TCPTimeWaitOverflow": 5 * 2, "TcpExt.TCPAbortOnMemory": 5 * 4, "TcpExt.TCPRcvQDrop": 5 * 6,
		"TcpExt.TCPReqQFullDrop": 5 * 1, "TcpExt.SyncookiesFailed": 5 * 9, "Tcp.AttemptFails": 5 * 11, "TcpExt.TWRecycled": 5 * 13,
	}
}

func TestSynLoadOfAWindow(t *testing.T) {
	t.Parallel()
	var half facts.StateCounts
	half[facts.SynRecv] = 126
	census := facts.Census{Complete: true, Sockets: 1,
		Listeners: []facts.Listener{{Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Limit: 128}},
		Locals:    []facts.Local{{Addr: netip.MustParseAddrPort("10.0.0.1:80"), States: half}}}
	load := func(w facts.Window) SynLoad {
		n := &NewView(w).Namespaces[0]
		return n.SynLoad(&n.Listeners[0])
	}
	// Nobody who has an entry answers: all that were opened came by cookie.
	counters := countersOf()
	counters["Tcp.PassiveOpens"] = 5 * 10
	got := load(windowOf(nil, counters, census))
	want := SynLoad{Limit: 128, HalfOpen: 126, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, Timestamps: true,
		CompletedPerSecond: 10, DropsPerSecond: 13, UnansweredPerSecond: 18 + 50 + 13}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("over half of the backlog (-want +got):\n%s", diff)
	}
	// At half of the backlog nothing is pruned: 63 s each.
	half[facts.SynRecv] = 63
	census.Locals[0].States = half
	census.Listeners[0].Limit = 126
	if got := load(windowOf(nil, nil, census)); got.UnansweredPerSecond != 1 || got.HalfOpen != 63 {
		t.Errorf("half of the backlog: got %+v, want one a second", got)
	}
	if got := load(windowOf(map[string]string{KeyTimestamps: "0"}, nil, census)); got.Timestamps {
		t.Error("timestamps are off")
	}
	// The listener's own drops bound what the namespace counted.
	own := windowOf(nil, countersOf(), census, facts.Watch{Cookie: 1, Polls: 2, FirstDrops: some(uint32(5)), LastDrops: some(uint32(15))})
	if got := load(own); got.DropsPerSecond != 2 {
		t.Errorf("got %v drops a second, want its own 2", got.DropsPerSecond)
	}
	n := &NewView(windowOf(nil, countersOf(), census)).Namespaces[0]
	if got := n.SynLoad(nil); got.Limit != 0 || got.MaxSynBacklog != 2048 || got.DropsPerSecond != 0 {
		t.Errorf("no listener: got %+v", got)
	}
	if got := n.AcceptLoad(nil); got.Limit != 0 || got.Somaxconn != 4096 {
		t.Errorf("no listener: got %+v", got)
	}
}

func TestClosingLoadsOfAWindow(t *testing.T) {
	t.Parallel()
	var states facts.StateCounts
	states[facts.TimeWait] = 500
	census := facts.Census{Complete: true, Sockets: 1, IPv4: states, Classes: map[facts.ClassName]facts.Class{
		facts.ClassFinWait2: {Total: 400, Samples: []facts.Sample{{}, {}, {}, {Inode: 7}}},
		facts.ClassLastAck: {Total: 600, Samples: []facts.Sample{
			{}, {}, {}, {Timer: facts.TimerZeroWindow}, {Timer: facts.TimerZeroWindow}, {Inode: 7, Timer: facts.TimerZeroWindow}}},
		facts.ClassSynSent: {Total: 31},
	}}
	n := &NewView(windowOf(nil, countersOf(), census)).Namespaces[0]
	if diff := cmp.Diff(TimeWaitLoad{Count: 800, FinWait2: 300, MaxBuckets: 131072, ClosesPerSecond: 45, OverflowPerSecond: 2}, n.TimeWaitLoad()); diff != "" {
		t.Errorf("TIME_WAIT (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(FinWait2Load{Orphans: 300, Owned: 100}, n.FinWait2Load()); diff != "" {
		t.Errorf("FIN_WAIT2 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(LingerLoad{Silent: 300, ZeroWindow: 200, Owned: 100}, n.LingerLoad()); diff != "" {
		t.Errorf("LAST_ACK (-want +got):\n%s", diff)
	}
	if got := n.dialLoad(); got.Count != 31 {
		t.Errorf("SYN_SENT: got %d, want 31", got.Count)
	}
}

func TestPortLoadOfAWindow(t *testing.T) {
	t.Parallel()
	var busy, calm facts.StateCounts
	busy[facts.TimeWait], busy[facts.FinWait2], busy[facts.Established] = 200, 60, 40
	calm[facts.Established] = 100
	census := facts.Census{Complete: true, Sockets: 400, Bound: facts.BoundPorts{Known: true, Ports: 12}, Destinations: []facts.Destination{
		{Source: netip.MustParseAddr("127.0.0.1"), Dest: netip.MustParseAddrPort("127.0.0.1:5432"), States: calm, InRange: 100},
		{Source: netip.MustParseAddr("10.0.0.4"), Dest: netip.MustParseAddrPort("10.0.0.9:5432"), States: busy, InRange: 300},
		{Source: netip.MustParseAddr("10.0.0.4"), Dest: netip.MustParseAddrPort("10.0.0.9:1"), InRange: 300},
	}}
	n := &NewView(windowOf(nil, countersOf(), census)).Namespaces[0]
	got := n.PortLoad(&n.Destinations[1])
	want := PortLoad{Range: PortRange{32768, 60999}, Bound: 12, Used: 300, TimeWait: 200, FinWait2: 60, ConnectsPerSecond: 225, Timestamps: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !n.PortLoad(&n.Destinations[0]).Loopback {
		t.Error("127.0.0.1 is loopback")
	}
	if d := n.shortestOfPorts(); d != &n.Destinations[1] {
		t.Errorf("got %v, want the first of those that use most", d.Dest)
	}
	if got := n.PortLoad(nil); !got.Accepting {
		t.Error("without a destination nothing is connected to")
	}
	none := &NewView(windowOf(nil, countersOf(), facts.Census{Complete: true, Destinations: census.Destinations[2:]})).Namespaces[0]
	if got := none.PortLoad(&none.Destinations[0]); got.ConnectsPerSecond != 0 {
		t.Errorf("a destination without sockets: got %v connects a second", got.ConnectsPerSecond)
	}
	off := &NewView(windowOf(map[string]string{KeyTimestamps: "0"}, nil, census)).Namespaces[0]
	if off.PortLoad(&off.Destinations[0]).Timestamps {
		t.Error("timestamps are off")
	}
}

// TestWorseListener compares by full polls, then drops, then half-open
// entries, then the longest queue.
func TestWorseListener(t *testing.T) {
	t.Parallel()
	make := func(full int, drops uint32, half uint64, high uint32) *Listener {
		return &Listener{
			Watch:    facts.Watch{Polls: 10, Full: full, HighWater: high, FirstDrops: some(uint32(0)), LastDrops: some(drops)},
			HalfOpen: HalfOpen{AtEnd: half},
		}
	}
	order := []*Listener{make(0, 0, 0, 1), make(0, 0, 0, 2), make(0, 0, 1, 0), make(0, 0, 2, 0), make(0, 1, 0, 0), make(0, 2, 0, 0), make(1, 0, 0, 0), make(2, 0, 0, 0)}
	for i, a := range order {
		for j, b := range order {
			if got := worse(a, b); got != (i > j) {
				t.Errorf("worse(%d, %d): got %v", i, j, got)
			}
		}
	}
}

// TestOverflowsOfOneAmongMany counts the namespace's overflows against a
// listener only if they can be its own.
func TestOverflowsOfOneAmongMany(t *testing.T) {
	t.Parallel()
	listener := func(cookie uint64, port uint16) facts.Listener {
		return facts.Listener{Cookie: cookie, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), Family: facts.IPv4, Limit: 128}
	}
	watch := facts.Watch{Cookie: 1, Polls: 10, HighWater: 100}
	one := facts.Census{Complete: true, Listeners: []facts.Listener{listener(1, 80)}}
	two := facts.Census{Complete: true, Listeners: []facts.Listener{listener(1, 80), listener(2, 81)}}
	load := func(c facts.Census, w facts.Watch) float64 {
		n := &NewView(windowOf(nil, countersOf(), c, w)).Namespaces[0]
		return n.AcceptLoad(&n.Listeners[0]).DropsPerSecond
	}
	if got := load(one, watch); got != 7 {
		t.Errorf("the only listener: got %v drops a second, want all 7", got)
	}
	if got := load(two, watch); got != 0 {
		t.Errorf("never seen full, one of two: got %v, want none", got)
	}
	for polls, known := range map[int]bool{0: false, 1: false, 2: true} {
		w := watch
		w.Polls, w.LowWater = polls, 9
		n := &NewView(windowOf(nil, nil, one, w)).Namespaces[0]
		if low, ok := n.AcceptLoad(&n.Listeners[0]).LowWater.Get(); ok != known || known && low != 9 {
			t.Errorf("%d polls: got a low water of %d, %v", polls, low, ok)
		}
	}
	watch.Full = 1
	if got := load(two, watch); got != 7 {
		t.Errorf("seen full: got %v, want 7", got)
	}
}
