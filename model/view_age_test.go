package model

import (
	"net/netip"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// closeWaitOf makes a census with connections in CLOSE_WAIT whose peers closed some
// time ago, and one connection that waits to be accepted.
func closeWaitOf(n int, moved uint64, ackMillis uint32) facts.Census {
	c := facts.Census{Complete: true, Classes: map[facts.ClassName]facts.Class{}}
	var class facts.Class
	for i := range n {
		class.Total++
		class.Samples = append(class.Samples, facts.Sample{
			Cookie: uint64(i + 1), Inode: uint32(i + 1), State: facts.CloseWait,
			BytesMoved: facts.Some(moved), LastAckRecvMillis: facts.Some(ackMillis),
		})
	}
	c.Classes[facts.ClassCloseWait] = class
	return c
}

// TestOlderCensus judges windows of ten seconds whose census at the start is that
// of a walk long before.
func TestOlderCensus(t *testing.T) {
	t.Parallel()
	start := facts.Snapshot{Counters: facts.Counters{"Tcp.PassiveOpens": 100}}
	end := facts.Snapshot{AtSeconds: 10, Counters: facts.Counters{"Tcp.PassiveOpens": 200}}
	with := func(s facts.Snapshot, c facts.Census, at facts.Opt[float64]) facts.Snapshot {
		s.Census, s.CensusAtSeconds = c, at
		return s
	}
	none := facts.Opt[float64]{}
	tests := []struct {
		name          string
		start, end    facts.Snapshot
		censusSeconds float64
		stuck         uint64
		growth        int64
	}{
		{
			"walks at both ends", with(start, closeWaitOf(20, 5, 20_000), none),
			with(end, closeWaitOf(30, 5, 20_000), none), 10, 20, 10,
		},
		{
			"a walk 290 s before", with(start, closeWaitOf(20, 5, 0), facts.Some(-290.0)),
			with(end, closeWaitOf(30, 5, 301_000), facts.Some(10.5)), 300.5, 20, 10,
		},
		{
			"closed after the walk before", with(start, closeWaitOf(20, 5, 0), facts.Some(-290.0)),
			with(end, closeWaitOf(30, 5, 20_000), facts.Some(10.5)), 300.5, 0, 10,
		},
		{
			"bytes moved since", with(start, closeWaitOf(20, 5, 0), facts.Some(-290.0)),
			with(end, closeWaitOf(20, 6, 301_000), facts.Some(10.5)), 300.5, 0, 0,
		},
		{
			"no walk before: old by age alone", with(start, facts.Census{ListenersOnly: true, Sockets: 1}, none),
			with(end, closeWaitOf(30, 5, 61_000), facts.Some(10.5)), 0, 30, 0,
		},
		{
			"no walk before, and young", with(start, facts.Census{}, none),
			with(end, closeWaitOf(30, 5, 20_000), facts.Some(10.5)), 0, 0, 0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := NewView(facts.Window{Seconds: 10, Namespaces: []facts.NamespaceWindow{{Start: tt.start, End: tt.end}}})
			n := v.Namespaces[0]
			if n.Seconds != 10 || n.CensusSeconds != tt.censusSeconds {
				t.Errorf("got %v seconds and %v between the walks, want 10 and %v", n.Seconds, n.CensusSeconds, tt.censusSeconds)
			}
			if r, ok := n.Rate("Tcp.PassiveOpens"); !ok || r != 10 {
				t.Errorf("got %v/s, want 10 whatever the walks", r)
			}
			if len(n.CloseWait) != 1 || n.CloseWait[0].Stuck != tt.stuck || n.CloseWait[0].Growth != tt.growth {
				t.Errorf("got %+v, want %d stuck and a growth of %d", n.CloseWait, tt.stuck, tt.growth)
			}
		})
	}
}

// TestTurnoverOverOlderCensus follows the waiting connections from one walk to the
// next, and spreads what was accepted over the time between them.
func TestTurnoverOverOlderCensus(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.0.0.1:80")
	census := func(cookies ...uint64) facts.Census {
		class := facts.Class{Total: uint64(len(cookies))}
		for _, c := range cookies {
			class.Samples = append(class.Samples, facts.Sample{Cookie: c, Local: at})
		}
		return facts.Census{
			Complete:  true,
			Listeners: []facts.Listener{{Cookie: 9, Local: at, Family: facts.IPv4, Limit: 4}},
			Classes:   map[facts.ClassName]facts.Class{facts.ClassUnaccepted: class},
		}
	}
	v := NewView(facts.Window{Seconds: 10, Namespaces: []facts.NamespaceWindow{{
		Start: facts.Snapshot{Counters: facts.Counters{}, Census: census(1, 2, 3, 4), CensusAtSeconds: facts.Some(-90.0)},
		End:   facts.Snapshot{AtSeconds: 10, Counters: facts.Counters{}, Census: census(4), CensusAtSeconds: facts.Some(10.0)},
	}}})
	n := &v.Namespaces[0]
	l := &n.Listeners[0]
	if l.Turnover != (Turnover{Waited: 4, StillWait: 1, Scale: 1}) || !l.Old {
		t.Errorf("got %+v, old %v", l.Turnover, l.Old)
	}
	if got := n.acceptRate(l); got != 0.03 {
		t.Errorf("got %v accepted per second, want 3 in 100 s", got)
	}
}
