package lab

import "context"

var closeWaitDescriptorLeak = Fault{
	Name:  "close-wait-leak-descriptor-leak",
	Title: "CLOSE_WAIT leak, descriptors never closed",
	Doc: `A server reads each connection to its end and never closes it. It holds 300 of
them (size) whose clients have left, and 20 more come every second (rate). Nothing is
unread.`,
	Expect: Expect{
		ID: "close-wait-leak", Cause: "descriptor-leak", Severity: "warning", Culprit: ServerSide,
	},
	Size:      300,
	PerSecond: 20,
	Run: func(ctx context.Context, s *Stage) error {
		if err := forsake(ctx, s, Server{Comm: "lab-leaky", Backlog: 4096, Conduct: Leak}, nil); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
