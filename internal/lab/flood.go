package lab

import (
	"context"
	"time"
)

// flood lets strangers begin connections that they never complete, beside a few
// clients in earnest, and waits until the half-open queue of a server with a
// backlog of Size is full.
func flood(ctx context.Context, s *Stage) error {
	_, err := s.StartServer(ctx, Server{Comm: "lab-flooded", Backlog: s.Size})
	if err != nil {
		return err
	}
	strangers, err := s.StartStrangers(ctx, nil)
	if err != nil {
		return err
	}
	s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
	if err := s.UntilCount(ctx, s.Size, SynRecv); err != nil {
		return err
	}
	_, err = s.StartClient(ctx, Client{
		Comm: "lab-clients", PerSecond: 5, GiveUp: patientFor, Hold: time.Second,
	})
	return err
}
