package lab

import "context"

var acceptQueueFDLimit = Fault{
	Name:  "accept-queue-overflow-fd-limit",
	Title: "accept queue, the process is out of descriptors",
	Doc: `A server may open 128 files (size). Its clients come at 300 a second (rate) and
stay. Once all descriptors are used, accept() fails with EMFILE each time it is tried,
and the queue of 64 behind it runs over.`,
	Expect: Expect{
		ID: "accept-queue-overflow", Cause: "fd-limit", Severity: "warning", Culprit: ServerSide,
		Also: []string{"remote-accept-overflow"},
	},
	Size:      128,
	PerSecond: 300,
	Run: func(ctx context.Context, s *Stage) error {
		server, err := s.StartServer(ctx, Server{
			Comm: "lab-few-files", Backlog: 64, Descriptors: uint64(s.Size),
		})
		if err != nil {
			return err
		}
		if err := overrun(ctx, s, -1); err != nil {
			return err
		}
		err = server.Until(ctx, "accept() to fail", func(got Status) bool { return got.NoDescriptor > 0 })
		if err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
