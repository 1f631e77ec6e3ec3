package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

const (
	// windowMin is the shortest time that rates are told of.
	windowMin = 50 * time.Millisecond
	// notWalked is the gap of every tick that no walk completes.
	notWalked = "not walked over in this tick"
)

// Tick takes the window since the tick before: counters at both ends, what the
// polls saw, and the listeners at the end. Its censuses hold nothing but listeners,
// and the sockets are a gap; Walk fills them in. A namespace without a reading at
// the start, or with one too close to the end, is one instant, without rates.
//
// The clock may jump: all durations are measured by one that does not, and only
// Started follows the other.
func (w *Watcher) Tick(ctx context.Context) (facts.Window, error) {
	w.state.Lock()
	defer w.state.Unlock()
	switch {
	case w.closed:
		return facts.Window{}, ErrWatcherClosed
	case len(w.members) == 0:
		return facts.Window{}, errors.New("sockdiag: tick: no namespace to look at")
	}
	done := w.measure(func(s *WatchStats) *PartCost { return &s.Tick })
	limited, cancel := context.WithTimeoutCause(ctx, w.o.TickDeadline, errDeadline)
	defer cancel()

	now := time.Now()
	zero := w.begun
	win := facts.Window{
		Host: w.seen.host, HostSettings: w.seen.settings, Seconds: now.Sub(zero).Seconds(),
		Started: now.Add(-now.Sub(zero)).Round(0).UTC(), SharedStart: w.last,
		Gaps: append(slices.Clone(w.seen.gaps), w.listGaps...),
	}
	for _, m := range w.members {
		if m.failed != nil {
			win.Gaps = append(win.Gaps, m.leftOut())
		}
	}
	open := w.open()
	for i, seen := range lookAll(limited, open) {
		win.Namespaces = append(win.Namespaces, w.window(open[i], seen, zero))
	}
	var gaps []facts.Gap
	win.SharedEnd, gaps = w.shared(limited)
	win.Gaps = append(win.Gaps, w.counted(gaps)...)
	var err error
	if win.Log, err = w.log(limited); err != nil {
		win.Gaps = append(win.Gaps, w.counted([]facts.Gap{{Source: facts.SourceKernelLog, Reason: err.Error()}})...)
	}
	w.begun, w.last, w.nextPoll = now, win.SharedEnd, time.Now().Add(max(w.pollEvery, w.o.Poll))
	win.Processes, gaps = w.owners.ofListeners(limited, listenersOf(win.Namespaces))
	win.Gaps = append(win.Gaps, gaps...)
	w.sumUp()
	cost := done()
	win.Cost = facts.Cost{WallSeconds: cost.LastWall.Seconds(), CPUSeconds: cost.LastCPU.Seconds()}
	if ctx.Err() != nil {
		return facts.Window{}, fmt.Errorf("sockdiag: tick: %w", context.Cause(ctx))
	}
	return win, nil
}

// counted counts gaps as errors and returns them.
func (w *Watcher) counted(gaps []facts.Gap) []facts.Gap {
	w.failed(gaps...)
	return gaps
}

// leftOut is the gap of a namespace that cannot be judged.
func (m *member) leftOut() facts.Gap {
	return facts.Gap{
		Source: facts.SourceNamespaces,
		Reason: fmt.Sprintf("namespace %s is left out: %s: %v", m.label(), m.failed.Source, m.failed.Err),
	}
}

// look is what a tick sees of one namespace.
type look struct {
	listeners []facts.Listener
	pollErr   error
	at        time.Time // of the counters
	counters  facts.Counters
	gauges    facts.Gauges
	gaps      []facts.Gap
	err       error // there are no counters
}

// look looks at the listeners and reads the counters.
func (m *watchedNamespace) look(ctx context.Context) look {
	var l look
	l.listeners, l.pollErr = m.lookAt(ctx)
	l.at = time.Now()
	if ctx.Err() != nil { // nobody waits any more
		l.err = context.Cause(ctx)
		return l
	}
	r, gaps, err := m.src.counters(ctx)
	l.gaps, l.err = gaps, err
	if err == nil {
		l.counters, l.gauges = r.counters, r.gauges
	}
	return l
}

// lookAll looks at some namespaces. One that takes too long is given up.
func lookAll(ctx context.Context, all []*watchedNamespace) []look {
	seen := make([]look, len(all))
	sweepOver(ctx, len(all), lookLimit, func(ctx context.Context, i int) func() {
		l := all[i].look(ctx)
		return func() { seen[i] = l }
	}, func(i int, err error) { seen[i] = look{at: time.Now(), pollErr: err, err: err} })
	return seen
}

// window makes the window of one namespace and begins its next one. A reading that
// failed leaves its place to the one before: the next window then begins earlier.
func (w *Watcher) window(m *watchedNamespace, seen look, zero time.Time) facts.NamespaceWindow {
	polled := w.polled(m, seen.listeners, seen.pollErr)
	gaps := seen.gaps
	if seen.err != nil {
		u := unreadable(seen.err)
		gaps = append(gaps, facts.Gap{Source: u.Source, Reason: u.Err.Error()})
	}
	m.addGaps(w.counted(gaps))
	m.gap(facts.SourceSockets, notWalked)
	m.finish()

	n := m.window
	if !m.start.at.IsZero() && seen.at.Sub(m.start.at) >= windowMin {
		n.Start = facts.Snapshot{
			AtSeconds: m.start.at.Sub(zero).Seconds(), Counters: m.start.counters, Gauges: m.start.gauges,
		}
		if m.start.polled {
			n.Start.Census = censusOfListeners(m.start.listeners)
		}
	}
	n.End.AtSeconds = seen.at.Sub(zero).Seconds()
	if polled {
		n.End.Census = censusOfListeners(seen.listeners)
	}
	if seen.err == nil {
		n.End.Counters, n.End.Gauges = seen.counters, seen.gauges
		m.start = lastReading{seen.at, seen.counters, seen.gauges, seen.listeners, polled}
	}
	m.begin()
	return n
}

// censusOfListeners is a census for which nothing but the listeners was asked.
func censusOfListeners(all []facts.Listener) facts.Census {
	c := facts.Census{ListenersOnly: true, Listeners: all, Sockets: uint64(len(all))}
	for i := range all {
		if all[i].Family == facts.IPv4 {
			c.IPv4[facts.Listen]++
		} else {
			c.IPv6[facts.Listen]++
		}
	}
	return c
}
