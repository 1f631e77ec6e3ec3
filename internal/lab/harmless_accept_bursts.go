package lab

import (
	"context"
	"time"
)

var harmlessAcceptBursts = Fault{
	Name:  "harmless-accept-bursts",
	Title: "harmless: a busy server in bursts",
	Doc: `Clients come a hundred (size) at a time, 200 a second (rate). The accept queue of
511 fills up a little with each burst and is empty again at once.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	Size:      100,
	PerSecond: 200,
	Run: func(ctx context.Context, s *Stage) error {
		server, err := s.StartServer(ctx, Server{Comm: "lab-busy", Backlog: 511})
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{
			Comm: "lab-clients", PerSecond: s.PerSecond, Burst: s.Size, Pending: 2 * s.Size,
			Hold: 100 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		err = server.Until(ctx, "two bursts", func(got Status) bool { return got.Accepted >= 2*s.Size })
		if err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
