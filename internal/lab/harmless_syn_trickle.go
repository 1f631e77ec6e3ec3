package lab

import "context"

var harmlessSynTrickle = Fault{
	Name:  "harmless-syn-trickle",
	Title: "harmless: a trickle of SYNs that nobody completes",
	Doc: `Scanners send 5 SYNs a second (rate) and no more. The half-open connections stay far
below the limit of 4096.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 5,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.core.somaxconn", "4096"); err != nil {
			return err
		}
		if _, err := s.StartServer(ctx, Server{Comm: "lab-scanned", Backlog: 4096}); err != nil {
			return err
		}
		strangers, err := s.StartStrangers(ctx, nil)
		if err != nil {
			return err
		}
		s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
		if err := s.UntilCount(ctx, 5, SynRecv); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
