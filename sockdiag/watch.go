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

// next begins another window: listeners that the last poll did not see are
// forgotten, the others go on with the drops they had.
func (w *watches) next() {
	for cookie, e := range w.byCookie {
		if e.lastPoll != w.poll {
			delete(w.byCookie, cookie)
			continue
		}
		*e = watched{Watch: facts.Watch{Cookie: cookie, FirstDrops: e.LastDrops}, lastPoll: e.lastPoll}
	}
}

// see notes one listener of the poll under way. The queue holds limit + 1
// connections before the kernel drops.
func (w *watches) see(l *facts.Listener) {
	e := w.byCookie[l.Cookie]
	if e == nil {
		e = &watched{Watch: facts.Watch{Cookie: l.Cookie, FirstDrops: l.Drops}}
		w.byCookie[l.Cookie] = e
	}
	if e.lastPoll == w.poll {
		return
	}
	e.lastPoll = w.poll
	if e.Polls == 0 {
		e.LowWater = l.Queue
	}
	e.Polls++
	e.FullAtEnd = l.Queue > l.Limit
	switch {
	case e.FullAtEnd:
		e.Full++
		if !e.inSpell {
			e.Spells++
		}
		e.inSpell = true
	case l.Queue <= l.Limit/2:
		e.inSpell = false
	}
	e.HighWater = max(e.HighWater, l.Queue)
	e.LowWater = min(e.LowWater, l.Queue)
	e.SumQueue += uint64(l.Queue)
	if l.Drops.Known() {
		e.LastDrops = l.Drops
	}
}

// seeCensus notes the listeners of a walk, which counts as a poll.
func (w *watches) seeCensus(c *facts.Census) {
	w.begin()
	for i := range c.Listeners {
		w.see(&c.Listeners[i])
	}
}

// list returns what was seen, by cookie.
func (w *watches) list() []facts.Watch {
	out := make([]facts.Watch, 0, len(w.byCookie))
	for _, e := range w.byCookie {
		if e.Polls > 0 {
			out = append(out, e.Watch)
		}
	}
	slices.SortFunc(out, func(a, b facts.Watch) int { return cmp.Compare(a.Cookie, b.Cookie) })
	return out
}
