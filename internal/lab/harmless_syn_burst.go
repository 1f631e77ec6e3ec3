package lab

import (
	"context"
	"time"
)

var harmlessSynBurst = Fault{
	Name:  "harmless-syn-burst",
	Title: "harmless: bursts of real clients, some by cookie",
	Doc: `Clients come 400 at a time (size) and complete their handshakes a little late, a
thousand a second (rate); half a second later come the next. The half-open queue of 256
runs full with each burst; the rest is answered with cookies, and those come back. It is
no flood.`,
	Harmless: true,
	Expect: Expect{
		Culprit: ServerSide,
		Also:    []string{"syn-queue-overflow"},
	},
	Size:      400,
	PerSecond: 1000,
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
		s.Go(func() error {
			for ctx.Err() == nil {
				burst := strangers.Begun() + s.Size
				enough := func() bool { return strangers.Begun() >= burst }
				if err := strangers.BeginAll(ctx, 200*burstStep, burstStep, enough); err != nil {
					return err
				}
				if err := answerLate(ctx, strangers.Peer, s.PerSecond, late, greet); err != nil {
					return err
				}
			}
			return nil
		})
		if err := s.UntilCounter(ctx, "TcpExt.SyncookiesRecv", 100); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}

// burstStep is how many SYNs go out at once, so that no buffer on the way is asked
// for more than it holds.
const burstStep = 40

// answerLate answers what has come in, no faster than an eager server can accept,
// until nothing has come for half a second.
func answerLate(ctx context.Context, p *Peer, perSecond int, late <-chan Segment, answer func(Segment) []Segment) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	rate := pace{perSecond: perSecond}
	for last := time.Now(); time.Since(last) < 500*time.Millisecond; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for range min(rate.due(time.Now()), len(late)) {
			last = time.Now()
			for _, s := range answer(<-late) {
				if err := p.Send(s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
