package model

import (
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// PortLoad is what is known about the local ports used from one source
// address to one (destination, destination port).
type PortLoad struct {
	Range    PortRange
	Reserved []PortRange
	// Bound is how many ports of the range somebody in the namespace holds by
	// an explicit bind(): no connect() may use them.
	Bound int
	// Used is how many ports are taken, TimeWait and FinWait2 how many of
	// those by connections in these states.
	Used, TimeWait, FinWait2 int
	// ConnectsPerSecond is the wanted rate of new connections.
	ConnectsPerSecond float64
	Timestamps        bool // the connections have them
	Loopback          bool
	// Accepting tells that these connections were accepted, not made: their
	// local port is the listener's, and no port of the range is used.
	Accepting bool
}

// PortChange is a change that might help. What is left out stays.
type PortChange struct {
	Range        facts.Opt[PortRange]
	TWReuse      facts.Opt[int]
	TWReuseDelay facts.Opt[time.Duration]
	FinTimeout   facts.Opt[time.Duration]
	Timestamps   facts.Opt[int]
	MaxTWBuckets facts.Opt[int]
	// Sources is how many source addresses the application would use in turn.
	Sources facts.Opt[int]
	// Reserved replaces the reserved ports.
	Reserved facts.Opt[[]PortRange]
}

// PredictPorts returns what a change would do about local ports that run out.
func PredictPorts(l PortLoad, c PortChange, s Settings, d Dialect) Effect {
	if e, done := predictPortHazards(l, c, s); done {
		return e
	}
	if l.Accepting {
		return effect(NoEffect, "accepted connections all use the listener's port: there are no ports to save")
	}
	after, later := l, s
	after.Range = c.Range.Or(l.Range)
	after.Reserved = c.Reserved.Or(l.Reserved)
	later.TWReuse = c.TWReuse.Or(s.TWReuse)
	later.TWReuseDelay = c.TWReuseDelay.Or(s.TWReuseDelay)
	later.Timestamps = c.Timestamps.Or(s.Timestamps)
	if c.Timestamps.Known() {
		after.Timestamps = later.Timestamps != 0
	}
	was, is := l.outlook(s, d), after.outlook(later, d)
	sources := float64(max(1, c.Sources.Or(1)))
	is.capacity *= sources
	is.rate *= sources
	figures := []Figure{
		{FigurePorts, was.capacity, is.capacity, ""},
		{FigurePortRate, was.rate, is.rate, "/s"},
		{FigureUsed, was.used(l.Used), is.used(l.Used), "%"},
	}
	if c.Timestamps.Known() && Reuses(PortUse{Timestamps: after.Timestamps, Loopback: l.Loopback}, later) && !l.Timestamps {
		return l.timestampsOn(was, is, figures)
	}
	if c.TWReuse.Known() {
		return l.reuse(s, later, was, is, figures)
	}
	if t, ok := c.FinTimeout.Get(); ok {
		return l.finTimeout(s.FinTimeout, t, figures)
	}
	switch {
	case is.rate > was.rate || is.capacity > was.capacity:
		return l.wider(was, is, figures)
	case is.rate < was.rate || is.capacity < was.capacity:
		return effect(Harmful, "fewer connections per second are possible to each destination", figures...)
	default:
		return effect(NoEffect, "as many ports are usable as before", figures...)
	}
}

// outlook is what a port range can bear.
type outlook struct {
	capacity float64
	rate     float64 // connections per second for ever
}

func (o outlook) used(n int) float64 {
	if o.capacity == 0 {
		return 100
	}
	return math.Round(1000*float64(n)/o.capacity) / 10
}

// outlook returns the capacity and sustainable rate. How long connections are
// open follows from how many are (Little's law); every closing one is taken to
// leave its TIME_WAIT here in the measured proportion.
func (l PortLoad) outlook(s Settings, d Dialect) outlook {
	o := outlook{capacity: float64(PortCapacity(l.Range, l.Reserved, l.Bound))}
	u := PortUse{Timestamps: l.Timestamps, Loopback: l.Loopback, ClosesFirst: 1}
	open := l.Used - l.TimeWait
	if l.TimeWait == 0 && open > 0 {
		u.ClosesFirst = 0
	}
	if l.ConnectsPerSecond > 0 {
		u.Hold = time.Duration(float64(open) / l.ConnectsPerSecond * float64(time.Second))
	}
	u.Capacity = int(o.capacity)
	o.rate = SustainableRate(u, s, d)
	return o
}

// wider is the answer to more ports, shorter waits or more addresses.
func (l PortLoad) wider(was, is outlook, figures []Figure) Effect {
	switch {
	case was.used(l.Used) < 50 && l.ConnectsPerSecond < 0.5*was.rate:
		return effect(NoEffect, "ports are not short", figures...)
	case l.ConnectsPerSecond > is.rate:
		return effectf(Helps, figures, "more ports are usable, but %s connections per second need still more: use tcp_tw_reuse, connections that stay open, or more source addresses",
			amount(l.ConnectsPerSecond, ""))
	default:
		return effect(Helps, "more connections to the same destination are possible at once", figures...)
	}
}

// timestampsOn is the answer to timestamps where tcp_tw_reuse waits for them.
func (l PortLoad) timestampsOn(was, is outlook, figures []Figure) Effect {
	e := l.wider(was, is, figures)
	if e.Verdict == Helps {
		e.Reason = "tcp_tw_reuse works for connections made from now on, once the 60 s of those without timestamps are over"
	}
	return e
}

// reuse is the answer to another tcp_tw_reuse.
func (l PortLoad) reuse(before, later Settings, was, is outlook, figures []Figure) Effect {
	u := PortUse{Timestamps: l.Timestamps, Loopback: l.Loopback}
	wasOn, isOn := Reuses(u, before), Reuses(u, later)
	switch {
	case !l.Timestamps || before.Timestamps == 0:
		return effect(NoEffect, "without TCP timestamps a TIME_WAIT connection is never reused", figures...)
	case l.TimeWait == 0:
		return effect(NoEffect, "none of the ports is held by TIME_WAIT", figures...)
	case wasOn && isOn:
		return effect(NoEffect, "these TIME_WAIT connections are reused already", figures...)
	case wasOn:
		return effect(Harmful, "ports in TIME_WAIT stay unusable for the whole 60 s", figures...)
	case !isOn && later.TWReuse == 2:
		return effect(NoEffect, "tcp_tw_reuse=2 reuses TIME_WAIT on loopback only", figures...)
	case !isOn:
		return effect(NoEffect, "TIME_WAIT stays without reuse", figures...)
	default:
		return l.wider(was, is, figures)
	}
}

// finTimeout is the answer to another tcp_fin_timeout.
func (l PortLoad) finTimeout(before, after time.Duration, figures []Figure) Effect {
	was, is := finWait2Seconds(before), finWait2Seconds(after)
	if l.FinWait2*5 < l.Used || is == was {
		return effect(NoEffect, "tcp_fin_timeout bounds FIN_WAIT2 only; TIME_WAIT always lasts 60 s", figures...)
	}
	figures = append(figures, Figure{FigureLifetime, was, is, "s"})
	if is > was {
		return effect(Harmful, "ports whose peer does not close stay in FIN_WAIT2 for longer", figures...)
	}
	return effect(Helps, "ports whose peer does not close leave FIN_WAIT2 sooner", figures...)
}

// predictPortHazards answers changes that are wrong whatever the load.
func predictPortHazards(l PortLoad, c PortChange, s Settings) (Effect, bool) {
	if t, ok := c.Timestamps.Get(); ok && t == 0 && s.Timestamps != 0 {
		return effect(Harmful, "new connections lose PAWS, round-trip samples and, where made by a SYN cookie, their options; a port first used without timestamps is not reused while in TIME_WAIT"), true
	}
	if n, ok := c.MaxTWBuckets.Get(); ok && n < s.MaxTWBuckets {
		return effectf(Harmful, nil, "above %d objects connections skip TIME_WAIT: late segments of an old connection can then reach a new one", n), true
	}
	if c.MaxTWBuckets.Known() {
		return effect(NoEffect, "tcp_max_tw_buckets bounds TIME_WAIT objects, not ports"), true
	}
	return Effect{}, false
}
