package lab

import (
	"context"
)

var ephemeralHeldOpen = Fault{
	Name:  "ephemeral-port-exhaustion-held-open",
	Title: "local ports, used up by open connections",
	Doc: `A client keeps every connection open. It has 16,384 ports (size) to choose from, as
many as IANA sets aside for the purpose, and connects to one destination until none is
left. Both processes need that many descriptors.`,
	Expect: Expect{
		ID: "ephemeral-port-exhaustion", Cause: "held-open", Severity: "warning", Culprit: ClientSide,
	},
	Size: 16384,
	Run: func(ctx context.Context, s *Stage) error {
		if err := usePorts(ctx, s, Client{Comm: "lab-hoarder", Hold: -1}); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
