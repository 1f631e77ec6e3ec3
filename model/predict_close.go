package model

import (
	"fmt"
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TimeWaitLoad is what is known about the TIME_WAIT objects of a namespace.
type TimeWaitLoad struct {
	Count           int // objects now, FIN_WAIT2 ones included
	FinWait2        int // of those, in the FIN_WAIT2 substate
	MaxBuckets      int
	ClosesPerSecond float64 // connections that this side closes first
	// OverflowPerSecond is the rate of TCPTimeWaitOverflow.
	OverflowPerSecond float64
}

// TimeWaitChange is a change that people make about TIME_WAIT.
type TimeWaitChange struct {
	MaxBuckets facts.Opt[int]
	FinTimeout facts.Opt[time.Duration]
	TWReuse    facts.Opt[int]
}

// PredictTimeWait returns what a change would do to the number of TIME_WAIT
// objects and to connections that are refused one.
func PredictTimeWait(l TimeWaitLoad, c TimeWaitChange, s Settings) Effect {
	if n, ok := c.MaxBuckets.Get(); ok {
		return l.maxBuckets(n)
	}
	if t, ok := c.FinTimeout.Get(); ok {
		return l.finTimeout(s.FinTimeout, t)
	}
	figures := []Figure{{FigureTimeWait, float64(l.Count), float64(l.Count), "objects"}}
	if c.TWReuse.Known() {
		return effect(NoEffect, "tcp_tw_reuse only lets connect() take over a TIME_WAIT of the same destination; accepted connections gain nothing, and the objects stay otherwise", figures...)
	}
	return effect(NoEffect, "TIME_WAIT always lasts 60 s", figures...)
}

func (l TimeWaitLoad) maxBuckets(n int) Effect {
	demand := max(float64(l.Count), TimeWaitPopulation(l.ClosesPerSecond))
	lost := func(limit int) float64 { return TimeWaitOverflowRate(l.ClosesPerSecond, limit) }
	figures := []Figure{
		{FigureTimeWait, math.Min(demand, float64(l.MaxBuckets)), math.Min(demand, float64(max(0, n))), "objects"},
		{FigureDrops, max(l.OverflowPerSecond, lost(l.MaxBuckets)), lost(n), "/s"},
	}
	switch {
	case n < l.MaxBuckets:
		return effect(Harmful, "connections above the limit skip TIME_WAIT, so late segments of an old connection can reach a new one, and a peer's last FIN is answered by RST", figures...)
	case n == l.MaxBuckets:
		return effect(NoEffect, "the limit is that already", figures...)
	case l.OverflowPerSecond <= 0:
		return effect(NoEffect, "the limit is not reached", figures...)
	case lost(n) > 0:
		return effectf(Helps, figures, "fewer connections skip TIME_WAIT; %s objects would be needed for none", amount(demand, ""))
	default:
		return effect(Helps, "every connection gets its TIME_WAIT; each object costs about 256 bytes", figures...)
	}
}

func (l TimeWaitLoad) finTimeout(before, after time.Duration) Effect {
	was, is := finWait2Seconds(before), finWait2Seconds(after)
	figures := []Figure{{FigureTimeWait, float64(l.Count), float64(l.Count), "objects"}}
	if l.FinWait2*2 <= l.Count || was == is {
		return effect(NoEffect, "tcp_fin_timeout bounds FIN_WAIT2 only; TIME_WAIT always lasts 60 s", figures...)
	}
	rest := float64(l.Count - l.FinWait2)
	figures[0].After = rest + float64(l.FinWait2)*is/was
	if is > was {
		return effect(Harmful, "most of these objects are in FIN_WAIT2 and would stay longer", figures...)
	}
	return effect(Helps, "most of these objects are in FIN_WAIT2, waiting for a peer that does not close", figures...)
}

// nearRTO is the retransmission timeout on a near path.
const nearRTO = 200 * time.Millisecond

// finWait2Seconds is the whole life of an orphan in FIN_WAIT2 on a near path.
func finWait2Seconds(finTimeout time.Duration) float64 {
	orphan, object := FinWait2Life(finTimeout, nearRTO)
	return (orphan + object).Seconds()
}

// FinWait2Load is what is known about connections in FIN_WAIT2.
type FinWait2Load struct {
	Orphans int // without an owner: TIME_WAIT-type objects mostly
	Owned   int // half-closed by a process that still holds them
	// OrphansPerSecond is the rate at which new ones come, 0 if unknown.
	OrphansPerSecond float64
}

// PredictFinTimeout returns what another tcp_fin_timeout would do to
// connections in FIN_WAIT2.
func PredictFinTimeout(l FinWait2Load, before, after time.Duration) Effect {
	was, is := finWait2Seconds(before), finWait2Seconds(after)
	n := float64(l.Orphans)
	expected := n * is / was
	if l.OrphansPerSecond > 0 {
		expected = l.OrphansPerSecond * is
	}
	figures := []Figure{
		{FigureFinWait2, n + float64(l.Owned), expected + float64(l.Owned), "connections"},
		{FigureLifetime, was, is, "s"},
	}
	switch {
	case l.Orphans == 0 && l.Owned == 0:
		return effect(NoEffect, "nothing is in FIN_WAIT2", figures[1:]...)
	case l.Owned > l.Orphans:
		figures[0].After = figures[0].Before
		return effect(NoEffect, "most of these connections still belong to a process that shut down its sending side: tcp_fin_timeout does not apply to them", figures[:1]...)
	case was == is:
		return effect(NoEffect, "FIN_WAIT2 lasts as long as before", figures...)
	case is > was:
		return effect(Harmful, "connections whose peer does not close stay longer", figures...)
	case after > TimeWaitLength:
		return effectf(Helps, figures, "above 60 s Linux waits twice the excess over 60 s: %s means %s", seconds(after), amount(is, "s"))
	default:
		return effect(Helps, "connections whose peer does not close leave sooner", figures...)
	}
}

// LingerLoad is what is known about connections that closed without an owner
// and still wait for an acknowledgement: orphans in FIN_WAIT1, LAST_ACK and
// CLOSING.
type LingerLoad struct {
	Silent     int // retransmitting to a peer that does not answer
	ZeroWindow int // probing a peer that answers with a closed window
	Owned      int // half-closed and still owned
	// RTOSeconds is their retransmission timeout at first, 0 if unknown.
	RTOSeconds float64
}

// PredictOrphanRetries returns what another tcp_orphan_retries would do.
func PredictOrphanRetries(l LingerLoad, s Settings, retries int) Effect {
	rto := time.Duration(l.RTOSeconds * float64(time.Second))
	after := s
	after.OrphanRetries = retries
	was, is := OrphanLife(s, rto).Seconds(), OrphanLife(after, rto).Seconds()
	figures := []Figure{
		{FigureLifetime, was, is, "s"},
		{FigurePopulation, float64(l.Silent), float64(l.Silent) * is / was, "connections"},
	}
	switch {
	case was == is:
		return effectf(NoEffect, figures[:1], "tcp_orphan_retries=0 means %d: as many repeats as before", OrphanRetriesDefault)
	case is > was:
		return effect(Harmful, "closed connections to silent peers stay longer", figures...)
	case retries == 1:
		return effect(Harmful, "one repeat loses data and FINs on any path with loss", figures...)
	case l.Silent == 0 && l.ZeroWindow > 0:
		return effect(NoEffect, "these peers answer the probes of a closed window: only the longest timeout ends that, not tcp_orphan_retries", figures[:1]...)
	case l.Silent == 0 && l.Owned > 0:
		return effect(NoEffect, "these connections still belong to a process: tcp_retries2 decides, not tcp_orphan_retries", figures[:1]...)
	case l.Silent == 0:
		return effect(NoEffect, "no closed connection waits for a silent peer", figures[:1]...)
	default:
		return effect(Helps, "closed connections to silent peers leave sooner", figures...)
	}
}

// DialLoad is what is known about connections in SYN_SENT.
type DialLoad struct {
	Count             int
	AttemptsPerSecond float64 // attempts that nobody answers; 0 if unknown
}

// PredictSynRetries returns what another tcp_syn_retries would do to connect()
// calls that nobody answers.
func PredictSynRetries(l DialLoad, s Settings, retries int) Effect {
	life := func(n int) float64 { return SynSchedule(n, s.SynLinearTimeouts, s.rtoMax()).Death.Seconds() }
	was, is := life(s.SynRetries), life(retries)
	n := float64(l.Count) * is / was
	if l.AttemptsPerSecond > 0 {
		n = l.AttemptsPerSecond * is
	}
	figures := []Figure{
		{FigureLifetime, was, is, "s"},
		{FigurePopulation, float64(l.Count), n, "connections"},
	}
	switch {
	case is == was:
		return effect(NoEffect, "connect() gives up as late as before", figures...)
	case is > was:
		return effect(Harmful, "connect() to a peer that does not answer takes longer to fail", figures...)
	case retries <= 1:
		return effectf(Harmful, figures, "connect() would fail after %s: two lost segments are enough", amount(is, "s"))
	case l.Count == 0:
		return effect(NoEffect, "no connect() is waiting", figures[:1]...)
	default:
		return effect(Helps, "connect() to a peer that does not answer fails sooner; connections that would have come are not affected", figures...)
	}
}

// KeepaliveLoad is what is known about idle connections.
type KeepaliveLoad struct {
	Idle    int // connections without traffic
	Enabled int // of those, with SO_KEEPALIVE
}

// PredictKeepalive returns what other keepalive settings would do to
// connections whose peer has vanished.
func PredictKeepalive(l KeepaliveLoad, before, after Settings) Effect {
	was, is := KeepaliveLife(before).Seconds(), KeepaliveLife(after).Seconds()
	figures := []Figure{{FigureLifetime, was, is, "s"}}
	switch {
	case l.Enabled == 0:
		return effect(NoEffect, "no connection asked for keepalive (SO_KEEPALIVE): the application must", figures...)
	case is == was:
		return effect(NoEffect, "a dead peer is noticed as late as before", figures...)
	case is > was:
		return effect(Harmful, "a dead peer is noticed later", figures...)
	case after.KeepaliveTime >= before.KeepaliveTime:
		// tcp_keepalive_timer asks for both whenever it fires.
		return effect(Helps, "a dead peer is noticed sooner; connections that are probed already finish sooner too", figures...)
	default:
		return effectf(NeedsRestart, figures, "a connection keeps the timer it armed: %s applies to connections made from now on", fmt.Sprintf("the new %s", amount(is, "s")))
	}
}

// PredictRetries2 returns what another tcp_retries2 would do to connections
// with data that is not acknowledged.
func PredictRetries2(unanswered int, s Settings, retries int) Effect {
	after := s
	after.Retries2 = retries
	was, is := DataLife(s).Seconds(), DataLife(after).Seconds()
	figures := []Figure{{FigureLifetime, was, is, "s"}}
	switch {
	case retries < 8 && retries < s.Retries2:
		return effectf(Harmful, figures, "connections would not survive %s of silence; RFC 1122 asks for 100 s at least", amount(is, "s"))
	case is == was:
		return effect(NoEffect, "connections with unanswered data live as long as before", figures...)
	case is > was:
		return effect(Harmful, "a dead peer is noticed later", figures...)
	case unanswered == 0:
		return effect(NoEffect, "no connection has unanswered data", figures...)
	default:
		return effect(Helps, "connections to a dead peer end sooner", figures...)
	}
}
