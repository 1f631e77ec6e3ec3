package lab

import "context"

var harmlessCloseFirst = Fault{
	Name:  "harmless-close-first",
	Title: "harmless: a server that closes first",
	Doc: `A server closes its connections first, 50 a second (rate), as many do. Its TIME_WAIT
grow to 3000 in a minute and stay there.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ServerSide},
	PerSecond: 50,
	Run: func(ctx context.Context, s *Stage) error {
		_, err := s.StartServer(ctx, Server{Comm: "lab-closer", Backlog: 511, Conduct: CloseFirst})
		if err != nil {
			return err
		}
		_, err = s.StartClient(ctx, Client{Comm: "lab-clients", PerSecond: s.PerSecond, Conduct: Await})
		if err != nil {
			return err
		}
		if err := s.UntilCount(ctx, s.PerSecond, TimeWait); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
