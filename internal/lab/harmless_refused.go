package lab

import (
	"context"
	"net/netip"
)

var harmlessRefused = Fault{
	Name:  "harmless-refused",
	Title: "harmless: a few refused connections",
	Doc: `A client tries a port on which nothing listens, 5 times a second (rate), and is
refused each time. The server beside it is well.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 5,
	Run: func(ctx context.Context, s *Stage) error {
		if _, err := s.StartServer(ctx, Server{Comm: "lab-present", Backlog: 511}); err != nil {
			return err
		}
		client, err := s.StartClient(ctx, Client{
			Comm: "lab-astray", PerSecond: s.PerSecond,
			To: netip.AddrPortFrom(s.Target().Addr(), s.Port()),
		})
		if err != nil {
			return err
		}
		err = client.Until(ctx, "refusals", func(got Status) bool { return got.Refused >= 3 })
		if err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
