package lab

import "context"

var harmlessTimeWait = Fault{
	Name:  "harmless-time-wait",
	Title: "harmless: TIME_WAIT by the thousand",
	Doc: `A client closes its connections first, so it has 4000 ports (size) in TIME_WAIT and
adds 100 a second (rate). That is far below what its range of ports and its table of
TIME_WAIT bear.`,
	Harmless:  true,
	Expect:    Expect{Culprit: ClientSide},
	Size:      4000,
	PerSecond: 100,
	Run: func(ctx context.Context, s *Stage) error {
		if err := s.SetClient("net.ipv4.ip_local_port_range", "32768 60999"); err != nil {
			return err
		}
		if err := s.SetClient("net.ipv4.tcp_max_tw_buckets", "65536"); err != nil {
			return err
		}
		if _, err := s.StartServer(ctx, Server{Comm: "lab-upstream", Backlog: 4096}); err != nil {
			return err
		}
		spec := Client{Comm: "lab-brisk", To: s.Target(), Total: s.Size}
		client, err := s.StartClient(ctx, spec)
		if err != nil {
			return err
		}
		err = client.Until(ctx, "the first connections", func(got Status) bool { return got.Connected >= s.Size })
		if err != nil {
			return err
		}
		spec.Total, spec.PerSecond = 0, s.PerSecond
		if err := client.UpdateClient(spec); err != nil {
			return err
		}
		return s.Stand(ctx)
	},
}
