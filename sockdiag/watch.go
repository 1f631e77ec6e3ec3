package sockdiag

import (
	"cmp"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// watches gathers what the polls of one namespace see of its listeners.
type watches struct {
	byCookie map[uint64]*watched
	poll     int // number of the poll under way
}

type watched struct {
	facts.Watch
	lastPoll int
	inSpell  bool // it ran full and has not drained to half since
}

// begin starts a poll; a listener that shows up twice in it counts once.
func (w *watches) begin() {
	w.poll++
	if w.byCookie == nil {
		w.byCookie = make(map[uint64]*watched)
	}
}

// see notes one listener of the poll under way. The queue holds limit + 1
// connections before the kernel drops.
func (w *watches) see(cookie uint64, queue, limit uint32, drops facts.Opt[uint32]) {
	e := w.byCookie[cookie]
	if e == nil {
		e = &watched{Watch: facts.Watch{Cookie: cookie, LowWater: queue, FirstDrops: drops}}
		w.byCookie[cookie] = e
	}
	if e.lastPoll == w.poll {
		return
	}
	e.lastPoll = w.poll
	e.Polls++
	e.FullAtEnd = queue > limit
	switch {
	case e.FullAtEnd:
		e.Full++
		if !e.inSpell {
			e.Spells++
		}
		e.inSpell = true
	case queue <= limit/2:
		e.inSpell = false
	}
	e.HighWater = max(e.HighWater, queue)
	e.LowWater = min(e.LowWater, queue)
	e.SumQueue += uint64(queue)
	if drops.Known() {
		e.LastDrops = drops
	}
}

// seeSocket notes a listener as a poll yields it.
func (w *watches) seeSocket(s *facts.Socket) {
	var drops facts.Opt[uint32]
	if s.Mem.Known {
		drops = facts.Some(s.Mem.Drops)
	}
	w.see(s.Cookie, s.RecvQueue, s.SendQueue, drops)
}

// seeCensus notes the listeners of a walk, which counts as a poll.
func (w *watches) seeCensus(c *facts.Census) {
	w.begin()
	for i := range c.Listeners {
		l := &c.Listeners[i]
		w.see(l.Cookie, l.Queue, l.Limit, l.Drops)
	}
}

// list returns what was seen, by cookie.
func (w *watches) list() []facts.Watch {
	out := make([]facts.Watch, 0, len(w.byCookie))
	for _, e := range w.byCookie {
		out = append(out, e.Watch)
	}
	slices.SortFunc(out, func(a, b facts.Watch) int { return cmp.Compare(a.Cookie, b.Cookie) })
	return out
}
