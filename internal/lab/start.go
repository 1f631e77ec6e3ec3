package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// The bounds that Options leaves out.
const (
	defaultLife     = 10 * time.Minute
	defaultPatience = time.Minute
)

// errClosed ends a fault whose user has had enough.
var errClosed = errors.New("closed")

// Options are the particulars of one [Start]. The zero value is good.
type Options struct {
	// Family is the one to make the fault with; 0 stands for IPv4.
	Family Family
	// Seed makes the choice of addresses and numbers repeatable.
	Seed uint64
	// Bench is where to make the fault; nil stands for one of its own. Several
	// faults on one bench are started one after the other and closed before
	// the bench is.
	Bench *Bench
	// Size and PerSecond replace those of the fault; 0 keeps them.
	Size, PerSecond int
	// MaxDuration ends the fault even if nobody closes it; 0 stands for ten minutes.
	MaxDuration time.Duration
	// Patience bounds the time the fault may take until it stands; 0 stands
	// for a minute.
	Patience time.Duration
}

// Running is a fault that stands and is kept going.
type Running struct {
	// Fault is what was started, and Family what it was made with.
	Fault  Fault
	Family Family
	// Bench has the namespaces.
	Bench *Bench
	// Server and Client are the namespaces of the two sides.
	Server, Client *netns.Handle
	// ServerPID and ClientPID are the processes of the two sides; 0 where a
	// raw peer plays the client.
	ServerPID, ClientPID int
	// Port is that of the server's listener.
	Port uint16
	// Local is what the server listens on.
	Local netip.AddrPort
	// Source is the address the client process connects from.
	Source netip.Addr
	// Destination is where clients connect to.
	Destination netip.AddrPort

	stage *Stage
	stop  context.CancelCauseFunc
	ended chan struct{}
	err   error
}

// Start makes a fault and returns once it stands. It is kept going until Close,
// the end of ctx, or the end of Options.MaxDuration.
func Start(ctx context.Context, f Fault, o Options) (*Running, error) {
	o, err := o.complete(f)
	if err != nil {
		return nil, err
	}
	bench, own := o.Bench, false
	if bench == nil {
		if bench, err = NewBench(); err != nil {
			return nil, err
		}
		own = true
	}
	if o.Family != IPv4 && !bench.hasIPv6() {
		err := fmt.Errorf("lab: %s over %s: this kernel has no IPv6: %w", f.Name, o.Family, errors.ErrUnsupported)
		if own {
			err = errors.Join(err, bench.Close())
		}
		return nil, err
	}
	s := newStage(bench, f, o)
	ctx, stop := context.WithCancelCause(ctx)
	ctx, release := context.WithTimeout(ctx, o.MaxDuration)
	r := &Running{
		Fault: f, Family: o.Family, Bench: bench, Server: bench.Server, Client: bench.Client,
		Port: s.port, Local: netip.AddrPortFrom(o.Family.Wildcard(), s.port),
		Source: bench.ClientAddr(o.Family), Destination: s.target,
		stage: s, stop: stop, ended: make(chan struct{}),
	}
	go func() {
		defer close(r.ended)
		defer release()
		err := f.Run(ctx, s)
		stop(errClosed)
		if closed := s.close(); err == nil {
			err = closed
		}
		if own {
			err = errors.Join(err, bench.Close())
		}
		if err != nil {
			r.err = fmt.Errorf("lab: %s over %s: %w", f.Name, o.Family, err)
		}
	}()
	return r.await(o.Patience)
}

// complete fills in what was left out.
func (o Options) complete(f Fault) (Options, error) {
	if o.Family == 0 {
		o.Family = IPv4
	}
	if !slices.Contains(f.InFamilies(), o.Family) && o.Family != DualStack {
		return o, fmt.Errorf("lab: %s cannot be made over %s", f.Name, o.Family)
	}
	if o.Size < 0 || o.PerSecond < 0 {
		return o, fmt.Errorf("lab: %s: negative size or rate", f.Name)
	}
	if o.Size == 0 {
		o.Size = f.Size
	}
	if o.PerSecond == 0 {
		o.PerSecond = f.PerSecond
	}
	if o.MaxDuration == 0 {
		o.MaxDuration = defaultLife
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	return o, nil
}

func newStage(b *Bench, f Fault, o Options) *Stage {
	port := b.Port()
	return &Stage{
		Bench: b, Family: o.Family, Size: o.Size, PerSecond: o.PerSecond,
		Rand:  rand.New(rand.NewPCG(o.Seed, 0)),
		fault: f.Name, port: port, life: o.MaxDuration + o.Patience,
		ready: make(chan struct{}), failed: make(chan error, 1),
		target: netip.AddrPortFrom(b.ServerAddr(o.Family), port),
	}
}

// await waits until the fault stands.
func (r *Running) await(patience time.Duration) (*Running, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.stage.ready:
	case <-r.ended:
		if r.err != nil {
			return nil, r.err
		}
		return nil, fmt.Errorf("lab: %s ended before it stood: %w", r.Fault.Name, context.Canceled)
	case <-timer.C:
		r.stop(fmt.Errorf("not standing after %v", patience))
		<-r.ended
		return nil, r.err
	}
	if a := r.stage.server; a != nil {
		r.ServerPID = a.PID()
	}
	if a := r.stage.client; a != nil {
		r.ClientPID = a.PID()
	}
	return r, nil
}

// Culprit returns the process that must be found guilty and its namespace; of a
// look-alike, the one that a poor judge might name.
func (r *Running) Culprit() (pid int, ns *netns.Handle) {
	if r.Fault.Expect.Culprit == ClientSide {
		return r.ClientPID, r.Client
	}
	return r.ServerPID, r.Server
}

// ServerActor returns the server process, whose part may be changed; nil if there
// is none.
func (r *Running) ServerActor() *Actor { return r.stage.server }

// ClientActor returns the client process, whose part may be changed; nil if a raw
// peer plays the client.
func (r *Running) ClientActor() *Actor { return r.stage.client }

// ServerStatus returns what the server process told last; the zero value if there
// is none.
func (r *Running) ServerStatus() Status { return statusOf(r.stage.server) }

// ClientStatus returns what the client process told last; the zero value if there
// is none.
func (r *Running) ClientStatus() Status { return statusOf(r.stage.client) }

func statusOf(a *Actor) Status {
	if a == nil {
		return Status{}
	}
	return a.Status()
}

// Ended is closed once the fault has ended, for whatever reason.
func (r *Running) Ended() <-chan struct{} { return r.ended }

// Wait waits until the fault has ended, and says why if that was not in order.
func (r *Running) Wait() error {
	<-r.ended
	return r.err
}

// Close ends the fault, with all its processes and, unless it was made on a
// given bench, its namespaces. It returns what Wait does.
func (r *Running) Close() error {
	r.stop(errClosed)
	return r.Wait()
}
