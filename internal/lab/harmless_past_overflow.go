package lab

import (
	"context"
	"time"
)

var harmlessPastOverflow = Fault{
	Name:  "harmless-past-overflow",
	Title: "harmless: an overflow that is over",
	Doc: `The accept queue of 8 (size) ran over while the server was busy with something
else. It is back, the queue is empty, and clients come 10 a second (rate). Only the
counters, which never go back, still tell.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	Size:      8,
	PerSecond: 10,
	Run: func(ctx context.Context, s *Stage) error {
		spec := Server{Comm: "lab-recovered", Backlog: s.Size, Stalled: true}
		server, err := s.StartServer(ctx, spec)
		if err != nil {
			return err
		}
		clients := Client{
			Comm: "lab-clients", To: s.Target(), PerSecond: 200, Total: s.Size + 20, GiveUp: patientFor,
		}
		client, err := s.StartClient(ctx, clients)
		if err != nil {
			return err
		}
		err = client.Until(ctx, "clients to be turned away", func(got Status) bool {
			return got.GaveUp > 0 && got.Waiting == 0 && got.Attempts == clients.Total
		})
		if err != nil {
			return err
		}
		spec.Stalled = false
		if err := server.UpdateServer(spec); err != nil {
			return err
		}
		clients.Total, clients.PerSecond, clients.Hold = 0, s.PerSecond, 100*time.Millisecond
		if err := client.UpdateClient(clients); err != nil {
			return err
		}
		if err := quiet(ctx, s, time.Second); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}

// quiet waits until the listener's queue is empty, nothing is half-open, and no
// overflow has been counted for a while.
func quiet(ctx context.Context, s *Stage, span time.Duration) error {
	since, last := time.Now(), int64(-1)
	return s.Until(ctx, "the overflow to be over", func() (bool, error) {
		counters, err := ReadCounters(s.Bench.Server)
		if err != nil {
			return false, err
		}
		l, err := s.Listener()
		if err != nil {
			return false, err
		}
		open, err := s.CountServer(SynRecv)
		if err != nil {
			return false, err
		}
		if overflows := counters["TcpExt.ListenOverflows"]; overflows != last || open > 0 || l.ReceiveQueue > 1 {
			since, last = time.Now(), overflows
		}
		return time.Since(since) >= span, nil
	})
}
