package sockdiag

import (
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// traffic is what changes with whatever happens to the connections of a namespace.
type traffic struct {
	known         bool
	in, out       uint64 // Tcp.InSegs, Tcp.OutSegs
	inuse, inuse6 int64  // sockets in use, request sockets excepted
	waiting       int64  // in TIME_WAIT
}

// traffic is that at the time of a reading.
func (r *lastReading) traffic() traffic {
	var t traffic
	var ok [5]bool
	t.in, ok[0] = r.counters["Tcp.InSegs"]
	t.out, ok[1] = r.counters["Tcp.OutSegs"]
	t.inuse, ok[2] = r.gauges["sockstat.TCP.inuse"]
	t.waiting, ok[3] = r.gauges["sockstat.TCP.tw"]
	t.inuse6 = r.gauges["sockstat.TCP6.inuse"] // there is none without IPv6
	ok[4] = !r.at.IsZero()
	t.known = ok == [5]bool{true, true, true, true, true}
	return t
}

// quiet reports whether a namespace has no socket but listeners beyond doubt. The
// kernel has one table for the connections of all namespaces and goes through all
// of it at every walk, so that on a host with many connections a walk over an empty
// namespace costs as much as one over a busy one.
//
// The kernel counts the sockets in use, request sockets excepted. For one of these
// a segment must have come since the walk before, or since the namespace was made.
func (m *watchedNamespace) quiet() bool {
	now := m.start.traffic()
	switch {
	case !now.known, now.inuse+now.inuse6 != int64(len(m.start.listeners)), now.waiting != 0:
		return false
	case m.last.at.IsZero():
		return now.in == 0
	}
	c := &m.last.census
	return now.in == m.last.traffic.in && len(c.Locals)+len(c.Destinations)+len(c.Classes) == 0
}

// still reports whether nothing can have happened to the connections of a namespace
// since the walk before: none of them was waiting for anything, not a segment came
// or went, and there are as many sockets as then. What is left of its censuses is
// the age of connections that nobody asks for.
func (m *watchedNamespace) still() bool {
	now := m.start.traffic()
	if !now.known || now != m.last.traffic || m.last.at.IsZero() {
		return false
	}
	c := &m.last.census
	for name, class := range c.Classes {
		if name != facts.ClassEstablished && class.Total > 0 {
			return false
		}
	}
	states := c.States()
	return states[facts.Established]+states[facts.Listen]+states[facts.TimeWait]+states[facts.BoundInactive] == states.Total() &&
		slices.EqualFunc(c.Listeners, m.start.listeners, func(a, b facts.Listener) bool { return a.Cookie == b.Cookie })
}

// stillCensus is the census of a namespace in which nothing happened.
func (m *watchedNamespace) stillCensus() *facts.Census {
	c := m.last.census
	c.Listeners = m.start.listeners
	return &c
}

// quietCensus is the census of a quiet namespace. Of bound sockets it knows what
// the walk before saw.
func (m *watchedNamespace) quietCensus() *facts.Census {
	c := censusOfListeners(m.start.listeners)
	c.ListenersOnly, c.Complete, c.Bound = false, true, m.last.census.Bound
	return &c
}
