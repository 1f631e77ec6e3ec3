package lab

import "context"

var synFloodCookiesOn = Fault{
	Name:  "syn-flood-cookies-on",
	Title: "SYN flood, cookies on",
	Doc: `Strangers with 65,534 addresses send 1000 SYNs a second (rate) and no more. The
half-open queue of a server with a backlog of 256 (size) is full, the rest is answered
with cookies that nobody sends back. A few clients in earnest still get through.`,
	Expect: Expect{
		ID: "syn-flood", Cause: "cookies-on", Severity: "warning", Culprit: ServerSide,
	},
	Size:      256,
	PerSecond: 1000,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.ipv4.tcp_syncookies", "1"); err != nil {
			return err
		}
		if err := flood(ctx, s); err != nil {
			return err
		}
		if err := s.UntilCounter(ctx, "TcpExt.SyncookiesSent", 10); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
