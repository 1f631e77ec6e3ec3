package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// source is where what a window holds about one namespace comes from: a running
// kernel, or a test. While a call has not come back, another of the same kind is
// refused.
type source interface {
	// open gets ready and returns the settings of the namespace. An error that
	// comes with settings is a gap in them.
	open(ctx context.Context) (map[string]string, error)
	// poll is one cheap look at the listeners.
	poll(ctx context.Context) ([]facts.Listener, error)
	// census is one walk over everything.
	census(ctx context.Context, o facts.ReduceOptions) (facts.Census, error)
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

	listeners   []facts.Listener // of the last poll
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

// poll looks at the listeners.
func (m *member) poll(ctx context.Context) {
	m.polled(m.lookAt(ctx))
}

// lookAt is one look at the listeners, in its time.
func (m *member) lookAt(ctx context.Context) ([]facts.Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return m.src.poll(ctx)
}

// polled notes what a poll saw. Failures are gathered into one gap.
func (m *member) polled(found []facts.Listener, err error) {
	m.polls++
	if err != nil {
		m.pollsFailed++
		m.pollFailure = err
		return
	}
	m.listeners = found
	m.watches.begin()
	for i := range found {
		m.options.Listening.Add(found[i].Local.Port())
		m.watches.see(&found[i])
	}
}

// pollTimeout bounds one poll, which normally takes less than a millisecond.
const pollTimeout = time.Second

// walk reduces all sockets into a snapshot, after a poll that tells which
// ports are listened on.
func (m *member) walk(ctx context.Context, phase Phase, into *facts.Snapshot) {
	m.poll(ctx)
	census, err := m.src.census(ctx, m.options)
	into.Census = census
	m.watches.seeCensus(&into.Census)
	switch {
	case err == nil:
	case census.Sockets == 0 && !errors.Is(context.Cause(ctx), errDeadline):
		m.fail(facts.SourceSockets, err)
	default:
		m.gap(facts.SourceSockets, "the walk at the %s %s", phase, brokenOff(ctx, census.Sockets, err))
	}
}

// brokenOff says why a walk did not come to its end.
func brokenOff(ctx context.Context, sockets uint64, err error) string {
	if errors.Is(context.Cause(ctx), errDeadline) {
		return fmt.Sprintf("was cut short by the deadline after %d sockets; totals are lower bounds", sockets)
	}
	return fmt.Sprintf("broke off after %d sockets: %v", sockets, err)
}

// read takes the counters into a snapshot, at the given time since the start of
// the window.
func (m *member) read(ctx context.Context, into *facts.Snapshot, since func() float64) {
	before := since()
	r, gaps, err := m.src.counters(ctx)
	if err != nil {
		u := unreadable(err)
		m.fail(u.Source, u.Err)
		return
	}
	// The counters that matter are the first ones to be read.
	into.AtSeconds = before
	into.Counters, into.Gauges = r.counters, r.gauges
	m.addGaps(gaps)
}

// unreadable says what could not be read.
func unreadable(err error) *UnreadableError {
	if u, ok := errors.AsType[*UnreadableError](err); ok {
		return u
	}
	return &UnreadableError{Source: facts.SourceNetstat, Err: err}
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
