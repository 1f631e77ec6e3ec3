package sockdiag

import (
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// Options says what a window is to cover. The zero value is one instant of the
// process's own network namespace.
type Options struct {
	// Window is how long to sample; 0 takes one instant, without rates.
	Window time.Duration
	// Poll is the distance between two looks at the listeners; 0 means a
	// fiftieth of Window, at least 50 ms and at most 200 ms. Polls that turn
	// out to be expensive are made more rarely.
	Poll time.Duration
	// Namespaces are the network namespaces to look at; none means the
	// process's own. They stay open and belong to the caller.
	Namespaces []*netns.Handle
	// Deadline bounds the whole collection, Window included; 0 means Window
	// and a minute more. What it cuts off becomes a gap.
	Deadline time.Duration
	// NoProcesses leaves out who holds the sockets.
	NoProcesses bool
	// Proc is where the host's proc is mounted; "" means /proc.
	Proc string
	// Progress, when given, is told how far the collection is. It is called
	// by one goroutine at a time and must not block.
	Progress func(Progress)
}

// Progress is how far a collection is.
type Progress struct {
	Phase Phase
	// Elapsed and Window are how much of the sampling is done.
	Elapsed, Window time.Duration
	// Done of Namespaces have been through the phase.
	Done, Namespaces int
	// Sockets is how many have been walked over so far.
	Sockets uint64
}

// Phase is a part of a collection.
type Phase string

// The phases, in order: a walk over all sockets, polls of the listeners, another
// walk, and the search for the processes behind them. A single instant begins
// with the second walk.
const (
	PhaseStart     Phase = "start"
	PhaseSampling  Phase = "sampling"
	PhaseEnd       Phase = "end"
	PhaseProcesses Phase = "processes"
)

// UnreadableError says that something without which a namespace cannot be
// judged could not be read.
type UnreadableError struct {
	// Namespace is its name or the spelling of its inode number.
	Namespace string
	// Source is what could not be read.
	Source facts.Source
	// Err is why.
	Err error
}

// Error names the namespace, the source and the reason.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("sockdiag: %s of namespace %s: %v", e.Source, e.Namespace, e.Err)
}

// Unwrap returns the reason.
func (e *UnreadableError) Unwrap() error { return e.Err }

const (
	pollMin       = 50 * time.Millisecond
	pollMax       = 200 * time.Millisecond
	pollsInWindow = 50
	// spare is what a collection may take beyond its window unless told
	// otherwise.
	spare = time.Minute
	// spareMin is the least that a deadline must leave for the walks.
	spareMin = 10 * time.Millisecond
)

// withDefaults fills in what was left out and refuses what makes no sense.
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Window < 0:
		return o, fmt.Errorf("sockdiag: a window of %v: want 0 or more", o.Window)
	case o.Poll < 0:
		return o, fmt.Errorf("sockdiag: polls %v apart: want 0 or more", o.Poll)
	case o.Deadline < 0:
		return o, fmt.Errorf("sockdiag: a deadline of %v: want 0 or more", o.Deadline)
	}
	if o.Poll == 0 {
		o.Poll = min(max(o.Window/pollsInWindow, pollMin), pollMax)
	}
	if o.Deadline == 0 {
		o.Deadline = o.Window + spare
	}
	if o.Deadline < o.Window+spareMin {
		return o, fmt.Errorf("sockdiag: a deadline of %v leaves no time around a window of %v", o.Deadline, o.Window)
	}
	return o, nil
}

// budget is when each part of a collection has to be done.
type budget struct {
	start, end, processes time.Time
}

// budgetFrom shares the time that the deadline leaves beside the window: the
// walks get two fifths each, the processes the rest and what is left over.
func (o Options) budgetFrom(now time.Time) budget {
	left := o.Deadline - o.Window
	b := budget{processes: now.Add(o.Deadline)}
	if o.Window == 0 {
		b.start, b.end = now, now.Add(left*4/5)
		return b
	}
	b.start = now.Add(left * 2 / 5)
	b.end = now.Add(o.Window + left*4/5)
	return b
}

// errDeadline is why a walk was cut short, to tell it from the caller's own
// reasons to end.
var errDeadline = errors.New("the deadline")
