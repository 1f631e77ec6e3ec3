package lab

import "context"

var harmlessHealthChecks = Fault{
	Name:  "harmless-health-checks",
	Title: "harmless: half-open health checks",
	Doc: `A load balancer looks whether the port is open, 50 times a second (rate): SYN, and
once the SYN-ACK has come, RST. Each raises the listener's own drop counter by one.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 50,
	Run: func(ctx context.Context, s *Stage) error {
		if _, err := s.StartServer(ctx, Server{Comm: "lab-checked", Backlog: 511}); err != nil {
			return err
		}
		strangers, err := s.StartStrangers(ctx, func(got Segment) []Segment {
			if !got.Flags.Has(SYN | ACK) {
				return nil
			}
			reset := got.Reply(RST)
			reset.Ack = 0
			return []Segment{reset}
		})
		if err != nil {
			return err
		}
		s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
		if err := s.UntilCounter(ctx, "TcpExt.EmbryonicRsts", 20); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
