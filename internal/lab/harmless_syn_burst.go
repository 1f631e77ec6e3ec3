package lab

import (
	"context"
	"time"
)

var harmlessSynBurst = Fault{
	Name:  "harmless-syn-burst",
	Title: "harmless: bursts of real clients, some by cookie",
	Doc: `Clients come 600 at a time (size), 400 a second (rate), and a little late complete
their handshakes. The half-open queue of 256 runs full with each burst; the rest is
answered with cookies, and nearly all of those come back. It is no flood.`,
	Harmless: true,
	Expect: Expect{
		Culprit: ServerSide,
		Also:    []string{"syn-queue-overflow"},
	},
	Size:      600,
	PerSecond: 400,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.ipv4.tcp_syncookies", "1"); err != nil {
			return err
		}
		if _, err := s.StartServer(ctx, Server{Comm: "lab-popular", Backlog: 256}); err != nil {
			return err
		}
		late := make(chan Segment, 4*s.Size)
		greet := sayAndLeave(nil)
		strangers, err := s.StartStrangers(ctx, func(got Segment) []Segment {
			if !got.Flags.Has(SYN | ACK) {
				return greet(got)
			}
			select {
			case late <- got:
			default: // the server will ask again
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.Go(func() error { return answerLate(ctx, strangers.Peer, late, greet) })
		s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, s.Size, forever) })
		if err := s.UntilCounter(ctx, "TcpExt.SyncookiesRecv", 100); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}

// answerLate answers what has come in with a delay, and no faster than an eager
// server can accept: a thousand a second.
func answerLate(ctx context.Context, p *Peer, late <-chan Segment, answer func(Segment) []Segment) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for range min(10, len(late)) {
			for _, s := range answer(<-late) {
				if err := p.Send(s); err != nil {
					return err
				}
			}
		}
	}
}
