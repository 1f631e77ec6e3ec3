package lab

import (
	"context"
	"time"
)

var acceptQueueStalled = Fault{
	Name:  "accept-queue-overflow-application-not-accepting",
	Title: "accept queue, the application has stopped accepting",
	Doc: `A server with room for 512 connections (size) accepts the first twenty and then
never again. Clients come at 400 a second (rate) and lose patience after 5 s, so some
connections that nobody has accepted are already closed by the other side: they show as
CLOSE_WAIT without an owner and are no leak.`,
	Expect: Expect{
		ID: "accept-queue-overflow", Cause: "application-not-accepting", Severity: "warning", Culprit: ServerSide,
		Also: []string{"remote-accept-overflow"},
	},
	Size:      512,
	PerSecond: 400,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.core.somaxconn", "4096"); err != nil {
			return err
		}
		spec := Server{Comm: "lab-stalled", Backlog: s.Size}
		server, err := s.StartServer(ctx, spec)
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{Comm: "lab-early", Total: 20, Hold: -1})
		if err != nil {
			return err
		}
		err = server.Until(ctx, "the first connections", func(got Status) bool { return got.Accepted == 20 })
		if err != nil {
			return err
		}
		spec.Stalled = true
		if err := server.UpdateServer(spec); err != nil {
			return err
		}
		if err := overrun(ctx, s, 5*time.Second); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
