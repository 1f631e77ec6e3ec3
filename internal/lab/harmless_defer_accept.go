package lab

import (
	"context"
	"time"
)

var harmlessDeferAccept = Fault{
	Name:  "harmless-defer-accept",
	Title: "harmless: TCP_DEFER_ACCEPT waits for the first byte",
	Doc: `A server does not want to see connections before their first byte
(TCP_DEFER_ACCEPT). Clients complete the handshake and keep silent, 20 a second (rate);
the kernel ignores their ACK and keeps them half-open. Others speak at once.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 20,
	Run: func(ctx context.Context, s *Stage) error {
		_, err := s.StartServer(ctx, Server{Comm: "lab-deferring", Backlog: 4096, DeferAccept: 5 * time.Second})
		if err != nil {
			return err
		}
		strangers, err := s.StartStrangers(ctx, func(got Segment) []Segment {
			if !got.Flags.Has(SYN | ACK) {
				return nil
			}
			return []Segment{got.Reply(ACK)}
		})
		if err != nil {
			return err
		}
		s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
		_, err = s.StartClient(ctx, Client{
			Comm: "lab-clients", PerSecond: 20, Send: 64, Hold: 500 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		if err := s.UntilCounter(ctx, "TcpExt.TCPDeferAcceptDrop", 20); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
