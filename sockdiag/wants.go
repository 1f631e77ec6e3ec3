package sockdiag

import (
	"github.com/tcpdoctor/tcpdoctor/facts"
)

// want is a socket whose owner is wanted. The cookie tells it from a later one
// that was given the same inode number.
type want struct {
	namespace uint64 // inode of the network namespace
	cookie    uint64 // 0 where only the inode is known
	inode     uint32
	listener  bool
	hot       bool // a listener that is, or was, close to its limit
}

// From how many connections on it is worth knowing whose they are: some way below
// what the rules speak about. Looking for owners is by far the dearest part of a
// walk, and what is fine needs none.
const (
	wantedCloseWait  = 16
	wantedStuck      = 8 // unread, closed windows, no answer
	wantedSynSent    = 16
	wantedClosing    = 64
	wantedPortsShare = 2 // half of the ephemeral range
	wantedGroups     = 64
	wantedPerGroup   = 4
	wantedMost       = 16384 // of one namespace
)

// listenersOf lists the listeners of a window.
func listenersOf(all []facts.NamespaceWindow) []want {
	var out []want
	for i := range all {
		n := &all[i]
		high := make(map[uint64]uint32, len(n.Watches))
		for _, w := range n.Watches {
			high[w.Cookie] = w.HighWater
		}
		for _, l := range n.End.Census.Listeners {
			if l.Inode == 0 {
				continue // the kernel's own
			}
			out = append(out, want{
				namespace: n.Namespace.Inode, cookie: l.Cookie, inode: l.Inode, listener: true,
				hot: max(l.Queue, high[l.Cookie]) > l.Limit/2 && max(l.Queue, high[l.Cookie]) > 0,
			})
		}
	}
	return out
}

// wantedOf lists the sockets of a window whose owners some rule needs, and the
// only members of the namespaces that have connections nobody owns.
func wantedOf(all []facts.NamespaceWindow) (out []want, only []int) {
	out = listenersOf(all)
	for i := range all {
		n := &all[i]
		w := wanted{namespace: n.Namespace.Inode}
		w.groups(n)
		w.classes(n)
		out = append(out, w.list...)
		if n.Ownerless() && len(n.Namespace.PIDs) == 1 {
			only = append(only, n.Namespace.PIDs[0])
		}
	}
	return out, only
}

// wanted gathers the sockets of one namespace.
type wanted struct {
	namespace uint64
	list      []want
}

func (w *wanted) add(cookie uint64, inode uint32) {
	if inode != 0 && len(w.list) < wantedMost {
		w.list = append(w.list, want{namespace: w.namespace, cookie: cookie, inode: inode})
	}
}

// groups wants some owners of what uses up the ephemeral ports.
func (w *wanted) groups(n *facts.NamespaceWindow) {
	c := &n.End.Census
	low, high := portRange(n.Settings)
	size := uint64(high) - uint64(low) + 1
	if low == 0 {
		size = 28232 // the kernel's own choice, ip_local_port_range
	}
	for i := range c.Destinations[:min(len(c.Destinations), wantedGroups)] {
		d := &c.Destinations[i]
		if d.InRange*wantedPortsShare < size && d.States[facts.SynSent] < wantedSynSent {
			continue
		}
		for _, inode := range d.Inodes[:min(len(d.Inodes), wantedPerGroup)] {
			w.add(0, inode)
		}
	}
	if c.Bound.Ports*wantedPortsShare >= size {
		for _, inode := range c.Bound.Inodes {
			w.add(0, inode)
		}
	}
}

// classes wants the samples of the classes that have grown suspicious.
func (w *wanted) classes(n *facts.NamespaceWindow) {
	still := stoodStill(&n.Start.Census, facts.ClassUnread, facts.ClassZeroWindow)
	for _, class := range [...]struct {
		name  facts.ClassName
		least uint64
		still bool // only those that were there at the walk before, and moved nothing
	}{
		{facts.ClassCloseWait, wantedCloseWait, false},
		{facts.ClassRetransmit, wantedStuck, false},
		{facts.ClassZeroWindow, wantedStuck, true},
		{facts.ClassUnread, wantedStuck, true},
		{facts.ClassSynSent, wantedSynSent, false},
		{facts.ClassLastAck, wantedClosing, false},
		{facts.ClassFinWait2, wantedClosing, false},
	} {
		c := n.End.Census.Classes[class.name]
		if c.Total < class.least {
			continue
		}
		for i := range c.Samples {
			s := &c.Samples[i]
			if moved, was := still[s.Cookie]; class.still && (!was || moved != s.BytesMoved) {
				continue
			}
			w.add(s.Cookie, s.Inode)
		}
	}
}

// stoodStill tells how many bytes the connections of some classes had moved at the
// walk before.
func stoodStill(c *facts.Census, names ...facts.ClassName) map[uint64]facts.Opt[uint64] {
	out := make(map[uint64]facts.Opt[uint64])
	for _, name := range names {
		samples := c.Classes[name].Samples
		for i := range samples {
			out[samples[i].Cookie] = samples[i].BytesMoved
		}
	}
	return out
}
