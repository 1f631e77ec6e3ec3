package lab

import "context"

var ephemeralBoundPorts = Fault{
	Name:  "ephemeral-port-exhaustion-bound-ports",
	Title: "local ports, taken by bind()",
	Doc: `A client process has bound nine of ten of its 16,384 ports (size) to sockets that
it does not use, and connects to one destination with the rest until none is left. Most
ports are taken by sockets without a connection. It needs that many descriptors.`,
	Expect: Expect{
		ID: "ephemeral-port-exhaustion", Cause: "bound-ports", Severity: "warning", Culprit: ClientSide,
	},
	Size: 16384,
	Run: func(ctx context.Context, s *Stage) error {
		first := lastPort - s.Size + 1
		err := usePorts(ctx, s, Client{
			Comm: "lab-binder", Hold: -1,
			BindFirst: uint16(first), BindLast: uint16(first + s.Size*9/10 - 1),
		})
		if err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
