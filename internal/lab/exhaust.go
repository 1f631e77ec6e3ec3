package lab

import (
	"context"
	"fmt"
)

// lastPort is the end of every range of ports that a fault sets.
const lastPort = 65535

// keptOpen is how many connections a client keeps open that otherwise closes at
// once: nobody owns a TIME_WAIT, so they alone tell whose ports those are.
const keptOpen = 50

// usePorts leaves the client namespace Size ports to choose from, lets the client
// connect as fast as it can, and waits until no port is left. From then on it
// tries some 50 times a second in vain.
func usePorts(ctx context.Context, s *Stage, spec Client) error {
	if s.Size > lastPort-1024 {
		return fmt.Errorf("lab: %d ports: there are no more than %d", s.Size, lastPort-1024)
	}
	first := lastPort - s.Size + 1
	if spec.BindLast == 0 {
		spec.WalkFirst, spec.WalkLast = uint16(first), lastPort
	} else {
		spec.WalkFirst, spec.WalkLast = spec.BindLast+1, lastPort
	}
	if err := s.SetClient("net.ipv4.ip_local_port_range", fmt.Sprintf("%d %d", first, lastPort)); err != nil {
		return err
	}
	if spec.Hold < 0 {
		if err := s.NeedDescriptors(s.Size); err != nil {
			return err
		}
	}
	if _, err := s.StartServer(ctx, Server{Comm: "lab-upstream", Backlog: 4096}); err != nil {
		return err
	}
	begin := spec
	if spec.Hold == 0 {
		begin.Hold, begin.Total = -1, keptOpen
	}
	client, err := s.StartClient(ctx, begin)
	if err != nil {
		return err
	}
	if spec.Hold == 0 {
		err := client.Until(ctx, "the first connections", func(got Status) bool { return got.Connected >= keptOpen })
		if err != nil {
			return err
		}
		if err := client.UpdateClient(spec); err != nil {
			return err
		}
	}
	return client.Until(ctx, "ports to run out", func(got Status) bool { return got.NoPort > 0 })
}
