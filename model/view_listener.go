package model

import (
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Listener is what a window shows of one listening socket.
type Listener struct {
	facts.Listener
	// Watch is what the polls saw of it, the walks at both ends included.
	Watch facts.Watch
	// Old is whether it was there at the start of the window already.
	Old    bool
	Owners []*facts.Process
	// Group is how many listeners share its address and port (SO_REUSEPORT),
	// itself included. HalfOpen and Turnover are the group's: the kernel does
	// not tell which member an entry belongs to.
	Group    int
	HalfOpen HalfOpen
	Turnover Turnover
	// Inbound is how many connections and closing ones its address and port
	// had at the end, TimeWait how many of those in TIME_WAIT.
	Inbound, TimeWait uint64
}

// HalfOpen is the half-open entries (request sockets) of an address and port, at
// the walk before and at the last one.
type HalfOpen struct {
	AtStart, AtEnd uint64
	Retransmitted  uint64 // of AtEnd: at least one SYN-ACK repeated
	Deferred       uint64 // of AtEnd: held back by TCP_DEFER_ACCEPT
	Sources        uint64 // of AtEnd: distinct peer addresses, estimated
}

// Turnover is what became of the connections that waited in an accept queue at
// the walk before, followed by their cookies.
type Turnover struct {
	Waited    int     // of these connections, as many as were sampled
	StillWait int     // still not accepted at the end
	Scale     float64 // how many connections each sampled one stands for
}

// Stalled reports whether not one connection was taken from the queue between
// the walks although some waited. The queue is first in, first out, so that
// one accept() would have been seen.
func (t Turnover) Stalled() bool { return t.Waited > 0 && t.StillWait == t.Waited }

// Drops returns by how much the listener's own drop counter rose. It ranks
// listeners; healthy events raise it too.
func (l *Listener) Drops() (uint64, bool) {
	a, okA := l.Watch.FirstDrops.Get()
	b, okB := l.Watch.LastDrops.Get()
	if !okA || !okB {
		return 0, false
	}
	return uint64(b - a), true // wraps with the kernel's 32 bits
}

// Over reports whether the queue holds more than its limit: then the kernel
// drops what comes.
func (l *Listener) Over() bool { return AcceptQueue{Limit: int(l.Limit), Length: int(l.Queue)}.Full() }

// FullShare returns in which share of the polls the queue was over its limit.
func (l *Listener) FullShare() float64 {
	if l.Watch.Polls == 0 {
		if l.Over() {
			return 1
		}
		return 0
	}
	return float64(l.Watch.Full) / float64(l.Watch.Polls)
}

// HighWater returns the longest queue seen.
func (l *Listener) HighWater() uint32 { return max(l.Watch.HighWater, l.Queue) }

// acceptRate estimates how many connections per second the application takes
// from a listener's queue. What left the queue of the start is a lower bound,
// and exact unless the whole queue turned over. Then nearly all new connections
// of the namespace are the listener's, if nearly all its inbound ones are.
func (n *Namespace) acceptRate(l *Listener) float64 {
	passive, _ := n.Rate("Tcp.PassiveOpens")
	t := l.Turnover
	if t.Waited == 0 || n.CensusSeconds <= 0 {
		return passive
	}
	atLeast := t.Scale * float64(t.Waited-t.StillWait) / n.CensusSeconds
	if t.StillWait > 0 {
		return atLeast
	}
	var inbound uint64
	seen := make(map[netip.AddrPort]bool)
	for i := range n.Listeners {
		if o := &n.Listeners[i]; !seen[o.Local] {
			seen[o.Local] = true
			inbound += o.Inbound
		}
	}
	if float64(l.Inbound) >= 0.9*float64(inbound) {
		return max(atLeast, passive)
	}
	return atLeast
}

// listenerIndex finds the listener that a local address belongs to, the way
// the kernel looks it up: the exact address first, then the wildcards.
type listenerIndex map[netip.AddrPort]netip.AddrPort

func indexListeners(all []facts.Listener) listenerIndex {
	idx := make(listenerIndex, len(all))
	for _, l := range all {
		idx[l.Local] = l.Local
		if l.Family == facts.IPv6 && !l.V6Only && l.Local.Addr().IsUnspecified() {
			any4 := netip.AddrPortFrom(netip.IPv4Unspecified(), l.Local.Port())
			if _, taken := idx[any4]; !taken {
				idx[any4] = l.Local
			}
		}
	}
	// A dual-stack listener gives way to one of IPv4's own.
	for _, l := range all {
		if l.Family == facts.IPv4 {
			idx[l.Local] = l.Local
		}
	}
	return idx
}

// of returns the listening address that serves a local one.
func (idx listenerIndex) of(local netip.AddrPort) (netip.AddrPort, bool) {
	if at, ok := idx[local]; ok {
		return at, true
	}
	wild := netip.IPv6Unspecified()
	if local.Addr().Is4() {
		wild = netip.IPv4Unspecified()
	}
	at, ok := idx[netip.AddrPortFrom(wild, local.Port())]
	return at, ok
}

func (n *Namespace) listeners() []Listener {
	end := &n.End.Census
	idx := indexListeners(end.Listeners)
	old := make(map[uint64]bool)
	start := n.before()
	if n.Start != nil {
		for _, l := range n.Start.Census.Listeners {
			old[l.Cookie] = true
		}
	}
	watch := make(map[uint64]facts.Watch, len(n.window.Watches))
	for _, w := range n.window.Watches {
		watch[w.Cookie] = w
	}
	group := make(map[netip.AddrPort]int)
	for _, l := range end.Listeners {
		group[l.Local]++
	}
	half := halfOpenBy(idx, start, end)
	turn := turnoverBy(idx, start, end)
	inbound := inboundBy(idx, end)

	out := make([]Listener, len(end.Listeners))
	for i, l := range end.Listeners {
		out[i] = Listener{
			Listener: l, Watch: watch[l.Cookie], Old: old[l.Cookie], Owners: n.Owners(l.Inode),
			Group: group[l.Local], HalfOpen: half[l.Local], Turnover: turn[l.Local],
			Inbound: inbound[l.Local].Total(), TimeWait: inbound[l.Local][facts.TimeWait],
		}
	}
	return out
}

func halfOpenBy(idx listenerIndex, start, end *facts.Census) map[netip.AddrPort]HalfOpen {
	out := make(map[netip.AddrPort]HalfOpen)
	if start != nil {
		for _, g := range start.Locals {
			if at, ok := idx.of(g.Addr); ok {
				h := out[at]
				h.AtStart += g.States[facts.SynRecv]
				out[at] = h
			}
		}
	}
	for _, g := range end.Locals {
		at, ok := idx.of(g.Addr)
		if !ok {
			continue
		}
		h := out[at]
		h.AtEnd += g.States[facts.SynRecv]
		h.Retransmitted += g.HalfOpenRetransmitted
		h.Deferred += g.HalfOpenDeferred
		h.Sources += g.HalfOpenSources
		out[at] = h
	}
	return out
}

func inboundBy(idx listenerIndex, end *facts.Census) map[netip.AddrPort]facts.StateCounts {
	out := make(map[netip.AddrPort]facts.StateCounts)
	for _, g := range end.Locals {
		if at, ok := idx.of(g.Addr); ok {
			sum := out[at]
			for i, c := range g.States {
				sum[i] += c
			}
			out[at] = sum
		}
	}
	return out
}

func turnoverBy(idx listenerIndex, start, end *facts.Census) map[netip.AddrPort]Turnover {
	out := make(map[netip.AddrPort]Turnover)
	if start == nil || !start.Complete || !end.Complete {
		return out
	}
	still := make(map[uint64]bool)
	last := end.Classes[facts.ClassUnaccepted]
	for _, s := range last.Samples {
		still[s.Cookie] = true
	}
	first := start.Classes[facts.ClassUnaccepted]
	for _, s := range first.Samples {
		at, ok := idx.of(s.Local)
		if !ok || !last.Covers(s.Cookie) {
			continue
		}
		t := out[at]
		t.Scale = float64(first.Total) / float64(len(first.Samples))
		t.Waited++
		if still[s.Cookie] {
			t.StillWait++
		}
		out[at] = t
	}
	return out
}
