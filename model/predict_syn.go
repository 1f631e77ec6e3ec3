package model

import (
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// SynLoad is what is known about one listener's half-open queue over a window.
type SynLoad struct {
	Limit         int // B, as the kernel shows it for the listener
	HalfOpen      int // entries in the SYN_RECV state now
	MaxSynBacklog int
	Syncookies    int
	SynackRetries int
	Timestamps    bool
	// UnansweredPerSecond is the rate of SYNs whose SYN-ACK nobody answers,
	// CompletedPerSecond the rate of handshakes that come to an end, or would
	// if their SYN were not refused.
	UnansweredPerSecond, CompletedPerSecond float64
	// RoundTripSeconds is how long a client takes to answer, 0 if unknown.
	RoundTripSeconds float64
	// DropsPerSecond is how many SYNs are refused for this queue
	// (TCPReqQFullDrop, or ListenDrops alone for the last quarter).
	DropsPerSecond float64
}

// SynChange is a change that might help a half-open queue. What is left out
// stays.
type SynChange struct {
	Syncookies    facts.Opt[int]
	MaxSynBacklog facts.Opt[int]
	SynackRetries facts.Opt[int]
	Timestamps    facts.Opt[bool]
	// Limit is the listen backlog after the application called listen() again
	// with more, or after somaxconn was raised.
	Limit facts.Opt[int]
	// Relisten tells that the application does call it.
	Relisten bool
}

// HalfOpenState is the steady state of a half-open queue.
type HalfOpenState struct {
	Capacity     int     // entries that fit
	Entries      float64 // entries in the steady state
	LifeSeconds  float64 // of an entry that nobody answers
	DropsPerSec  float64 // SYNs refused, of any origin
	LegitRefused float64 // of those, SYNs of clients that would have answered
	CookiesPerS  float64 // answered by a cookie
	Pruned       bool    // the kernel shortens the life
}

// Steady returns the steady state of a half-open queue under a load.
//
// Entries that nobody answers live for the whole SYN-ACK schedule while the
// queue holds at most [PruneThreshold] of them. Above, the kernel takes
// resends away until a queue that is mostly old entries keeps each for 7 s
// (two resends), so a flood's steady state lies between half of the backlog
// and the capacity.
func (l SynLoad) Steady(d Dialect) HalfOpenState {
	s := HalfOpenState{Capacity: HalfOpenCapacity(l.Limit, l.MaxSynBacklog, l.Syncookies, false, d)}
	rate := l.UnansweredPerSecond
	answering := l.CompletedPerSecond * l.RoundTripSeconds
	full := SynAckSchedule(l.SynackRetries, defaultRTOMax).Death.Seconds()
	floor := SynAckSchedule(min(l.SynackRetries, PruneFloor), defaultRTOMax).Death.Seconds()
	threshold := float64(PruneThreshold(l.Limit))
	s.LifeSeconds, s.Entries = full, rate*full+answering
	if s.Entries > threshold && float64(s.Capacity) > threshold {
		s.Pruned = floor < full
		s.Entries = max(min(threshold, s.Entries), rate*floor+answering)
		if rate > 0 {
			s.LifeSeconds = min(full, max(floor, (s.Entries-answering)/rate))
		}
	}
	wanted := s.Entries
	if wanted <= float64(s.Capacity) {
		return s
	}
	// A full queue admits whoever comes when a place is free, so that all
	// kinds of SYN are refused in the same proportion.
	s.Entries = float64(s.Capacity)
	refused := (rate + l.CompletedPerSecond) * (1 - s.Entries/wanted)
	if l.Syncookies != 0 {
		s.CookiesPerS = refused
		return s
	}
	s.DropsPerSec = refused
	s.LegitRefused = refused * l.CompletedPerSecond / (rate + l.CompletedPerSecond)
	return s
}

// defaultRTOMax is the longest SYN-ACK timeout where tcp_rto_max_ms is not known.
const defaultRTOMax = 120 * time.Second

// hardly is the share of what is wrong that must go away for a change to help.
const hardly = 0.8

// PredictSyn returns what a change would do about a half-open queue that is
// full, by a flood or by slow clients.
func PredictSyn(l SynLoad, c SynChange, d Dialect) Effect {
	after := l
	after.Syncookies = c.Syncookies.Or(l.Syncookies)
	after.MaxSynBacklog = c.MaxSynBacklog.Or(l.MaxSynBacklog)
	after.SynackRetries = c.SynackRetries.Or(l.SynackRetries)
	after.Limit = c.Limit.Or(l.Limit)
	was, is := l.Steady(d), after.Steady(d)
	figures := synFigures(l, was, is)
	if e, done := predictSynHazards(l, c, figures); done {
		return e
	}
	if c.MaxSynBacklog.Known() && after.Syncookies != 0 && !c.Limit.Known() && !c.Syncookies.Known() {
		return effect(NoEffect, "while tcp_syncookies is on the kernel does not consult tcp_max_syn_backlog; the listen backlog bounds the half-open queue", figures...)
	}
	switch {
	case c.Syncookies.Known() && l.Syncookies == 0 && after.Syncookies != 0:
		return cookiesOn(l, was, figures)
	case c.SynackRetries.Known():
		return predictSynackRetries(after, was, is, figures)
	case is.Capacity == was.Capacity:
		return effectf(NoEffect, figures, "the half-open queue stays bounded by %d: %s binds", is.Capacity,
			HalfOpenBinding(after.Limit, after.MaxSynBacklog, after.Syncookies, d))
	case is.Capacity < was.Capacity:
		return effect(Harmful, "fewer handshakes may be under way at once", figures...)
	case l.DropsPerSecond <= 0 && l.HalfOpen < was.Capacity:
		return effect(NoEffect, "the half-open queue is not full", figures...)
	case c.Limit.Known() && !c.Relisten:
		return effect(NeedsRestart, "a listener keeps the limit of its last listen() call until the application calls it again", figures...)
	case is.DropsPerSec >= hardly*was.DropsPerSec && l.UnansweredPerSecond > 0 && is.CookiesPerS >= hardly*was.CookiesPerS:
		return effect(NoEffect, "the flood fills the longer queue as well", figures...)
	default:
		return effect(Helps, "more handshakes may be under way at once", figures...)
	}
}

// synFigures returns what every prediction about a half-open queue states.
func synFigures(l SynLoad, was, is HalfOpenState) []Figure {
	dropsAfter := is.DropsPerSec
	if was.DropsPerSec > 0 && l.DropsPerSecond > 0 {
		dropsAfter = l.DropsPerSecond * is.DropsPerSec / was.DropsPerSec
	}
	dropsBefore := l.DropsPerSecond
	if dropsBefore <= 0 {
		dropsBefore = was.DropsPerSec
	}
	return []Figure{
		{FigureHalfOpenMax, float64(was.Capacity), float64(is.Capacity), "entries"},
		{FigureHalfOpen, was.Entries, is.Entries, "entries"},
		{FigureDrops, dropsBefore, dropsAfter, "/s"},
	}
}

// predictSynHazards answers the changes that are wrong whatever the load.
func predictSynHazards(l SynLoad, c SynChange, figures []Figure) (Effect, bool) {
	if k, ok := c.Syncookies.Get(); ok && k != l.Syncookies {
		switch {
		case k == 0:
			return effect(Harmful, "without cookies a full half-open queue refuses every new client", figures...), true
		case k == 2:
			return effect(Harmful, "every connection would be made by cookie: no entry is kept, the SYN-ACK is never repeated, and options are lost where the client has no timestamps"), true
		}
	}
	if t, ok := c.Timestamps.Get(); ok && !t && l.Timestamps {
		return effect(Harmful, "without timestamps a connection made by cookie loses window scaling and selective acknowledgement"), true
	}
	if n, ok := c.SynackRetries.Get(); ok && n < PruneFloor && n < l.SynackRetries {
		return effectf(Harmful, nil, "with %d repeats a client on a lossy path that misses the SYN-ACK fails to connect", n), true
	}
	return Effect{}, false
}

// cookiesOn is the answer to switching SYN cookies on.
func cookiesOn(l SynLoad, was HalfOpenState, figures []Figure) Effect {
	if l.DropsPerSecond <= 0 && was.DropsPerSec <= 0 {
		return effect(NoEffect, "the half-open queue is not full: no cookie would be sent", figures...)
	}
	for i := range figures {
		if figures[i].Name == FigureDrops {
			figures[i].After = 0
		}
	}
	return effect(Helps, "a full half-open queue answers with cookies instead of refusing; clients connect, the flood costs no memory", figures...)
}

// predictSynackRetries is the answer to another tcp_synack_retries.
func predictSynackRetries(after SynLoad, was, is HalfOpenState, figures []Figure) Effect {
	figures = append(figures, Figure{FigureHalfOpenLife, was.LifeSeconds, is.LifeSeconds, "s"})
	switch {
	case is.LifeSeconds > was.LifeSeconds*1.05:
		return effect(Harmful, "half-open entries that nobody answers stay longer", figures...)
	case was.Pruned && is.LifeSeconds >= was.LifeSeconds*0.75:
		return effectf(NoEffect, figures,
			"with more than %d half-open entries (half of the backlog) the kernel already prunes them after about %s",
			PruneThreshold(after.Limit), amount(math.Round(was.LifeSeconds), "s"))
	case is.LifeSeconds >= was.LifeSeconds*0.95:
		return effect(NoEffect, "half-open entries live as long as before", figures...)
	case was.Entries < 1:
		return effect(NoEffect, "there are hardly any half-open entries", figures...)
	default:
		return effect(Helps, "half-open entries that nobody answers leave sooner", figures...)
	}
}
