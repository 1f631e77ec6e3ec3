package lab

import (
	"context"
	"time"
)

var harmlessHalfClose = Fault{
	Name:  "harmless-half-close",
	Title: "harmless: a server streams on after the client's half-close",
	Doc: `A hundred clients (size) have said all they had to say and closed their sending
side; the server goes on sending to them ten times a second. On the server they stay in
CLOSE_WAIT, with bytes moving.`,
	Harmless: true,
	Expect:   Expect{Culprit: ServerSide},
	Size:     100,
	Run: func(ctx context.Context, s *Stage) error {
		_, err := s.StartServer(ctx, Server{
			Comm: "lab-streamer", Backlog: 511, Conduct: Stream, Delay: 100 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{
			Comm: "lab-listeners", Total: s.Size, PerSecond: 500, Send: 64, Conduct: HalfClose,
		})
		if err != nil {
			return err
		}
		if err := s.UntilCount(ctx, s.Size, CloseWait); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
