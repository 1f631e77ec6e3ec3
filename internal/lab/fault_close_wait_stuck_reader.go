package lab

import "context"

var closeWaitStuckReader = Fault{
	Name:  "close-wait-leak-stuck-reader",
	Title: "CLOSE_WAIT leak, nobody reads",
	Doc: `A server accepts connections and then neither reads nor closes them. It holds
300 of them (size) whose clients have said something and left, and 20 more come every
second (rate). What they said is still unread.`,
	Expect: Expect{
		ID: "close-wait-leak", Cause: "stuck-reader", Severity: "warning", Culprit: ServerSide,
	},
	Size:      300,
	PerSecond: 20,
	Run: func(ctx context.Context, s *Stage) error {
		payload := []byte("GET / HTTP/1.0\r\n\r\n")
		if err := forsake(ctx, s, Server{Comm: "lab-stuck", Backlog: 4096, Conduct: Ignore}, payload); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
