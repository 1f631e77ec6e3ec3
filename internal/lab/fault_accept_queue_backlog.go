package lab

import (
	"context"
	"time"
)

var acceptQueueBacklog = Fault{
	Name:  "accept-queue-overflow-application-backlog",
	Title: "accept queue, the application's own backlog is small",
	Doc: `A server asks listen() for a queue of 8 (size) where net.core.somaxconn would
allow 4096. It accepts 20 connections a second while clients come at 200 (rate).`,
	Expect: Expect{
		ID: "accept-queue-overflow", Cause: "application-backlog", Severity: "warning", Culprit: ServerSide,
		Also: []string{"remote-accept-overflow"},
	},
	Size:      8,
	PerSecond: 200,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.core.somaxconn", "4096"); err != nil {
			return err
		}
		_, err := s.StartServer(ctx, Server{Comm: "lab-small-queue", Backlog: s.Size, AcceptPerSecond: 20})
		if err != nil {
			return err
		}
		if err := overrun(ctx, s, 10*time.Second); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
