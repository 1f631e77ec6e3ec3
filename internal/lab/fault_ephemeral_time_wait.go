package lab

import (
	"context"
)

var ephemeralTimeWait = Fault{
	Name:  "ephemeral-port-exhaustion-time-wait",
	Title: "local ports, used up by TIME_WAIT",
	Doc: `A client keeps 50 connections open and closes all others first, so their ports stay
in TIME_WAIT for 60 s. It has 16,384 ports (size) to choose from, as many as IANA sets
aside for the purpose, and connects to one destination as fast as it can until none is
left.`,
	Expect: Expect{
		ID: "ephemeral-port-exhaustion", Cause: "time-wait", Severity: "warning", Culprit: ClientSide,
	},
	Size: 16384,
	Run: func(ctx context.Context, s *Stage) error {
		// The table must hold them all; its default depends on the memory.
		if err := s.SetClient("net.ipv4.tcp_max_tw_buckets", "65536"); err != nil {
			return err
		}
		if err := usePorts(ctx, s, Client{Comm: "lab-hasty"}); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
