package web

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// figures is a view in numbers: bounded, and constant once it is made.
type figures struct {
	sockets      []socketFigure
	listeners    []listenerFigure
	destinations []destinationFigure
	// latest is the newest value of every series of the page.
	latest map[string]float64
	// dropped counts, by metric, the series left out or added up under "other".
	dropped map[string]int
}

// socketFigure is the sockets of one namespace by state.
type socketFigure struct {
	netns  string
	v4, v6 facts.StateCounts
}

// destinationKey is a source and a destination address.
type destinationKey struct{ netns, source, destination string }

func (k destinationKey) compare(o destinationKey) int {
	return cmp.Or(cmp.Compare(k.netns, o.netns), cmp.Compare(k.source, o.source), cmp.Compare(k.destination, o.destination))
}

// destinationFigure is the share of the local ports used towards an address, by
// the worst of its ports.
type destinationFigure struct {
	destinationKey
	used float64
	// port, inUse and usable are those of the worst.
	port          uint16
	inUse, usable uint64
}

// socketStates lists the states that are told, as reports spell them. The
// kernel's two further ones are told as what they look like to users.
func socketStates() []facts.State {
	return []facts.State{
		facts.Established, facts.SynSent, facts.SynRecv, facts.FinWait1, facts.FinWait2, facts.TimeWait,
		facts.Close, facts.CloseWait, facts.LastAck, facts.Listen, facts.Closing,
	}
}

// folded gives the counts of states without a name of their own to the others.
func folded(c facts.StateCounts) facts.StateCounts {
	c[facts.SynRecv] += c[facts.NewSynRecv]
	c[facts.Close] += c[facts.BoundInactive]
	c[facts.NewSynRecv], c[facts.BoundInactive] = 0, 0
	return c
}

func addStates(sum *facts.StateCounts, c facts.StateCounts) {
	for i, n := range c {
		sum[i] += n
	}
}

// keeper makes figures from one view after another. It remembers what must not
// change from tick to tick: which series are told, counters, and what the last
// walk of a namespace found.
type keeper struct {
	limits    Limits
	walks     map[string]*walk
	listeners listenerKeeper
	latest    map[string]float64
	// shownNetns and shownDest are what had series of its own last time. It
	// keeps them until something else has clearly more to tell, so that series
	// do not come and go with every tick.
	shownNetns map[string]bool
	shownDest  map[destinationKey]bool
}

// walk is what the last walk over the sockets of a namespace found.
type walk struct {
	socketFigure
	self         bool
	destinations []destinationFigure
}

func newKeeper(l Limits) *keeper {
	return &keeper{
		limits: l, walks: map[string]*walk{}, listeners: newListenerKeeper(l), latest: map[string]float64{},
		shownNetns: map[string]bool{}, shownDest: map[destinationKey]bool{},
	}
}

// next makes the figures of a view.
func (k *keeper) next(v *model.View) *figures {
	names := make([]string, len(v.Namespaces))
	for i := range v.Namespaces {
		names[i] = netnsLabel(&v.Namespaces[i], k.limits.LabelRunes)
	}
	k.keepWalks(v, names)
	out := &figures{dropped: make(map[string]int)}
	var netns, listeners, destinations int
	out.sockets, netns = k.socketFigures()
	out.destinations, destinations = k.destinationFigures()
	out.listeners, listeners = k.listeners.next(v, names)
	out.dropped["sockets"] = netns * 2 * len(socketStates())
	out.dropped["ephemeral_ports_used_ratio"] = destinations
	for _, metric := range []string{"listener_accept_queue", "listener_accept_queue_limit", "listener_drops_total"} {
		out.dropped[metric] = listeners
	}
	for _, p := range Points(v) {
		k.latest[p.Series] = p.Value
	}
	out.latest = maps.Clone(k.latest)
	return out
}

// keepWalks takes what the namespaces that were walked show, and keeps of the
// others what they showed last. Namespaces that are gone, or whose walk failed,
// show nothing.
func (k *keeper) keepWalks(v *model.View, names []string) {
	next := make(map[string]*walk, len(names))
	for i := range v.Namespaces {
		n, name := &v.Namespaces[i], names[i]
		if n.End.Census.ListenersOnly {
			if before := k.walks[name]; before != nil && next[name] == nil {
				next[name] = before
			}
			continue
		}
		if !socketsRead(n) {
			continue
		}
		w := next[name]
		if w == nil || w == k.walks[name] {
			w = &walk{socketFigure: socketFigure{netns: name}}
			next[name] = w
		}
		w.self = w.self || n.ID.Self
		addStates(&w.v4, folded(n.End.Census.IPv4))
		addStates(&w.v6, folded(n.End.Census.IPv6))
		w.destinations = append(w.destinations, worthTelling(n, name)...)
	}
	k.walks = next
}

// socketFigures tells the sockets of each namespace, and of the smallest ones
// the sum once there are too many.
func (k *keeper) socketFigures() ([]socketFigure, int) {
	rank := func(name string) float64 {
		w := k.walks[name]
		n := float64(w.v4.Total()+w.v6.Total()) + 1
		switch {
		case w.self:
			return 1e300 // one's own is always told
		case k.shownNetns[name]:
			return 2 * n
		}
		return n
	}
	shown, rest := split(sortedByRank(k.walks, rank, cmp.Compare[string]), k.limits.Namespaces)
	k.shownNetns = make(map[string]bool, len(shown))
	out := make([]socketFigure, 0, len(shown)+1)
	for _, name := range shown {
		k.shownNetns[name] = true
		out = append(out, k.walks[name].socketFigure)
	}
	if len(rest) > 0 {
		sum := socketFigure{netns: other}
		for _, name := range rest {
			addStates(&sum.v4, k.walks[name].v4)
			addStates(&sum.v6, k.walks[name].v6)
		}
		out = append(out, sum)
	}
	return out, len(rest)
}

// portsTold is the share of the local ports below which a destination is not
// worth a series; one that has it keeps it down to half of that. A host may talk
// to thousands of destinations, and to others every second.
const portsTold = 0.01

// worthTelling returns the destinations that take a share of the ports worth
// telling, by address.
func worthTelling(n *model.Namespace, netns string) []destinationFigure {
	worst := make(map[destinationKey]destinationFigure)
	for j := range n.Destinations {
		d := &n.Destinations[j]
		used := d.UsedRatio()
		if used < portsTold/2 {
			continue
		}
		key := destinationKey{netns, d.Source.String(), d.Dest.Addr().String()}
		if used > worst[key].used {
			worst[key] = destinationFigure{key, used, d.Dest.Port(), d.InRange, uint64(max(0, d.Usable))}
		}
	}
	return slices.Collect(maps.Values(worst))
}

// destinationFigures picks the destinations nearest to running out of ports.
func (k *keeper) destinationFigures() ([]destinationFigure, int) {
	worst := make(map[destinationKey]destinationFigure)
	for _, w := range k.walks {
		for _, d := range w.destinations {
			if d.used > worst[d.destinationKey].used && (d.used >= portsTold || k.shownDest[d.destinationKey]) {
				worst[d.destinationKey] = d
			}
		}
	}
	rank := func(key destinationKey) float64 {
		if k.shownDest[key] {
			return 1.25 * worst[key].used
		}
		return worst[key].used
	}
	shown, rest := split(sortedByRank(worst, rank, destinationKey.compare), k.limits.Destinations)
	k.shownDest = make(map[destinationKey]bool, len(shown))
	out := make([]destinationFigure, 0, len(shown))
	for _, key := range shown {
		k.shownDest[key] = true
		out = append(out, worst[key])
	}
	slices.SortFunc(out, func(a, b destinationFigure) int {
		return cmp.Or(cmp.Compare(b.used, a.used), a.compare(b.destinationKey))
	})
	return out, len(rest)
}
