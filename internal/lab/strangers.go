package lab

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"
)

// Strangers are clients that exist only as packets: they begin connections from
// addresses nobody owns, and answer as they are told to. No kernel keeps anything
// for them, and any number fits.
type Strangers struct {
	// Bench has their addresses, Peer their voice.
	Bench  *Bench
	Peer   *Peer
	Family Family
	// To is where they connect.
	To netip.AddrPort
	// Rand chooses addresses, ports and sequence numbers. It is used by
	// Begin alone.
	Rand *rand.Rand
	// Answer makes the replies to one segment from the server; nil keeps
	// silent. It is called from the goroutine of Listen alone.
	Answer func(Segment) []Segment

	begun atomic.Int64
}

// Begin sends one SYN from a stranger chosen at random.
func (s *Strangers) Begin() error {
	from := netip.AddrPortFrom(s.Bench.Stranger(s.Family, s.Rand.Uint32()), uint16(1024+s.Rand.IntN(64000)))
	s.begun.Add(1)
	return s.Peer.Send(Segment{From: from, To: s.To, Flags: SYN, Seq: s.Rand.Uint32()})
}

// Begun counts the SYNs sent.
func (s *Strangers) Begun() int { return int(s.begun.Load()) }

// BeginAll begins connections at a rate, in bursts of so many at a time, until
// enough reports true or ctx ends.
func (s *Strangers) BeginAll(ctx context.Context, perSecond, burst int, enough func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	p := pace{perSecond: perSecond, burst: burst}
	for ctx.Err() == nil && !enough() {
		for due := p.due(time.Now()); due > 0; due-- {
			if err := s.Begin(); err != nil {
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

// Listen answers the server until ctx ends.
func (s *Strangers) Listen(ctx context.Context) error {
	return s.Peer.Serve(ctx, func(got Segment) []Segment {
		if got.From != s.To || s.Answer == nil {
			return nil
		}
		return s.Answer(got)
	})
}

// forever is for BeginAll when nothing is ever enough.
func forever() bool { return false }

// sayAndLeave is the Answer of strangers that complete the handshake, send
// payload, if any, and finish at once; they acknowledge what comes after that.
func sayAndLeave(payload []byte) func(Segment) []Segment {
	return func(got Segment) []Segment {
		switch {
		case got.Flags.Has(SYN | ACK):
			hello := got.Reply(ACK)
			farewell := got.Reply(FIN | ACK)
			if len(payload) > 0 {
				hello.Flags |= PSH
				hello.Payload = payload
				farewell.Seq += uint32(len(payload))
			}
			return []Segment{hello, farewell}
		case got.Flags.Has(RST):
			return nil
		case got.Flags.Has(FIN) || len(got.Payload) > 0:
			return []Segment{got.Reply(ACK)}
		default:
			return nil
		}
	}
}

// StartStrangers opens a raw peer for strangers that connect to Target, and lets
// them listen until ctx ends.
func (s *Stage) StartStrangers(ctx context.Context, answer func(Segment) []Segment) (*Strangers, error) {
	peer, err := s.OpenPeer()
	if err != nil {
		return nil, err
	}
	strangers := &Strangers{
		Bench: s.Bench, Peer: peer, Family: s.Family, To: s.Target(), Rand: s.Rand, Answer: answer,
	}
	s.Go(func() error { return strangers.Listen(ctx) })
	return strangers, nil
}
