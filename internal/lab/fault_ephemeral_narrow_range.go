package lab

import (
	"context"
)

var ephemeralNarrowRange = Fault{
	Name:  "ephemeral-port-exhaustion-narrow-range",
	Title: "local ports, a narrow range",
	Doc: `The range of local ports is narrow: 512 (size). A client keeps its connections to one
destination open, as many as that, which any usual range would bear.`,
	Expect: Expect{
		ID: "ephemeral-port-exhaustion", Cause: "narrow-range", Severity: "warning", Culprit: ClientSide,
	},
	Size: 512,
	Run: func(ctx context.Context, s *Stage) error {
		if err := usePorts(ctx, s, Client{Comm: "lab-cramped", Hold: -1}); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
