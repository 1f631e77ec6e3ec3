package lab

import (
	"context"
	"net/netip"
	"strconv"
	"time"
)

var acceptQueueStaleSomaxconn = Fault{
	Name:  "accept-queue-overflow-stale-somaxconn",
	Title: "accept queue, somaxconn raised too late",
	Doc: `Three servers ask listen() for a queue of 511 while net.core.somaxconn is 128
(size sets it). Then somaxconn is raised to 4096, which changes nothing for sockets that
listen already: all three keep the old limit, which no three programs would choose by
chance. One of them accepts 50 connections a second while clients come at 300 (rate).`,
	Expect: Expect{
		ID: "accept-queue-overflow", Cause: "stale-somaxconn", Severity: "warning", Culprit: ServerSide,
		Also: []string{"remote-accept-overflow"},
	},
	Size:      128,
	PerSecond: 300,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.core.somaxconn", strconv.Itoa(s.Size)); err != nil {
			return err
		}
		_, err := s.StartServer(ctx, Server{Comm: "lab-stale", Backlog: 511, AcceptPerSecond: 50})
		if err != nil {
			return err
		}
		for _, comm := range []string{"lab-web", "lab-database"} {
			at := netip.AddrPortFrom(s.Family.Wildcard(), s.Port())
			_, err := s.StartServer(ctx, Server{Comm: comm, Listen: []netip.AddrPort{at}, Backlog: 511})
			if err != nil {
				return err
			}
		}
		if err := s.SetServer("net.core.somaxconn", "4096"); err != nil {
			return err
		}
		if err := overrun(ctx, s, 10*time.Second); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
