package lab

import (
	"context"
	"strconv"
)

var timeWaitOverflow = Fault{
	Name:  "time-wait-overflow",
	Title: "TIME_WAIT table too small",
	Doc: `A server closes its connections first, 200 a second (rate), where
net.ipv4.tcp_max_tw_buckets is 256 (size). The table is full, and what would follow is
closed at once; a client that finishes later gets a reset.`,
	Expect: Expect{
		ID: "time-wait-overflow", Severity: "warning", Culprit: ServerSide,
		Also: []string{"reset-storm"},
	},
	Size:      256,
	PerSecond: 200,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.ipv4.tcp_max_tw_buckets", strconv.Itoa(s.Size)); err != nil {
			return err
		}
		_, err := s.StartServer(ctx, Server{Comm: "lab-closer", Backlog: 4096, Conduct: CloseFirst})
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{Comm: "lab-clients", PerSecond: s.PerSecond, Conduct: Await})
		if err != nil {
			return err
		}
		if err := s.UntilCounter(ctx, "TcpExt.TCPTimeWaitOverflow", 10); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
