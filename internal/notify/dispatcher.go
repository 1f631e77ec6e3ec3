package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Receiver is who is told. Send returns once the receiver has the message, or
// why it has not; it keeps to its own time limit and to ctx.
type Receiver interface {
	Name() string
	Send(ctx context.Context, a incident.Alert) error
}

// levelled is a receiver that wants to hear over and over what fires.
type levelled interface {
	// run repeats it until ctx ends.
	run(ctx context.Context)
	setActive(alerts []incident.Alert)
}

// closer is a receiver that keeps something open between messages.
type closer interface{ close() }

// errNotNeeded is returned by a receiver for a message that says nothing new.
var errNotNeeded = errors.New("notify: not needed")

// Options are how a [Dispatcher] works. The zero value works.
type Options struct {
	// Version is that of the program, for the User-Agent.
	Version string
	// Logger is told when a receiver begins to fail, when it works again, and
	// of each message given up. Nil discards.
	Logger *slog.Logger
	// Now is the clock that messages are stamped with; nil is time.Now. Pauses
	// and time limits do not depend on it.
	Now func() time.Time
}

// Dispatcher sends what is queued to the receivers.
type Dispatcher struct {
	workers []*worker
	current *current
}

// New makes a dispatcher for the receivers of a configuration; it starts
// nothing. The error joins everything that [Config.Validate] objects to.
func New(c Config, q Queue, o Options) (*Dispatcher, error) {
	if found := c.Validate(); len(found) > 0 {
		return nil, fmt.Errorf("notify: %w", errors.Join(found...))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Dispatcher{current: new(current)}
	for _, r := range c.receivers() {
		t := &tally{now: o.Now, stats: Stats{Receiver: r.name, Kind: r.kind}}
		d.workers = append(d.workers, newWorker(r.build(o, t), q, r.keep, d.current, t, o.Logger))
	}
	return d, nil
}

// Run sends until ctx ends, and then returns soon: what is under way has two
// seconds to end, what waits stays in the queue. It is called once; its error
// is nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, w := range d.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
	return nil
}

// Wake tells that there are new messages in the queue. It never blocks.
func (d *Dispatcher) Wake() {
	for _, w := range d.workers {
		w.wake()
	}
}

// SetActive tells everything that fires now; it never blocks. Receivers that
// know levels rather than news (Alertmanager) are told at once of what is new
// among it, and of all of it each resend interval. It is to be called at the
// start, after each commit of news to the queue, and with nil when nothing
// fires.
func (d *Dispatcher) SetActive(alerts []incident.Alert) {
	d.current.set(alerts)
	for _, w := range d.workers {
		l, ok := w.receiver.(levelled)
		if !ok {
			continue
		}
		var wanted []incident.Alert
		for _, a := range alerts {
			if w.keep.wants(a) {
				wanted = append(wanted, a)
			}
		}
		l.setActive(wanted)
	}
}

// Stats returns the figures of every receiver, in the order of the configuration.
func (d *Dispatcher) Stats() []Stats {
	var all []Stats
	for _, w := range d.workers {
		s := w.tally.read()
		s.Waiting, s.Overflowed = w.queue.Backlog(s.Receiver)
		all = append(all, s)
	}
	return all
}

// current is what fires now, as far as it was told.
type current struct {
	mu      sync.Mutex
	known   bool
	repeats map[string]int // by UID
}

func (c *current) set(alerts []incident.Alert) {
	repeats := make(map[string]int, len(alerts))
	for _, a := range alerts {
		repeats[a.UID] = a.Repeat
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.repeats = true, repeats
}

// superseded reports whether a message only repeats what fired, and newer news
// about the same alert must be in the queue behind it. First news is never
// superseded: nobody is to hear that something is over of which they never heard.
func (c *current) superseded(a incident.Alert) bool {
	if a.Status != incident.Firing || a.Repeat == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	repeat, fires := c.repeats[a.UID]
	return c.known && (!fires || repeat > a.Repeat)
}
