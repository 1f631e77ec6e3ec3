package model

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// LongStuck is the age from which a CLOSE_WAIT that did not move counts as
// stuck even where only one instant was seen.
const LongStuck = 60 * time.Second

// CloseWaitHolder is one process that holds connections its peers have closed.
type CloseWaitHolder struct {
	// Process is nil where the owner could not be seen; then UID tells whose
	// it is. Others are further holders of the same sockets, such as forks.
	Process *facts.Process
	Others  []*facts.Process
	UID     uint32

	// Held is how many it holds. Stuck are those among them that were there
	// at both walks with no byte moved between them and whose peer's FIN is
	// older than the first; Unread are the stuck ones with bytes nobody read; Long
	// are the stuck ones older than LongStuck.
	Held, Stuck, Unread, Long uint64
	// Growth is how many more there are than at the walk before, CensusSeconds
	// ago.
	Growth int64
	// Oldest is how long ago the peer of the oldest stuck one closed.
	Oldest time.Duration
	// Peer and Local are the most frequent destination address and local port
	// of the stuck ones, with how many of the sampled ones have them.
	Peer       netip.AddrPort
	PeerCount  uint64
	LocalPort  uint16
	LocalCount uint64
	// Estimated tells that the counts were scaled up from a sample.
	Estimated bool
}

type holderKey struct {
	pid int
	uid uint32 // where pid is 0
}

type holderTally struct {
	h      CloseWaitHolder
	uid    uint32
	cgroup uint64
	fresh  uint64
	peers  map[netip.AddrPort]uint64
	locals map[uint16]uint64
}

// closeWaitHolders groups the CLOSE_WAIT connections by process, those who
// hold most first.
func (n *Namespace) closeWaitHolders() []CloseWaitHolder {
	class := n.End.Census.Classes[facts.ClassCloseWait]
	var first facts.Class
	if c := n.before(); c != nil {
		first = c.Classes[facts.ClassCloseWait]
	}
	before := make(map[uint64]facts.Sample, len(first.Samples))
	for _, s := range first.Samples {
		before[s.Cookie] = s
	}
	tallies := make(map[holderKey]*holderTally)
	present := make(map[uint64]bool, len(class.Samples))
	for _, s := range class.Samples {
		if n.CensusSeconds > 0 && !first.Covers(s.Cookie) {
			continue // whether it was there before cannot be told
		}
		present[s.Cookie] = true
		n.holderOf(tallies, s).add(s, before, n.CensusSeconds)
	}
	var vanished []facts.Sample
	for _, s := range first.Samples {
		if !present[s.Cookie] && class.Covers(s.Cookie) {
			vanished = append(vanished, s)
		}
	}
	scale := 1.0
	if len(present) > 0 {
		scale = float64(class.Total) / float64(len(present))
	}
	out := make([]CloseWaitHolder, 0, len(tallies))
	for _, t := range tallies {
		out = append(out, t.holder(n, class, vanished, scale, len(present)))
	}
	slices.SortFunc(out, func(a, b CloseWaitHolder) int {
		return cmp.Or(cmp.Compare(b.Held, a.Held), cmp.Compare(a.pid(), b.pid()), cmp.Compare(a.UID, b.UID))
	})
	return out
}

func (h CloseWaitHolder) pid() int {
	if h.Process == nil {
		return 0
	}
	return h.Process.PID
}

func (n *Namespace) holderOf(tallies map[holderKey]*holderTally, s facts.Sample) *holderTally {
	owners := n.view.byInode[s.Inode]
	key := holderKey{uid: s.UID}
	if len(owners) > 0 {
		key = holderKey{pid: slices.MinFunc(owners, func(a, b *facts.Process) int { return a.PID - b.PID }).PID}
	}
	t := tallies[key]
	if t == nil {
		t = &holderTally{
			h: CloseWaitHolder{UID: s.UID}, uid: s.UID, cgroup: s.CgroupID,
			peers: map[netip.AddrPort]uint64{}, locals: map[uint16]uint64{},
		}
		tallies[key] = t
	}
	for _, p := range owners {
		switch {
		case p.PID == key.pid:
			t.h.Process = p
		case !slices.Contains(t.h.Others, p):
			t.h.Others = append(t.h.Others, p)
		}
	}
	return t
}

func (t *holderTally) add(s facts.Sample, before map[uint64]facts.Sample, seconds float64) {
	t.h.Held++
	old, was := before[s.Cookie]
	if !was {
		t.fresh++
	}
	if !stuck(s, old, was, seconds) {
		return
	}
	t.h.Stuck++
	if s.RecvQueue > 0 {
		t.h.Unread++
	}
	age := time.Duration(s.LastAckRecvMillis.Or(0)) * time.Millisecond
	if age >= LongStuck {
		t.h.Long++
	}
	t.h.Oldest = max(t.h.Oldest, age)
	t.peers[s.Remote]++
	t.peers[netip.AddrPortFrom(s.Remote.Addr(), 0)]++
	t.locals[s.Local.Port()]++
}

// stuck reports whether nobody works with the connection: it was there at both
// walks, moved no byte, and its peer's FIN is older than the time between them. The FIN's
// age is that of the last ACK, because a FIN carries one; the last data may be
// far older.
func stuck(s, before facts.Sample, was bool, seconds float64) bool {
	ack, known := s.LastAckRecvMillis.Get()
	if !known {
		return false
	}
	age := time.Duration(ack) * time.Millisecond
	if seconds <= 0 {
		return age >= LongStuck
	}
	const clock = 20 * time.Millisecond // the two clocks are read apart
	return was && before.BytesMoved == s.BytesMoved &&
		age+clock >= time.Duration(seconds*float64(time.Second))
}

func (t *holderTally) holder(n *Namespace, class facts.Class, vanished []facts.Sample, scale float64, seen int) CloseWaitHolder {
	h := t.h
	h.Peer, h.PeerCount = mostPeer(t.peers)
	h.LocalPort, h.LocalCount = most(t.locals)
	if c := n.before(); c != nil {
		before := c.Classes[facts.ClassCloseWait]
		if scale > 1 || before.Total > uint64(len(before.Samples)) {
			share := float64(h.Held) / float64(max(1, seen))
			h.Growth = int64(share * (float64(class.Total) - float64(before.Total)))
		} else {
			h.Growth = int64(t.fresh)
			for _, s := range vanished {
				// Who held it can no longer be seen; counting it against every
				// holder it may have been never overstates growth.
				if s.UID == t.uid && s.CgroupID == t.cgroup {
					h.Growth--
				}
			}
		}
	}
	if scale > 1 {
		h.Estimated = true
		for _, v := range []*uint64{&h.Held, &h.Stuck, &h.Unread, &h.Long, &h.PeerCount, &h.LocalCount} {
			*v = uint64(math.Round(float64(*v) * scale))
		}
	}
	return h
}

// mostPeer returns the most frequent peer: with its port where one service is
// meant, without where many ports of one address are.
func mostPeer(peers map[netip.AddrPort]uint64) (netip.AddrPort, uint64) {
	var best netip.AddrPort
	var count uint64
	for p, c := range peers {
		if c > count || c == count && better(p, best) {
			best, count = p, c
		}
	}
	return best, count
}

func better(a, b netip.AddrPort) bool {
	if (a.Port() == 0) != (b.Port() == 0) {
		return a.Port() != 0
	}
	return a.Compare(b) < 0
}

func most(counts map[uint16]uint64) (uint16, uint64) {
	var best uint16
	var count uint64
	for k, c := range counts {
		if c > count || c == count && k < best {
			best, count = k, c
		}
	}
	return best, count
}
