package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// The crowd that CrowdOptions leaves out, and how it is made.
const (
	crowdNamespaces = 20
	crowdListeners  = 50
	crowdFirstPort  = 9000
	crowdPerSecond  = 10 // connections to one listener of each namespace
	crowdAtOnce     = 4  // namespaces set up at the same time
)

// CrowdOptions are the particulars of [StartCrowd]. The zero value is good.
type CrowdOptions struct {
	// Namespaces is how many there are, the faulty one among them; 0 stands
	// for 20.
	Namespaces int
	// Listeners is how many healthy listeners each has; 0 stands for 50.
	Listeners int
	// Options are those of the fault; its Bench must be nil.
	Options Options
}

// Crowd is many namespaces with many healthy listeners, and a little traffic,
// among which one has a fault.
type Crowd struct {
	// Running is the fault. The other namespace of its bench is not counted
	// among the crowd.
	Running *Running
	// Namespaces are all of the crowd, and Faulty is the index of the one in
	// which the culprit lives.
	Namespaces []*netns.Handle
	Faulty     int
	// PIDs are the processes with the healthy listeners, one for each namespace.
	PIDs []int

	bench  *Bench
	mu     sync.Mutex
	actors []*Actor
}

// StartCrowd makes a crowd with a fault in its midst and returns once that
// stands. It lasts until Close, or as long as the fault would.
func StartCrowd(ctx context.Context, f Fault, o CrowdOptions) (*Crowd, error) {
	if o.Namespaces == 0 {
		o.Namespaces = crowdNamespaces
	}
	if o.Listeners == 0 {
		o.Listeners = crowdListeners
	}
	if o.Options.Bench != nil || o.Namespaces < 0 || o.Listeners < 0 {
		return nil, errors.New("lab: start crowd: a bench is given, or a number is negative")
	}
	var err error
	if o.Options, err = o.Options.complete(f); err != nil {
		return nil, err
	}
	bench, err := NewBench()
	if err != nil {
		return nil, err
	}
	c := &Crowd{
		bench: bench, Namespaces: make([]*netns.Handle, o.Namespaces), PIDs: make([]int, o.Namespaces),
		Faulty: rand.New(rand.NewPCG(o.Options.Seed, 1)).IntN(o.Namespaces),
	}
	if err := c.gather(ctx, f, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	o.Options.Bench = bench
	if c.Running, err = Start(ctx, f, o.Options); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// gather fills every namespace with healthy listeners.
func (c *Crowd) gather(ctx context.Context, f Fault, o CrowdOptions) error {
	errs := make([]error, len(c.Namespaces))
	slots := make(chan struct{}, crowdAtOnce)
	var all sync.WaitGroup
	for i := range c.Namespaces {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = c.inhabit(ctx, i, f, o)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// inhabit makes one namespace, unless it is the faulty one, and starts its
// healthy server with a client beside it.
func (c *Crowd) inhabit(ctx context.Context, i int, f Fault, o CrowdOptions) error {
	var ns *netns.Handle
	switch {
	case i == c.Faulty && f.Expect.Culprit == ClientSide:
		ns = c.bench.Client
	case i == c.Faulty:
		ns = c.bench.Server
	default:
		var err error
		if ns, err = netns.New(); err != nil {
			return fmt.Errorf("lab: start crowd: %w", err)
		}
		c.Namespaces[i] = ns
		if err := LoopbackUp(ns); err != nil {
			return fmt.Errorf("lab: start crowd: %w", err)
		}
	}
	c.Namespaces[i] = ns
	life := o.Options.MaxDuration + o.Options.Patience
	spec := Server{Comm: fmt.Sprintf("crowd-%d", i), Backlog: 511}
	for n := range o.Listeners {
		spec.Listen = append(spec.Listen, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(crowdFirstPort+n)))
	}
	server, err := StartServer(ctx, ns, spec, life)
	if err != nil {
		return err
	}
	c.PIDs[i] = server.PID()
	c.add(server)
	client, err := StartClient(ctx, ns, Client{
		Comm: fmt.Sprintf("crowd-client-%d", i), PerSecond: crowdPerSecond,
		To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), crowdFirstPort),
	}, life)
	if err != nil {
		return err
	}
	c.add(client)
	return nil
}

func (c *Crowd) add(a *Actor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.actors = append(c.actors, a)
}

// Close ends the fault and the crowd.
func (c *Crowd) Close() error {
	var errs []error
	if c.Running != nil {
		errs = append(errs, c.Running.Close())
	}
	for _, a := range c.actors {
		errs = append(errs, a.Close())
	}
	for i, ns := range c.Namespaces {
		if ns != nil && i != c.Faulty {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(append(errs, c.bench.Close())...)
}
