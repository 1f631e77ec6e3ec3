package model

import (
	"math"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// AcceptLoad is what is known about one listener's accept queue over a window.
type AcceptLoad struct {
	// Backlog is what the application passed to listen(), where it is known.
	// It cannot be read from the kernel.
	Backlog facts.Opt[int]
	// Limit is the limit the kernel shows: min(backlog, somaxconn) when
	// listen() was called.
	Limit int
	// Somaxconn is the setting now.
	Somaxconn int
	// Length is the queue at the end of the window, HighWater the longest seen
	// and LowWater the shortest, where the queue was polled.
	Length, HighWater int
	LowWater          facts.Opt[int]
	// Spells is how many separate times the queue ran full; 0 counts as once.
	Spells int
	// ArrivalsPerSecond is how many connections per second want in, refused
	// ones included, repeated SYNs not.
	ArrivalsPerSecond float64
	// AcceptsPerSecond is how many the application takes.
	AcceptsPerSecond float64
	// DropsPerSecond is how many are refused (ListenOverflows).
	DropsPerSecond float64
	// ResetsPerSecond is how many of those are refused at the last ACK of
	// their handshake rather than at their SYN. Only they are reset where
	// tcp_abort_on_overflow is set.
	ResetsPerSecond float64
	// FullShare is the share of polls that found the queue over its limit, 0
	// to 1.
	FullShare float64
	// WindowSeconds is how long was measured.
	WindowSeconds float64
	// StallSeconds is the longest time without any accept, where it is known.
	StallSeconds facts.Opt[float64]
	// Stale tells that the limit is known to stem from an older, smaller
	// somaxconn, so that the application's backlog may be larger.
	Stale bool
	// AbortOnOverflow is the setting now.
	AbortOnOverflow bool
}

// AcceptChange is a change that might cure an accept queue. What is left out
// stays.
type AcceptChange struct {
	Somaxconn facts.Opt[int]
	Backlog   facts.Opt[int]
	// Relisten tells that the application calls listen() again, by a reload
	// or a restart.
	Relisten        bool
	AbortOnOverflow facts.Opt[bool]
}

// overloadShare is the share of full polls from which a queue counts as full
// all the time: not a burst but more arrivals than the application takes.
const overloadShare = 0.9

// PredictAccept returns what a change would do about a listener that refuses
// connections because its accept queue is full.
func PredictAccept(l AcceptLoad, c AcceptChange) Effect {
	if abort, ok := c.AbortOnOverflow.Get(); ok && abort != l.AbortOnOverflow {
		return predictAbort(l, abort)
	}
	backlog := l.backlogBounds()
	if b, ok := c.Backlog.Get(); ok {
		backlog = bounds{b, b}
	}
	somaxconn := c.Somaxconn.Or(l.Somaxconn)
	after := bounds{AcceptLimit(backlog.low, somaxconn), AcceptLimit(backlog.high, somaxconn)}
	switch {
	case somaxconn < l.Somaxconn && after.low < l.Limit:
		return l.lowered(after.low, c.Relisten)
	case after.low < l.Limit && c.Relisten && after.high <= l.Limit:
		return l.lowered(after.low, true)
	case l.DropsPerSecond <= 0 && l.HighWater <= l.Limit:
		return effectf(NoEffect, nil, "nothing is refused: the queue stood at %d at most and %d fit",
			l.HighWater, AcceptCapacity(l.Limit))
	case after.high <= l.Limit:
		return l.backlogBinds(c)
	}
	cure := l.withLimit(after)
	if !c.Relisten && cure.Verdict == Helps {
		cure.Verdict = NeedsRestart
		cure.Reason = "a listener keeps the limit of its last listen() call: nothing changes before the application calls listen() again; then " + cure.Reason
	}
	return cure
}

// bounds is what is known of a number that cannot be read.
type bounds struct{ low, high int }

// backlogBounds returns what the limit tells about the application's backlog.
// At somaxconn it is that much or more. Below, it is the backlog itself,
// unless somaxconn was raised after listen(). Above, somaxconn was lowered.
func (l AcceptLoad) backlogBounds() bounds {
	if b, ok := l.Backlog.Get(); ok {
		return bounds{b, b}
	}
	if l.Limit >= l.Somaxconn || l.Stale {
		return bounds{l.Limit, math.MaxInt32}
	}
	return bounds{l.Limit, l.Limit}
}

// backlogBinds is the answer where no larger limit results.
func (l AcceptLoad) backlogBinds(c AcceptChange) Effect {
	figures := []Figure{
		{FigureQueueLimit, float64(AcceptCapacity(l.Limit)), float64(AcceptCapacity(l.Limit)), "connections"},
		{FigureDrops, l.DropsPerSecond, l.DropsPerSecond, "/s"},
	}
	if !l.Backlog.Known() && !c.Backlog.Known() && !c.Somaxconn.Known() && l.Limit < l.Somaxconn {
		return effectf(Unknown, figures[1:],
			"whether the limit of %d is the application's own backlog or a somaxconn that was raised since cannot be seen; listen() again helps in the second case only", l.Limit)
	}
	if _, ok := c.Somaxconn.Get(); !ok {
		return effect(NoEffect, "listen() again would set the same limit", figures...)
	}
	if l.Backlog.Known() {
		return effectf(NoEffect, figures, "the application's own backlog of %d binds, not somaxconn", l.Limit)
	}
	return effectf(NoEffect, figures,
		"the limit of %d is already below somaxconn %d: the application's own backlog binds, or it has not called listen() since somaxconn was raised",
		l.Limit, l.Somaxconn)
}

// lowered is the answer to a smaller limit.
func (l AcceptLoad) lowered(limit int, relisten bool) Effect {
	figures := []Figure{{FigureQueueLimit, float64(AcceptCapacity(l.Limit)), float64(AcceptCapacity(limit)), "connections"}}
	when := "from the next listen() on"
	if relisten {
		when = "at once"
	}
	return effectf(Harmful, figures, "the queue would hold %d connections instead of %d %s; shorter stalls would refuse clients",
		AcceptCapacity(limit), AcceptCapacity(l.Limit), when)
}

// withLimit predicts the load with another limit in force. The limit may be
// known only within bounds: an application's backlog above somaxconn hides.
func (l AcceptLoad) withLimit(after bounds) Effect {
	capacity := AcceptCapacity(after.high)
	limit := Figure{FigureQueueLimit, float64(AcceptCapacity(l.Limit)), float64(capacity), "connections"}
	excess := l.ArrivalsPerSecond - l.AcceptsPerSecond
	switch {
	case l.AcceptsPerSecond <= 0 && l.ArrivalsPerSecond > 0 && l.WindowSeconds > 0:
		return l.postpones(capacity, l.ArrivalsPerSecond, limit,
			"the application accepts nothing: any queue fills up")
	case l.lasting() && excess > 0:
		return l.postpones(capacity, excess, limit,
			"the application accepts fewer than arrive, all the time: a longer queue only postpones and adds waiting time")
	}
	peak := l.burstPeak()
	now := float64(AcceptCapacity(l.Limit))
	drops := 0.0
	if over := peak - float64(capacity); over > 0 && peak > now {
		drops = l.DropsPerSecond * over / (peak - now)
	}
	figures := []Figure{
		{FigureDrops, l.DropsPerSecond, drops, "/s"},
		{FigureQueuePeak, now, math.Min(peak, float64(capacity)), ""},
		limit,
	}
	reason := "the application keeps up on average; the longer queue holds its bursts and stalls"
	if drops > 0 {
		reason = "the longer queue holds a part of each burst"
	}
	if after.low <= l.Limit && after.high > l.Limit && !l.Backlog.Known() {
		reason += ", if the application's backlog is as large"
	}
	return effect(Helps, reason, figures...)
}

// lasting reports whether the queue was full all the time. A queue from which
// the application goes on taking stands at its limit or one above, as the polls
// happen to fall, so what tells is that it never drained to half.
func (l AcceptLoad) lasting() bool {
	low, known := l.LowWater.Get()
	return l.FullShare >= overloadShare || known && 2*low > l.Limit && l.HighWater > l.Limit
}

// burstPeak returns how long the queue would get without a limit: what a stall
// lets in, where its length is known, else the refused on top of the full
// queue. The refused are spread over the times that it ran full.
func (l AcceptLoad) burstPeak() float64 {
	full := float64(max(l.HighWater, AcceptCapacity(l.Limit)))
	if s, ok := l.StallSeconds.Get(); ok && s*l.ArrivalsPerSecond > full {
		return s * l.ArrivalsPerSecond
	}
	return full + l.DropsPerSecond*max(1, l.WindowSeconds)/float64(max(1, l.Spells))
}

// postpones is the answer to an overload that does not end.
func (l AcceptLoad) postpones(capacity int, excess float64, limit Figure, reason string) Effect {
	more := float64(capacity - max(l.HighWater, AcceptCapacity(l.Limit)))
	figures := []Figure{
		{FigureDrops, l.DropsPerSecond, l.DropsPerSecond, "/s"},
		{FigurePostponed, 0, max(0, more) / excess, "s"},
		limit,
	}
	return effect(NoEffect, reason, figures...)
}

// predictAbort is the answer to a change of tcp_abort_on_overflow.
func predictAbort(l AcceptLoad, abort bool) Effect {
	figures := []Figure{{FigureResets, l.ResetsPerSecond, 0, "/s"}}
	switch {
	case abort:
		figures[0].Before, figures[0].After = 0, l.ResetsPerSecond
		return effect(Harmful, "clients that a short burst would only delay are reset instead; the queue stays as full as it is", figures...)
	case l.DropsPerSecond <= 0:
		return effect(NoEffect, "nothing overflows, so nothing is reset")
	case l.ResetsPerSecond <= 0:
		return effect(NoEffect, "what overflows is refused at its SYN, which is never answered by a reset", figures...)
	default:
		return effect(Helps, "clients of a full queue wait and try again instead of being reset", figures...)
	}
}
