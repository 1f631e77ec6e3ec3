package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// source is where what a window holds about one namespace comes from: a running
// kernel, or a test.
type source interface {
	// open gets ready and returns the settings of the namespace. An error that
	// comes with settings is a gap in them.
	open(ctx context.Context) (map[string]string, error)
	// listeners is one cheap poll.
	listeners(ctx context.Context) iter.Seq2[*facts.Socket, error]
	// sockets is one walk over everything.
	sockets(ctx context.Context) iter.Seq2[*facts.Socket, error]
	// counters reads them, with what could not be read by source. An error
	// means that a reading without which nothing can be judged is missing.
	counters(ctx context.Context) (*reading, []facts.Gap, error)
	close()
}

// member is one namespace of a window under way.
type member struct {
	src    source
	window facts.NamespaceWindow
	// failed is why the namespace cannot be judged.
	failed *UnreadableError

	watches     watches
	options     facts.ReduceOptions
	polls       int
	pollsFailed int
	pollFailure error
}

// label names the namespace in messages.
func (m *member) label() string {
	if m.window.Namespace.Name != "" {
		return m.window.Namespace.Name
	}
	return fmt.Sprintf("net:[%d]", m.window.Namespace.Inode)
}

func (m *member) fail(source facts.Source, err error) {
	if m.failed == nil {
		m.failed = &UnreadableError{Namespace: m.label(), Source: source, Err: err}
	}
}

func (m *member) gap(source facts.Source, format string, args ...any) {
	m.window.Gaps = append(m.window.Gaps, facts.Gap{Source: source, Reason: fmt.Sprintf(format, args...)})
}

// open gets the source ready.
func (m *member) open(ctx context.Context) {
	settings, err := m.src.open(ctx)
	switch {
	case err != nil && settings == nil:
		m.fail(facts.SourceSockets, err)
		return
	case err != nil:
		m.gap(facts.SourceSettings, "%v", err)
	}
	m.window.Settings = settings
	m.options.PortLow, m.options.PortHigh = portRange(settings)
}

// poll looks at the listeners. Its failures are gathered into one gap.
func (m *member) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	m.polls++
	m.watches.begin()
	for s, err := range m.src.listeners(ctx) {
		if err != nil {
			m.pollsFailed++
			m.pollFailure = err
			return
		}
		m.options.Listening.Add(s.Local.Port())
		m.watches.seeSocket(s)
	}
}

// pollTimeout bounds one poll, which normally takes less than a millisecond.
const pollTimeout = time.Second

// walk reduces all sockets into a snapshot, after a poll that tells which
// ports are listened on.
func (m *member) walk(ctx context.Context, phase Phase, into *facts.Snapshot) {
	m.poll(ctx)
	census, err := facts.Reduce(m.src.sockets(ctx), m.options)
	into.Census = census
	m.watches.seeCensus(&into.Census)
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errDeadline):
		m.gap(facts.SourceSockets, "the walk at the %s was cut short by the deadline after %d sockets; totals are lower bounds", phase, census.Sockets)
	case census.Sockets == 0:
		m.fail(facts.SourceSockets, err)
	default:
		m.gap(facts.SourceSockets, "the walk at the %s broke off after %d sockets: %v", phase, census.Sockets, err)
	}
}

// read takes the counters into a snapshot, at the given time since the start of
// the window.
func (m *member) read(ctx context.Context, into *facts.Snapshot, since func() float64) {
	before := since()
	r, gaps, err := m.src.counters(ctx)
	if err != nil {
		var unreadable *UnreadableError
		if !errors.As(err, &unreadable) {
			unreadable = &UnreadableError{Source: facts.SourceNetstat, Err: err}
		}
		m.fail(unreadable.Source, unreadable.Err)
		return
	}
	// The counters that matter are the first ones to be read.
	into.AtSeconds = before
	into.Counters, into.Gauges = r.counters, r.gauges
	m.addGaps(gaps)
}

// addGaps keeps each gap once: both readings fail alike.
func (m *member) addGaps(gaps []facts.Gap) {
	for _, g := range gaps {
		if !containsGap(m.window.Gaps, g) {
			m.window.Gaps = append(m.window.Gaps, g)
		}
	}
}

func containsGap(all []facts.Gap, g facts.Gap) bool {
	return slices.Contains(all, g)
}

// finish puts together what the polls saw.
func (m *member) finish() {
	m.window.Watches = m.watches.list()
	if m.pollsFailed > 0 {
		m.gap(facts.SourceListeners, "%d of %d looks at the listeners failed: %v", m.pollsFailed, m.polls, m.pollFailure)
	}
}
