package lab

import "context"

var harmlessIdle = Fault{
	Name:  "harmless-idle",
	Title: "harmless: idle connections",
	Doc:   `A client holds 300 connections (size) on which nothing happens.`,

	Harmless: true,
	Expect:   Expect{Culprit: ServerSide},
	Size:     300,
	Run: func(ctx context.Context, s *Stage) error {
		server, err := s.StartServer(ctx, Server{Comm: "lab-idle", Backlog: 511})
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{Comm: "lab-pool", PerSecond: 1000, Total: s.Size, Hold: -1})
		if err != nil {
			return err
		}
		err = server.Until(ctx, "all connections", func(got Status) bool { return got.Open >= s.Size })
		if err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
