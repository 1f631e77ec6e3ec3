package model

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// watched is a window with a leaking program, a queue and a busy destination.
func watched(pid, connections int) facts.Window {
	snapshot := facts.Snapshot{
		Counters: facts.Counters{"Tcp.ActiveOpens": 100, "Tcp.OutSegs": 1000, "Tcp.RetransSegs": 10, "TcpExt.SyncookiesSent": 4},
		Gauges:   facts.Gauges{"Tcp.CurrEstab": 7, "sockstat.TCP.tw": 9},
		Census: facts.Census{Complete: true, Classes: map[facts.ClassName]facts.Class{facts.ClassCloseWait: {}},
			Listeners: []facts.Listener{
				{Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Inode: 5, Queue: 3, Limit: 10},
				{Cookie: 2, Local: netip.MustParseAddrPort("0.0.0.0:80"), Inode: 5, Queue: 4, Limit: 10},
			},
			Destinations: []facts.Destination{
				{Source: netip.MustParseAddr("::ffff:10.0.0.4"), Dest: netip.MustParseAddrPort("[::ffff:10.2.0.9]:5432"), InRange: 3000},
				{Source: netip.MustParseAddr("10.0.0.4"), Dest: netip.MustParseAddrPort("10.2.0.8:80")},
			},
		},
	}
	snapshot.Census.IPv4[facts.Established] = 6
	var class facts.Class
	process := facts.Process{PID: pid, Comm: "java", Cgroup: "/system.slice/orders.service", StartTicks: 5, HoldsInodes: []uint32{5}}
	for i := range connections {
		class.Total++
		class.Samples = append(class.Samples, facts.Sample{
			Cookie: uint64(i + 1), Inode: uint32(100 + i), State: facts.CloseWait, LastAckRecvMillis: facts.Some(uint32(7200_000)),
		})
		process.HoldsInodes = append(process.HoldsInodes, uint32(100+i))
	}
	snapshot.Census.Classes[facts.ClassCloseWait] = class
	start := snapshot
	snapshot.AtSeconds = 10
	snapshot.Counters = facts.Counters{"Tcp.ActiveOpens": 150, "Tcp.OutSegs": 1200, "Tcp.RetransSegs": 20, "TcpExt.SyncookiesSent": 24}
	return facts.Window{Processes: []facts.Process{process}, Namespaces: []facts.NamespaceWindow{
		{Namespace: facts.Namespace{Cookie: 1, Self: true}, Start: start, End: snapshot},
	}}
}

func names(readings []facts.Reading) map[string]float64 {
	out := make(map[string]float64)
	for i := range readings {
		out[readings[i].Name()] = readings[i].Value
	}
	return out
}

func TestTrack(t *testing.T) {
	t.Parallel()
	readings, covered := Track(NewView(watched(7, 20)), "TcpExt.SyncookiesSent", "TcpExt.NoSuchCounter")
	want := map[string]float64{
		`close_wait{netns="host",subject="java (orders.service)"}`:    20,
		`ports_used{netns="host",subject="10.0.0.4 → 10.2.0.9:5432"}`: 3000,
		`accept_queue{netns="host",subject="0.0.0.0:80 java"}`:        4,
		`connections{netns="host"}`:                                   7,
		`time_wait{netns="host"}`:                                     9,
		`retransmitted_ratio{netns="host"}`:                           0.05,
		`Tcp.ActiveOpens{netns="host"}`:                               5,
		`Tcp.RetransSegs{netns="host"}`:                               1,
		`TcpExt.SyncookiesSent{netns="host"}`:                         2,
		`sockets_established{netns="host"}`:                           6,
	}
	for _, s := range chartStates()[1:] {
		want[fmt.Sprintf("sockets_%s{netns=%q}", s, "host")] = 0
	}
	if d := cmp.Diff(want, names(readings)); d != "" {
		t.Errorf("readings (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]facts.Covered{{Netns: "host", Metric: MetricCloseWait}, {Netns: "host", Metric: MetricPortsUsed}}, covered); d != "" {
		t.Errorf("covered (-want +got):\n%s", d)
	}
}

// TestTrackOutlivesRestarts: the names stay, the epoch changes.
func TestTrackOutlivesRestarts(t *testing.T) {
	t.Parallel()
	one, _ := Track(NewView(watched(7, 20)))
	two, _ := Track(NewView(watched(8, 20)))
	if d := cmp.Diff(names(one), names(two)); d != "" {
		t.Errorf("after a restart (-before +after):\n%s", d)
	}
	epoch := func(all []facts.Reading) uint64 {
		for _, r := range all {
			if r.Series.Metric == MetricCloseWait {
				return r.Epoch
			}
		}
		return 0
	}
	withWorker := watched(7, 21)
	withWorker.Processes = append(withWorker.Processes, facts.Process{PID: 70, Comm: "java", Cgroup: "/system.slice/orders.service", StartTicks: 900})
	again, _ := Track(NewView(withWorker))
	if epoch(one) == 0 || epoch(one) == epoch(two) || epoch(one) != epoch(again) {
		t.Errorf("epochs %d, %d after a restart, %d without", epoch(one), epoch(two), epoch(again))
	}
}

// TestTrackWithoutWalk: what only a walk shows is neither a figure nor a zero.
func TestTrackWithoutWalk(t *testing.T) {
	t.Parallel()
	w := watched(7, 20)
	n := &w.Namespaces[0]
	n.Start.Census = facts.Census{}
	n.End.Census = facts.Census{ListenersOnly: true, Listeners: n.End.Census.Listeners}
	n.Gaps = []facts.Gap{{Source: facts.SourceSockets, Reason: "only the listeners were asked"}}
	readings, covered := Track(NewView(w))
	got := names(readings)
	if len(covered) != 0 || got[`accept_queue{netns="host",subject="0.0.0.0:80 java"}`] != 4 || got[`connections{netns="host"}`] != 7 {
		t.Errorf("got %v, covered %v", got, covered)
	}
	for _, r := range readings {
		if r.Series.Metric == MetricCloseWait || r.Series.Metric == MetricPortsUsed || r.Series.Metric == "sockets_established" {
			t.Errorf("got %s without a walk", r.Name())
		}
	}
}

// TestTrackIsBounded: a host of a thousand namespaces with ten thousand
// destinations has no more figures than can be kept.
func TestTrackIsBounded(t *testing.T) {
	t.Parallel()
	w := watched(7, 20)
	n := w.Namespaces[0]
	for i := range 10_000 {
		n.End.Census.Destinations = append(n.End.Census.Destinations, facts.Destination{
			Source: netip.MustParseAddr("10.0.0.4"), Dest: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 3, byte(i >> 8), byte(i)}), 80), InRange: 300,
		})
		n.End.Census.Listeners = append(n.End.Census.Listeners, facts.Listener{Cookie: uint64(i + 10), Local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i))})
	}
	w.Namespaces = []facts.NamespaceWindow{n}
	readings, covered := Track(NewView(w))
	if len(readings) > 50 {
		t.Errorf("%d readings of one namespace", len(readings))
	}
	again, _ := Track(NewView(w))
	if d := cmp.Diff(names(readings), names(again)); d != "" {
		t.Errorf("others are followed the second time:\n%s", d)
	}
	if len(covered) != 1 || covered[0].Metric != MetricCloseWait {
		t.Errorf("got %v covered, want the destinations not to be", covered)
	}
	w = watched(7, 1)
	for i := range 1000 {
		n := w.Namespaces[0]
		n.Namespace = facts.Namespace{Cookie: uint64(i + 2)}
		w.Namespaces = append(w.Namespaces, n)
	}
	readings, covered = Track(NewView(w))
	seen := map[string]bool{}
	for _, r := range readings {
		seen[r.Netns] = true
	}
	if len(readings) > trackMost || len(seen) < 50 {
		t.Errorf("%d readings of %d namespaces", len(readings), len(seen))
	}
	for _, c := range covered {
		if !seen[c.Netns] {
			t.Fatalf("%s is called covered, and was left out", c.Netns)
		}
	}
}

func TestNetnsLabels(t *testing.T) {
	t.Parallel()
	id := "0123456789abcdef0123456789abcdef"
	got := NetnsLabels([]facts.Namespace{
		{Self: true, Cookie: 1}, {Name: "shop", Container: id}, {Container: id}, {Container: "pod"}, {Cookie: 9}, {Inode: 8}, {Name: "shop", Cookie: 7},
	})
	want := []string{"host", "shop", "0123456789ab", "pod", "netns-9", "netns-i8", "shop#7"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
}
