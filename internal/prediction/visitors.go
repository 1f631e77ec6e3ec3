package prediction

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// Farewell is what a visitor does when the server says that it has finished.
type Farewell int

// The farewells.
const (
	Resets       Farewell = iota // answers with a reset, so that nothing is left behind
	Finishes                     // finishes too, so that the server keeps a TIME_WAIT
	Acknowledges                 // acknowledges and never finishes
	Ignores                      // is gone
)

// Visitors are clients that exist only as packets, from addresses that nobody owns:
// no kernel keeps anything for them, and none repeats its SYN. The zero value, given
// a rate, answers the handshake at once.
type Visitors struct {
	// PerSecond is how many come, and Burst how many at a time; 0 stands for 1.
	PerSecond, Burst int
	// Total ends the coming; 0 means never.
	Total int
	// OnCall visitors come only when they are told to, see [Group.Bring].
	OnCall bool
	// Silent visitors never answer, as in a flood.
	Silent bool
	// Delay is how long they take to answer a SYN-ACK.
	Delay time.Duration
	// Misses is how many SYN-ACKs to each are lost on the way.
	Misses int
	// MissesFIN is how many FINs to each are lost on the way.
	MissesFIN int
	// ShutWindow advertises a window of zero from the handshake on.
	ShutWindow bool
	// Farewell is what they do when the server has finished.
	Farewell Farewell
	// AnswerData acknowledges what the server sends, and every probe.
	AnswerData bool
}

// Group is Visitors under way.
type Group struct {
	spec  Visitors
	scene *Scene
	peer  *lab.Peer
	first uint32      // number of the first stranger
	deaf  atomic.Bool // nothing reaches them or comes from them

	begun, completed, reset atomic.Int64

	mu    sync.Mutex
	asked map[netip.AddrPort]visit
}

// visit is what came for one visitor.
type visit struct{ synACKs, fins int }

// strangersEach is how many addresses a group of visitors has for itself.
const strangersEach = 20000

// Visit lets visitors come until the trial ends.
func (s *Scene) Visit(ctx context.Context, spec Visitors) *Group {
	if s.Failed() {
		return nil
	}
	peer, err := s.Peer()
	if err != nil {
		s.Fail(err)
		return nil
	}
	s.mu.Lock()
	v := &Group{
		spec: spec, scene: s, peer: peer, first: uint32(len(s.visitors)) * strangersEach,
		asked: make(map[netip.AddrPort]visit),
	}
	s.visitors = append(s.visitors, v)
	s.peers = append(s.peers, peer)
	s.mu.Unlock()
	s.Go(func() error { return ended(ctx, peer.Serve(ctx, v.answer)) })
	if !spec.OnCall {
		s.Go(func() error { return ended(ctx, v.come(ctx)) })
	}
	return v
}

// ended takes the end of a trial for no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// come begins connections at the rate. What a slow machine misses is made up for,
// so that the average holds.
func (v *Group) come(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	draw := random(uint64(v.first))
	burst := max(1, v.spec.Burst)
	for began, owed := time.Now(), 0; ctx.Err() == nil; {
		wanted := int(time.Since(began).Seconds()*float64(v.spec.PerSecond)) / burst * burst
		for ; owed < wanted; owed++ {
			if n := int(v.begun.Load()); v.spec.Total > 0 && n >= v.spec.Total {
				return nil
			}
			if err := v.begin(draw.Uint32()); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// Bring lets so many more come at once.
func (v *Group) Bring(n int) {
	draw := random(uint64(v.begun.Load()))
	for ; n > 0 && !v.scene.Failed(); n-- {
		v.scene.Fail(v.begin(draw.Uint32()))
	}
}

// begin sends one SYN, each from another address, so that no metrics cache knows
// the peer.
func (v *Group) begin(seq uint32) error {
	n := uint32(v.begun.Load())
	addr := v.scene.Stranger(v.scene.Family, v.first+n%strangersEach)
	from := netip.AddrPortFrom(addr, uint16(2000+n/strangersEach))
	v.mu.Lock()
	v.asked[from] = visit{}
	v.mu.Unlock()
	v.begun.Add(1)
	return v.peer.Send(lab.Segment{From: from, To: v.scene.Target(), Flags: lab.SYN, Seq: seq})
}

// answer is called for every segment that the server sends to any stranger.
func (v *Group) answer(got lab.Segment) []lab.Segment {
	v.mu.Lock()
	times, ours := v.asked[got.To]
	if ours {
		if got.Flags.Has(lab.SYN | lab.ACK) {
			times.synACKs++
		} else if got.Flags.Has(lab.FIN) {
			times.fins++
		}
		v.asked[got.To] = times
	}
	v.mu.Unlock()
	if !ours || v.spec.Silent || v.deaf.Load() {
		return nil
	}
	switch {
	case got.Flags.Has(lab.RST):
		v.reset.Add(1)
		return nil
	case got.Flags.Has(lab.SYN | lab.ACK):
		return v.welcome(got, times.synACKs)
	case got.Flags.Has(lab.FIN) && times.fins <= v.spec.MissesFIN:
		return nil
	case got.Flags.Has(lab.FIN):
		return v.farewell(got)
	case v.spec.AnswerData:
		return []lab.Segment{v.reply(got, lab.ACK)}
	default:
		return nil
	}
}

// reply is an answer with the window that the visitor advertises.
func (v *Group) reply(got lab.Segment, flags lab.Flags) lab.Segment {
	s := got.Reply(flags)
	s.ZeroWindow = v.spec.ShutWindow
	return s
}

// welcome answers the SYN-ACK that came for the so-manieth time.
func (v *Group) welcome(got lab.Segment, times int) []lab.Segment {
	if times <= v.spec.Misses {
		return nil
	}
	if times == v.spec.Misses+1 {
		v.completed.Add(1)
	}
	ack := v.reply(got, lab.ACK)
	if v.spec.Delay == 0 {
		return []lab.Segment{ack}
	}
	time.AfterFunc(v.spec.Delay, func() { _ = v.peer.Send(ack) })
	return nil
}

func (v *Group) farewell(got lab.Segment) []lab.Segment {
	switch v.spec.Farewell {
	case Finishes:
		return []lab.Segment{v.reply(got, lab.FIN|lab.ACK)}
	case Acknowledges:
		return []lab.Segment{v.reply(got, lab.ACK)}
	case Ignores:
		return nil
	default:
		return []lab.Segment{v.reply(got, lab.RST)}
	}
}
