package model

import (
	"math"
	"net/netip"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// halfOpenWindow is five seconds of a listener without cookies whose half-open
// queue of 33 stands full: 500 SYNs are refused and 275 handshakes completed.
func halfOpenWindow(repeated, completed, refused uint64) *Namespace {
	var states facts.StateCounts
	states[facts.SynRecv] = 33
	w := windowOf(map[string]string{KeySomaxconn: "32", KeySyncookies: "0"},
		facts.Counters{
			"TcpExt.ListenDrops": refused, "TcpExt.ListenOverflows": 0, "Tcp.PassiveOpens": completed,
			"TcpExt.SyncookiesSent": 0, "TcpExt.SyncookiesRecv": 0,
		},
		facts.Census{
			Sockets: 34, Complete: true,
			Listeners: []facts.Listener{{Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Limit: 32}},
			Locals: []facts.Local{{
				Addr: netip.MustParseAddrPort("10.0.0.1:80"), States: states, HalfOpenRetransmitted: repeated,
			}},
		})
	return &NewView(w).Namespaces[0]
}

func about(a, b float64) bool { return math.Abs(a-b) <= 0.02*math.Max(1, math.Abs(b)) }

// TestSlowClientsAreNoFlood is about entries whose SYN-ACK was never repeated:
// where as many handshakes complete, clients with a long way fill the queue, and a
// longer one cures that.
func TestSlowClientsAreNoFlood(t *testing.T) {
	t.Parallel()
	n := halfOpenWindow(0, 275, 500)
	l := n.SynLoad(&n.Listeners[0])
	if !about(l.UnansweredPerSecond, 0) || !about(l.CompletedPerSecond, 155) || !about(l.RoundTripSeconds, 0.6) {
		t.Errorf("got %v unanswered, %v completed, %v s; want 0, 155, 0.6",
			l.UnansweredPerSecond, l.CompletedPerSecond, l.RoundTripSeconds)
	}
	e := Predict(n, Change{Key: KeySomaxconn, Value: "4096"})
	if e.Verdict != NeedsRestart {
		t.Errorf("without listen(): got %s (%s), want needs-restart", e.Verdict, e.Reason)
	}
	e = Predict(n, Change{Key: KeySomaxconn, Value: "4096", Relisten: true})
	if e.Verdict != Helps || !about(figure(t, e, FigureDrops).After, 0) || !about(figure(t, e, FigureHalfOpen).After, 93) {
		t.Errorf("got %s: %s, want no drops and 93 entries", e.Verdict, e.Predicted)
	}
	// 93 are wanted and 65 fit: 30 % are refused.
	e = Predict(n, Change{Key: KeySomaxconn, Value: "64", Relisten: true})
	if e.Verdict != Helps || !about(figure(t, e, FigureDrops).After, 46.7) {
		t.Errorf("half of the need: got %s: %s, want 47 drops/s", e.Verdict, e.Predicted)
	}
}

// TestFloodIsNoSlowClient is the same queue with entries that are nearly all old.
func TestFloodIsNoSlowClient(t *testing.T) {
	t.Parallel()
	n := halfOpenWindow(29, 0, 500)
	l := n.SynLoad(&n.Listeners[0])
	if !about(l.UnansweredPerSecond, 33.0/7+100) || l.CompletedPerSecond != 0 || l.RoundTripSeconds != 0 {
		t.Errorf("got %v unanswered, %v completed, %v s; want 105, 0, 0",
			l.UnansweredPerSecond, l.CompletedPerSecond, l.RoundTripSeconds)
	}
	e := Predict(n, Change{Key: KeySomaxconn, Value: "64", Relisten: true})
	if e.Verdict != NoEffect {
		t.Errorf("got %s (%s), want no-effect", e.Verdict, e.Reason)
	}
	// With clients in earnest among the flood, as many of them are refused.
	n = halfOpenWindow(29, 10, 500)
	l = n.SynLoad(&n.Listeners[0])
	if share := l.CompletedPerSecond / (l.CompletedPerSecond + l.UnansweredPerSecond); share < 0.2 || share > 0.4 {
		t.Errorf("got %v of the SYNs in earnest, want about 0.3", share)
	}
}

// TestHalfOpenDropsCountWhateverTheEnd is about a queue that refuses SYNs but had a
// place free when the window ended.
func TestHalfOpenDropsCountWhateverTheEnd(t *testing.T) {
	t.Parallel()
	n := halfOpenWindow(0, 275, 500)
	n.Listeners[0].HalfOpen.AtEnd = 31
	if e := Predict(n, Change{Key: KeySomaxconn, Value: "4096", Relisten: true}); e.Verdict != Helps {
		t.Errorf("got %s (%s), want helps", e.Verdict, e.Reason)
	}
}

// TestCookiesOffTellsWhatIsRefused is about the number in a warning.
func TestCookiesOffTellsWhatIsRefused(t *testing.T) {
	t.Parallel()
	l := SynLoad{Limit: 64, HalfOpen: 65, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, UnansweredPerSecond: 100}
	e := PredictSyn(l, SynChange{Syncookies: facts.Some(0)}, modern)
	if f := figure(t, e, FigureDrops); e.Verdict != Harmful || f.Before != 0 || !about(f.After, 100-65.0/7) {
		t.Errorf("got %s, %+v, want 0 to 91 drops/s", e.Verdict, f)
	}
}
