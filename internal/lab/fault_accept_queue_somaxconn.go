package lab

import (
	"context"
	"strconv"
	"time"
)

var acceptQueueSomaxconn = Fault{
	Name:  "accept-queue-overflow-somaxconn",
	Title: "accept queue, somaxconn clamps",
	Doc: `A server asks listen() for a queue of 511, but net.core.somaxconn of its
namespace is lower (128; size sets it) and stays so. It accepts 50 connections a
second while clients come at 300 (rate). The listener stands one over its limit.`,
	Expect: Expect{
		ID: "accept-queue-overflow", Cause: "somaxconn", Severity: "warning", Culprit: ServerSide,
		Also: []string{"remote-accept-overflow"},
	},
	Size:      128,
	PerSecond: 300,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetServer("net.core.somaxconn", strconv.Itoa(s.Size)); err != nil {
			return err
		}
		_, err := s.StartServer(ctx, Server{Comm: "lab-clamped", Backlog: 511, AcceptPerSecond: 50})
		if err != nil {
			return err
		}
		if err := overrun(ctx, s, 10*time.Second); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
