package model

import (
	"github.com/tcpdoctor/tcpdoctor/facts"
)

// listenerOf returns the listener a change is judged on: the given one, else
// the one that refuses most, else the one with the longest queue.
func (n *Namespace) listenerOf(c Change) *Listener {
	if c.Listener != nil {
		return c.Listener
	}
	var best *Listener
	for i := range n.Listeners {
		if l := &n.Listeners[i]; best == nil || worse(l, best) {
			best = l
		}
	}
	return best
}

func worse(a, b *Listener) bool {
	da, _ := a.Drops()
	db, _ := b.Drops()
	if fa, fb := a.FullShare(), b.FullShare(); fa != fb {
		return fa > fb
	}
	if da != db {
		return da > db
	}
	if a.HalfOpen.AtEnd != b.HalfOpen.AtEnd {
		return a.HalfOpen.AtEnd > b.HalfOpen.AtEnd
	}
	return a.HighWater() > b.HighWater()
}

// AcceptLoad returns what the window shows of a listener's accept queue. The
// kernel counts overflows and new connections for the namespace, not for the
// listener: overflows are its own where its drop counter rose or its queue was
// seen over the limit, and connections are split by the growth of that counter
// only if it is the only listener in use. A nil listener has no load.
func (n *Namespace) AcceptLoad(l *Listener) AcceptLoad {
	load := AcceptLoad{AbortOnOverflow: n.Settings.AbortOnOverflow, Somaxconn: n.Settings.Somaxconn, WindowSeconds: n.Seconds}
	if l == nil {
		return load
	}
	load.Limit = int(l.Limit)
	load.Length = int(l.Queue)
	load.HighWater = int(l.HighWater())
	load.Spells = l.Watch.Spells
	if l.Watch.Polls > 1 {
		load.LowWater = facts.Some(int(l.Watch.LowWater))
	}
	load.FullShare = l.FullShare()
	overflows, _ := n.Rate(string(CListenOverflows))
	if own, known := l.Drops(); known {
		overflows = min(overflows, n.PerSecond(own))
		// A last ACK that is refused counts twice with the listener and
		// once as an overflow, a SYN once with both.
		load.ResetsPerSecond = min(overflows, n.PerSecond(own)-overflows)
	} else if load.FullShare == 0 && len(n.Listeners) > 1 {
		overflows = 0
	}
	if resets, ok := n.Rate(string(CEmbryonicRsts)); ok && load.AbortOnOverflow {
		load.ResetsPerSecond = min(overflows, resets)
	}
	load.DropsPerSecond = overflows
	load.AcceptsPerSecond = n.acceptRate(l)
	load.ArrivalsPerSecond = load.AcceptsPerSecond + overflows
	return load
}

// SynLoad returns what the window shows of a listener's half-open queue. A nil
// listener has no load.
func (n *Namespace) SynLoad(l *Listener) SynLoad {
	s := n.Settings
	load := SynLoad{
		MaxSynBacklog: s.MaxSynBacklog, Syncookies: s.Syncookies, SynackRetries: s.SynackRetries,
		Timestamps: s.Timestamps != 0,
	}
	if l == nil {
		return load
	}
	load.Limit = int(l.Limit)
	load.HalfOpen = int(l.HalfOpen.AtEnd) / max(1, l.Group)
	drops, _ := n.Rate(string(CListenDrops))
	overflows, _ := n.Rate(string(CListenOverflows))
	load.DropsPerSecond = max(0, drops-overflows)
	if own, known := l.Drops(); known {
		load.DropsPerSecond = min(load.DropsPerSecond, n.PerSecond(own))
	}
	sent, _ := n.Rate(string(CSyncookiesSent))
	received, _ := n.Rate(string(CSyncookiesRecv))
	opened, _ := n.Rate(string(CPassiveOpens))
	// What is stored and not answered leaves by its timer; in the steady state
	// as many come. The life is the pruned one where pruning applies.
	life := SynAckSchedule(s.SynackRetries, s.rtoMax()).Death
	if load.HalfOpen > PruneThreshold(load.Limit) {
		life = SynAckSchedule(min(s.SynackRetries, PruneFloor), s.rtoMax()).Death
	}
	completed := max(0, opened-received)
	unanswered, answering := l.halfOpenKinds(n.walkedInTime(), completed, life.Seconds())
	if completed > 0 {
		load.RoundTripSeconds = answering / completed
	}
	stored := unanswered / life.Seconds()
	real := completed / max(completed+stored, 1e-9)
	load.CompletedPerSecond = opened + load.DropsPerSecond*real
	load.UnansweredPerSecond = stored + max(0, sent-received) + load.DropsPerSecond*(1-real)
	return load
}

// halfOpenKinds splits a listener's half-open entries into those that nobody
// answers and those that wait for a slow client. The SYN-ACK of the first is
// repeated after a second, and of their life they spend the rest repeated; a slow
// client has answered by then.
func (l *Listener) halfOpenKinds(window bool, completedPerSecond, lifeSeconds float64) (unanswered, answering float64) {
	const untilRepeat = 1.0
	h := &l.HalfOpen
	entries := float64(h.AtEnd)
	repeated := float64(h.Retransmitted) * lifeSeconds / max(lifeSeconds-untilRepeat, 1e-9)
	if window {
		entries = float64(h.AtStart+h.AtEnd) / 2
	}
	group := float64(max(1, l.Group))
	answering = min(max(0, entries-repeated)/group, completedPerSecond*untilRepeat)
	return entries/group - answering, answering
}

// shortestOfPorts returns the destination with the largest share of its ports
// in use, nil if there is none.
func (n *Namespace) shortestOfPorts() *Destination {
	var best *Destination
	for i := range n.Destinations {
		if d := &n.Destinations[i]; best == nil || d.UsedRatio() > best.UsedRatio() {
			best = d
		}
	}
	return best
}

// PortLoad returns what the window shows of the local ports used to one
// destination. Without a destination nothing is connected to.
func (n *Namespace) PortLoad(d *Destination) PortLoad {
	s := n.Settings
	load := PortLoad{
		Range: s.PortRange, Reserved: s.ReservedPorts, Bound: int(n.End.Census.Bound.Ports),
		Timestamps: s.Timestamps != 0,
	}
	if d == nil {
		load.Accepting = true
		return load
	}
	load.Used = int(d.InRange)
	load.TimeWait = int(d.States[facts.TimeWait])
	load.FinWait2 = int(d.States[facts.FinWait2])
	load.Loopback = d.Dest.Addr().IsLoopback()
	opens, _ := n.Rate(string(CActiveOpens))
	var all, own uint64
	for i := range n.Destinations {
		all += n.Destinations[i].Total()
	}
	if own = d.Total(); all > 0 {
		load.ConnectsPerSecond = opens * float64(own) / float64(all)
	}
	return load
}

// TimeWaitLoad returns what the window shows of TIME_WAIT objects.
func (n *Namespace) TimeWaitLoad() TimeWaitLoad {
	states := n.End.Census.States()
	orphaned := n.FinWait2Load().Orphans
	l := TimeWaitLoad{
		Count: int(states[facts.TimeWait]) + orphaned, FinWait2: orphaned, MaxBuckets: n.Settings.MaxTWBuckets,
	}
	if objects, ok := n.End.Gauges["sockstat.TCP.tw"]; ok && !n.End.Census.Complete {
		l.Count = max(l.Count, int(objects)) // no walk has counted them all
	}
	made, _ := n.Rate(string(CTW))
	short, _ := n.Rate(string(CTWKilled))
	l.OverflowPerSecond, _ = n.Rate(string(CTCPTimeWaitOverflow))
	l.ClosesPerSecond = made + short + l.OverflowPerSecond
	return l
}

// FinWait2Load returns what the window shows of FIN_WAIT2: how many have lost
// their owner is taken from the sample, by its share.
func (n *Namespace) FinWait2Load() FinWait2Load {
	class := n.End.Census.Classes[facts.ClassFinWait2]
	owned := 0
	for _, s := range class.Samples {
		if s.Inode != 0 {
			owned++
		}
	}
	l := FinWait2Load{Orphans: int(class.Total)}
	if k := len(class.Samples); k > 0 {
		l.Owned = int(class.Total) * owned / k
		l.Orphans -= l.Owned
	}
	return l
}

// LingerLoad returns what the window shows of FIN_WAIT1, CLOSING and LAST_ACK.
func (n *Namespace) LingerLoad() LingerLoad {
	class := n.End.Census.Classes[facts.ClassLastAck]
	var silent, shut, owned int
	for _, s := range class.Samples {
		switch {
		case s.Inode != 0:
			owned++
		case s.Timer == facts.TimerZeroWindow:
			shut++
		default:
			silent++
		}
	}
	k := max(1, len(class.Samples))
	total := int(class.Total)
	return LingerLoad{Silent: total * silent / k, ZeroWindow: total * shut / k, Owned: total * owned / k}
}

func (n *Namespace) dialLoad() DialLoad {
	return DialLoad{Count: int(n.End.Census.Classes[facts.ClassSynSent].Total)}
}

// shared returns a gauge of the host at the end of the window, 0 if unknown.
func (n *Namespace) shared(name string) float64 { return float64(n.Shared.End.Gauges[name]) }

// gauge returns a gauge of the namespace at the end of the window, 0 if unknown.
func (n *Namespace) gauge(name string) float64 { return float64(n.End.Gauges[name]) }

// sharedRate returns by how much a counter of the host rose per second.
func (n *Namespace) sharedRate(name string) float64 {
	d, ok := facts.Delta(n.Shared.Start.Counters, n.Shared.End.Counters, name)
	if !ok {
		return 0
	}
	return n.PerSecond(d)
}
