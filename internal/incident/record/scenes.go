package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// scenes are what a healthy host lives through, besides the look-alikes of the lab,
// and a fault that brings about another one.
func scenes() []lab.Fault {
	return []lab.Fault{
		{Name: "healthy-steady", Harmless: true, PerSecond: 40, Run: traffic},
		{Name: "healthy-peak", Harmless: true, PerSecond: 600, Run: traffic},
		{Name: "healthy-deploy", Harmless: true, PerSecond: 100, Run: deploy},
		{Name: "healthy-scan", Harmless: true, PerSecond: 400, Run: scan},
		{Name: "healthy-backup", Harmless: true, PerSecond: 5, Size: 200, Run: backup},
		{Name: "consequence-fd-limit", PerSecond: 100, Size: 160, Run: leakUntilTheEnd},
	}
}

// traffic is a server and its clients, who come at a rate.
func traffic(ctx context.Context, s *lab.Stage) error {
	server, err := s.StartServer(ctx, lab.Server{Comm: "web", Backlog: 511})
	if err != nil {
		return err
	}
	_, err = s.StartClient(ctx, lab.Client{Comm: "clients", PerSecond: s.PerSecond, Send: 512, Hold: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	err = server.Until(ctx, "clients", func(got lab.Status) bool { return got.Accepted >= s.PerSecond })
	if err != nil {
		return err
	}
	return s.Stand(ctx)
}

// deploy restarts the server every other second under its clients.
func deploy(ctx context.Context, s *lab.Stage) error {
	at := []netip.AddrPort{netip.AddrPortFrom(s.Family.Wildcard(), s.ServerPort())}
	spec := lab.Server{Comm: "web", Listen: at, Backlog: 511}
	server, err := lab.StartServer(ctx, s.Bench.Server, spec, 0)
	if err != nil {
		return err
	}
	s.Go(func() error {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return server.Close()
			case <-tick.C:
			}
			if err := server.Close(); err != nil {
				return err
			}
			again, err := lab.StartServer(ctx, s.Bench.Server, spec, 0)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			server = again
		}
	})
	client, err := s.StartClient(ctx, lab.Client{Comm: "clients", PerSecond: s.PerSecond, Hold: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	err = client.Until(ctx, "a restart", func(got lab.Status) bool { return got.Refused > 0 })
	if err != nil {
		return err
	}
	return s.Stand(ctx)
}

// scan knocks at ports on which nothing listens, beside ordinary traffic.
func scan(ctx context.Context, s *lab.Stage) error {
	if _, err := s.StartServer(ctx, lab.Server{Comm: "web", Backlog: 511}); err != nil {
		return err
	}
	if _, err := s.StartClient(ctx, lab.Client{Comm: "clients", PerSecond: 20, Hold: 50 * time.Millisecond}); err != nil {
		return err
	}
	peer, err := s.OpenPeer()
	if err != nil {
		return err
	}
	s.Go(func() error {
		tick := time.NewTicker(time.Second / time.Duration(s.PerSecond))
		defer tick.Stop()
		for port := uint16(1); ; port++ {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			err := peer.Send(lab.Segment{
				From:  netip.AddrPortFrom(s.Bench.Stranger(s.Family, 7), 40000),
				To:    netip.AddrPortFrom(s.Bench.ServerAddr(s.Family), port),
				Flags: lab.SYN, Seq: 1,
			})
			if err != nil {
				return err
			}
		}
	})
	if err := s.UntilCounter(ctx, "Tcp.OutRsts", 100); err != nil {
		return err
	}
	return s.Stand(ctx)
}

// backup moves a lot over few connections while a pool of others idles.
func backup(ctx context.Context, s *lab.Stage) error {
	server, err := s.StartServer(ctx, lab.Server{Comm: "store", Backlog: 511})
	if err != nil {
		return err
	}
	_, err = s.StartClient(ctx, lab.Client{Comm: "pool", Total: s.Size, PerSecond: 400, Hold: -1})
	if err != nil {
		return err
	}
	_, err = s.StartClient(ctx, lab.Client{Comm: "backup", PerSecond: s.PerSecond, Send: 4 << 20, Hold: 2 * time.Second})
	if err != nil {
		return err
	}
	err = server.Until(ctx, "the pool", func(got lab.Status) bool { return got.Accepted >= s.Size+s.PerSecond })
	if err != nil {
		return err
	}
	return s.Stand(ctx)
}

// leakUntilTheEnd is a server that never closes what its clients have left. Once it
// has no descriptors left it cannot accept either, and its queue runs over: two
// findings, of which the leak explains the other.
func leakUntilTheEnd(ctx context.Context, s *lab.Stage) error {
	const settled = 65 * time.Second // the rule wants the leaked ones to be older than a minute
	server, err := s.StartServer(ctx, lab.Server{Comm: "leaking", Backlog: 64, Descriptors: uint64(s.Size), Conduct: lab.Leak})
	if err != nil {
		return err
	}
	_, err = s.StartClient(ctx, lab.Client{Comm: "clients", PerSecond: s.PerSecond, Hold: 100 * time.Millisecond, GiveUp: 5 * time.Second})
	if err != nil {
		return err
	}
	err = server.Until(ctx, "the last descriptor", func(got lab.Status) bool { return got.NoDescriptor > 0 })
	if err != nil {
		return err
	}
	since := time.Now()
	err = s.Until(ctx, "the leaked connections to grow old", func() (bool, error) { return time.Since(since) > settled, nil })
	if err != nil {
		return err
	}
	return s.Stand(ctx)
}
