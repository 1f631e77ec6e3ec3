package web

import (
	"cmp"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// listenerKey is what a listening address is known by: no process ID, no inode,
// so that a restarted program goes on with the series it had.
type listenerKey struct{ netns, local, comm string }

func (k listenerKey) compare(o listenerKey) int {
	return cmp.Or(cmp.Compare(k.netns, o.netns), cmp.Compare(k.local, o.local), cmp.Compare(k.comm, o.comm))
}

// listenerFigure is one listening address: of several listeners that share it,
// the one nearest to its limit, and the drops of all.
type listenerFigure struct {
	listenerKey
	queue, limit uint32 // the longest queue of the tick
	share        float64
	drops        uint64
	dropsKnown   bool
}

// listenerKeeper follows listeners from tick to tick.
type listenerKeeper struct {
	limits Limits
	tick   uint64
	// sockets are the listeners there were, by cookie.
	sockets map[uint64]*followed
	// read are the namespaces whose listeners were read last time.
	read map[uint64]bool
	// totals are the drops told so far, kept for a while after an address
	// vanished so that its counter goes on when it comes back.
	totals map[listenerKey]*total
	shown  map[listenerKey]bool
}

// followed is one listening socket.
type followed struct {
	key   listenerKey
	drops facts.Opt[uint32]
	tick  uint64
}

// total is a counter that never falls.
type total struct {
	drops uint64
	tick  uint64 // when it was told last
}

// group is the listeners of one key in one tick.
type group struct {
	listenerFigure
	rose uint64 // drops in this tick
}

func newListenerKeeper(l Limits) listenerKeeper {
	return listenerKeeper{
		limits: l, sockets: map[uint64]*followed{}, read: map[uint64]bool{},
		totals: map[listenerKey]*total{}, shown: map[listenerKey]bool{},
	}
}

// next makes the figures of a tick, and says how many addresses were folded
// into "other".
func (k *listenerKeeper) next(v *model.View, names []string) ([]listenerFigure, int) {
	k.tick++
	groups := make(map[listenerKey]*group)
	read := make(map[uint64]bool, len(v.Namespaces))
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		id := cmp.Or(n.ID.Cookie, n.ID.Inode)
		if listenersRead(n) {
			read[id] = true
		}
		for j := range n.Listeners {
			k.add(groups, &n.Listeners[j], names[i], k.read[id])
		}
	}
	k.forget(v, names, read)
	k.read = read
	ranked := sortedByRank(groups, func(key listenerKey) float64 { return k.rank(key, groups[key]) }, listenerKey.compare)
	shown, rest := split(ranked, k.limits.Listeners)
	k.shown = make(map[listenerKey]bool, len(shown))
	out := make([]listenerFigure, 0, len(shown)+1)
	for _, key := range shown {
		k.shown[key] = true
		out = append(out, k.tell(groups[key]))
	}
	if len(rest) > 0 {
		out = append(out, k.tell(together(groups, rest)))
	}
	k.forgetTotals()
	return out, len(rest)
}

// listenersRead reports whether every listener of a namespace was seen.
func listenersRead(n *model.Namespace) bool {
	_, missing := n.Missing(facts.SourceListeners)
	return !missing && (n.End.Census.Complete || n.End.Census.ListenersOnly)
}

// add counts a listener to its group. Its drop counter is the kernel's, 32 bits
// wide and from the birth of the socket: of one that was not there when its
// namespace was read last, all counts; of one seen for the first time otherwise,
// only what comes.
func (k *listenerKeeper) add(groups map[listenerKey]*group, l *model.Listener, netns string, readBefore bool) {
	s := k.sockets[l.Cookie]
	known := s != nil
	if !known {
		s = &followed{key: listenerKey{netns: netns, local: l.Local.String()}}
		if len(k.sockets) < tracked {
			k.sockets[l.Cookie] = s
		} else {
			readBefore = false // not followed: what it drops cannot be told from what it dropped
		}
	}
	s.tick, s.key.netns = k.tick, netns
	if s.key.comm == "" && len(l.Owners) > 0 {
		// The name seen first stays: a process may call itself anew all the time.
		s.key.comm = label(l.Owners[0].Comm, k.limits.LabelRunes)
	}
	g := groups[s.key]
	if g == nil {
		g = &group{listenerFigure: listenerFigure{listenerKey: s.key, share: -1}}
		groups[s.key] = g
	}
	if share := queueShare(l); share > g.share {
		g.share, g.queue, g.limit = share, l.HighWater(), l.Limit
	}
	now, ok := l.Listener.Drops.Get()
	if !ok {
		return
	}
	g.dropsKnown = true
	if before, has := s.drops.Get(); has {
		g.rose += uint64(now - before) // wraps with the kernel's 32 bits
	} else if !known && readBefore {
		g.rose += uint64(now)
	}
	s.drops = l.Listener.Drops
}

// rank orders listeners by what there is to tell of them: full queues, then
// drops. Those told already stay unless others have clearly more to tell.
func (k *listenerKeeper) rank(key listenerKey, g *group) float64 {
	r := min(g.share, 2) + float64(min(g.rose, 1000))/1000
	if k.shown[key] {
		r += 0.1
	}
	return r
}

// tell makes the figure of a group and adds its drops to what was told before.
func (k *listenerKeeper) tell(g *group) listenerFigure {
	t := k.totals[g.listenerKey]
	if t == nil {
		t = new(total)
		k.totals[g.listenerKey] = t
	}
	t.tick = k.tick
	t.drops += g.rose
	out := g.listenerFigure
	out.drops = t.drops
	return out
}

// together is what is told of the listeners that have no series of their own:
// the fullest queue, and the drops of all.
func together(groups map[listenerKey]*group, keys []listenerKey) *group {
	sum := &group{listenerFigure: listenerFigure{share: -1}}
	for _, key := range keys {
		g := groups[key]
		if g.share > sum.share {
			sum.share, sum.queue, sum.limit = g.share, g.queue, g.limit
		}
		sum.rose += g.rose
		sum.dropsKnown = sum.dropsKnown || g.dropsKnown
	}
	sum.listenerKey = listenerKey{other, other, other}
	return sum
}

// forget drops the listeners that are gone. Where a namespace could not be read
// they may be back with the next tick.
func (k *listenerKeeper) forget(v *model.View, names []string, read map[uint64]bool) {
	unread := make(map[string]bool)
	for i := range v.Namespaces {
		n := &v.Namespaces[i]
		if !read[cmp.Or(n.ID.Cookie, n.ID.Inode)] {
			unread[names[i]] = true
		}
	}
	for cookie, s := range k.sockets {
		if s.tick != k.tick && !unread[s.key.netns] {
			delete(k.sockets, cookie)
		}
	}
}

// forgetTotals drops the counters of the addresses that are gone longest, once
// there are many more than can be told.
func (k *listenerKeeper) forgetTotals() {
	most := 4 * k.limits.Listeners
	if len(k.totals) <= most {
		return
	}
	gone := make([]listenerKey, 0, len(k.totals))
	for key, t := range k.totals {
		if t.tick != k.tick {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, func(a, b listenerKey) int {
		return cmp.Or(cmp.Compare(k.totals[a].tick, k.totals[b].tick), a.compare(b))
	})
	for _, key := range gone[:min(len(gone), len(k.totals)-most)] {
		delete(k.totals, key)
	}
}
