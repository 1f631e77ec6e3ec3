package lab

import (
	"context"
	"time"
)

var harmlessPassingCloseWait = Fault{
	Name:  "harmless-passing-close-wait",
	Title: "harmless: connections pass through CLOSE_WAIT",
	Doc: `Clients leave first, 200 a second (rate), and the server closes its side a second
later. At any moment 200 connections are in CLOSE_WAIT, and never the same.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 200,
	Run: func(ctx context.Context, s *Stage) error {
		_, err := s.StartServer(ctx, Server{Comm: "lab-leisurely", Backlog: 4096, Delay: time.Second})
		if err != nil {
			return err
		}
		strangers, err := s.StartStrangers(ctx, sayAndLeave(nil))
		if err != nil {
			return err
		}
		s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
		if err := s.UntilCount(ctx, s.PerSecond/2, CloseWait); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
