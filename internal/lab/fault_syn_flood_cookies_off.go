package lab

import (
	"context"
	"strconv"
)

var synFloodCookiesOff = Fault{
	Name:  "syn-flood-cookies-off",
	Title: "SYN flood, cookies off",
	Doc: `Strangers with 65,534 addresses send 1000 SYNs a second (rate) and no more, and
net.ipv4.tcp_syncookies is 0. The half-open queue of a server with a backlog of 256
(size) is full, and whoever comes then is dropped, in earnest or not.`,
	Expect: Expect{
		ID: "syn-flood", Cause: "cookies-off", Severity: "warning", Culprit: ServerSide,
	},
	Size:      256,
	PerSecond: 1000,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.ipv4.tcp_syncookies", "0"); err != nil {
			return err
		}
		// Large enough that the backlog is what binds: without cookies a
		// quarter of this is kept for peers that have proven themselves.
		if err := s.SetServer("net.ipv4.tcp_max_syn_backlog", strconv.Itoa(4*s.Size)); err != nil {
			return err
		}
		if err := flood(ctx, s); err != nil {
			return err
		}
		if err := s.UntilCounter(ctx, "TcpExt.TCPReqQFullDrop", 10); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
