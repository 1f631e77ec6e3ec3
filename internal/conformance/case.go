package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Case is one variant under way: a bench of its own, the kernel's dialect, and
// the comparisons made so far.
//
// Its operations and those of its parts keep the first failure, see
// [Case.Failed], and do nothing after it.
type Case struct {
	// Dialect is that of the running kernel.
	Dialect model.Dialect
	// Family is the version of IP to run with.
	Family lab.Family
	// Server and Client are the two namespaces.
	Server, Client *Side
	// Wire is the raw peer that speaks for the addresses nobody owns.
	Wire *Wire

	bench *lab.Bench
	label Comparison // what every comparison of this case has in common
	known []Deviation

	mu          sync.Mutex
	err         error
	preparing   int // comparisons that agree are not kept meanwhile
	cancel      context.CancelFunc
	comparisons []Comparison
	sockets     []*Socket
}

// newCase makes the bench for a variant.
func newCase(ctx context.Context, d model.Dialect, s Scenario, v Variant, f lab.Family, cancel context.CancelFunc) (*Case, error) {
	bench, err := lab.NewBench()
	if err != nil {
		return nil, err
	}
	c := &Case{
		Dialect: d, Family: f, bench: bench, known: s.Deviations, cancel: cancel,
		label: Comparison{Subject: s.Subject, Scenario: s.Name, Variant: v.Name, Family: f.String()},
	}
	c.Server = &Side{c: c, ns: bench.Server, addr: bench.ServerAddr(f)}
	c.Client = &Side{c: c, ns: bench.Client, addr: bench.ClientAddr(f)}
	if err := errors.Join(c.Server.open(), c.Client.open()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if c.Wire, err = newWire(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Compare notes what the model says and what the kernel did. A [Moment] is held
// against a [time.Duration]; all other values must be of one type and equal.
func (c *Case) Compare(what string, fromModel, fromKernel any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	got := compare(what, fromModel, fromKernel)
	got.Subject, got.Scenario, got.Variant, got.Family = c.label.Subject, c.label.Scenario, c.label.Variant, c.label.Family
	if !got.Agree {
		for _, d := range c.known {
			if d.What == what {
				got.Reason = d.Reason
			}
		}
	}
	if c.preparing == 0 || !got.Agree {
		c.comparisons = append(c.comparisons, got)
	}
}

// Prepare does what leads up to the matter of a scenario. What is compared on the
// way belongs to other subjects: only differences are kept.
func (c *Case) Prepare(do func()) {
	c.mu.Lock()
	c.preparing++
	c.mu.Unlock()
	do()
	c.mu.Lock()
	c.preparing--
	c.mu.Unlock()
}

// Fail ends the case for a reason that is no difference between model and
// kernel. A nil error does nothing.
func (c *Case) Fail(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		c.cancel()
	}
}

// Failed reports whether the case has ended before its time.
func (c *Case) Failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// Stranger is the n-th address that nobody owns, at a port.
func (c *Case) Stranger(n int, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(c.bench.Stranger(c.Family, uint32(n)), port)
}

// Port hands out a port that no listener of this case has had.
func (c *Case) Port() uint16 { return c.bench.Port() }

// How often the kernel is looked at while waiting: at first at once, since most
// things happen at once, then ever more seldom.
const (
	lookFirst = 2 * time.Millisecond
	lookLast  = 25 * time.Millisecond
)

// Until waits for a condition, and fails the case if it does not come about
// within patience.
func (c *Case) Until(ctx context.Context, what string, patience time.Duration, holds func() bool) {
	if !c.wait(ctx, patience, holds) && !c.Failed() {
		c.Fail(fmt.Errorf("waited %v in vain for %s", patience, what))
	}
}

// wait waits for a condition and reports whether it came about.
func (c *Case) wait(ctx context.Context, patience time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(patience)
	for pause := lookFirst; !c.Failed(); pause = min(2*pause, lookLast) {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		c.Pause(ctx, pause)
	}
	return false
}

// Pause waits, or until ctx ends, which fails the case.
func (c *Case) Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		c.Fail(context.Cause(ctx))
	}
}

// PauseUntil waits until a time, or until ctx ends, which fails the case.
func (c *Case) PauseUntil(ctx context.Context, at time.Time) { c.Pause(ctx, time.Until(at)) }

// Stamp is an instant known by both of its sides: when an action began, and when
// it had been done.
type Stamp struct{ Began, Done time.Time }

// Do performs an action and stamps it.
func (c *Case) Do(action func()) Stamp {
	began := time.Now()
	action()
	return Stamp{began, time.Now()}
}

// Watch observes when something ends that holds now: the moment lies between the
// last look that found it and the first that did not. It gives up a while after
// the latest that the model expects.
func (c *Case) Watch(ctx context.Context, since Stamp, expected time.Duration, holds func() bool) Moment {
	const patience = 20 * time.Second
	last := since.Done.Add(model.Slack(expected)).Add(patience)
	alive := since.Done
	for !c.Failed() {
		looked := time.Now()
		if !holds() {
			return Moment{After: alive.Sub(since.Done), Before: time.Since(since.Began)}
		}
		alive = looked
		if looked.After(last) {
			break
		}
		c.Pause(ctx, lookLast)
	}
	return Moment{After: alive.Sub(since.Done), Before: Never}
}

// keep closes a socket with the case.
func (c *Case) keep(s *Socket) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = append(c.sockets, s)
	return s
}

// hangUp aborts all connections and closes all listeners.
func (c *Case) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		s.abort()
	}
	c.sockets = nil
}

// close ends the case and lets go of its namespaces.
func (c *Case) close() error {
	var errs []error
	c.hangUp()
	if c.Wire != nil {
		errs = append(errs, c.Wire.close())
	}
	for _, s := range []*Side{c.Server, c.Client} {
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, c.bench.Close())...)
}
