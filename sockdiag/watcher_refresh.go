package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// settingsPerRefresh bounds how many namespaces have their settings read again at
// one Refresh, those first that waited longest.
const settingsPerRefresh = 16

// Refresh lists the namespaces again: new ones are opened and read once, so that
// the next tick has something to begin with; those gone are let go, and with them
// all that is kept of them. It reads the settings again too. The error is that
// namespaces could not be listed; those known stay.
func (w *Watcher) Refresh(ctx context.Context) error {
	w.refreshing.Lock()
	defer w.refreshing.Unlock()
	defer w.measure(func(s *WatchStats) *PartCost { return &s.Refresh })()
	places, complete, errs := w.list(ctx)
	host := w.host(ctx)
	gaps := listGaps(errs)
	w.failed(append(slices.Clone(gaps), host.gaps...)...)

	w.state.Lock()
	known := slices.Clone(w.members)
	closed := w.closed
	w.state.Unlock()
	if closed {
		w.letGoAll(places)
		return ErrWatcherClosed
	}
	fresh, next := w.match(known, places, complete)
	w.openAll(ctx, fresh, host)
	w.reread(ctx, known, next)

	w.state.Lock()
	defer w.state.Unlock()
	if w.closed { // meanwhile
		for _, m := range fresh {
			w.forget(m)
		}
		return ErrWatcherClosed
	}
	for _, m := range w.members {
		if slices.Contains(next, m) {
			continue
		}
		m.src.close()
		if again := find(next, m.place); again == nil || again.place.handle != m.place.handle {
			w.letGo(m.place)
		}
	}
	w.members, w.seen, w.listGaps = next, host, gaps
	w.rename(places)
	w.sumUp()
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	if !complete {
		return fmt.Errorf("sockdiag: refresh: %w", errors.Join(errs...))
	}
	return nil
}

// listGaps turns what could not be listed into gaps. A namespace that went away
// meanwhile is none.
func listGaps(errs []error) []facts.Gap {
	var gaps []facts.Gap
	for _, err := range errs {
		if _, vanished := errors.AsType[*netns.VanishedError](err); !vanished {
			gaps = append(gaps, facts.Gap{Source: facts.SourceNamespaces, Reason: err.Error()})
		}
	}
	return gaps
}

func (w *Watcher) letGoAll(places []place) {
	for _, p := range places {
		w.letGo(p)
	}
}

// match tells new namespaces from known ones, and lists all that are to be watched
// from now on in the order in which they were listed. A known namespace that came
// by another handle keeps its own; one that could not be opened is tried again.
func (w *Watcher) match(known []*watchedNamespace, places []place, complete bool) (fresh, next []*watchedNamespace) {
	for _, p := range places {
		m := find(next, p)
		if m == nil {
			if m = find(known, p); m == nil || m.failed != nil {
				m = &watchedNamespace{place: p, member: member{src: w.newSource(p)}}
				fresh = append(fresh, m)
			}
			next = append(next, m)
		}
		if m.place.handle != p.handle {
			w.letGo(p)
		}
	}
	if !complete {
		for _, m := range known {
			if !slices.Contains(next, m) {
				next = append(next, m)
			}
		}
	}
	return fresh, next
}

// openers is how many namespaces are opened at a time.
const openers = 2

// openAll gets new namespaces ready, with a first reading.
func (w *Watcher) openAll(ctx context.Context, fresh []*watchedNamespace, host hostFacts) {
	work := make(chan *watchedNamespace)
	var running sync.WaitGroup
	for range min(openers, len(fresh)) {
		running.Go(func() {
			for m := range work {
				m.window.Namespace = m.place.namespace
				m.options.ShowsBound = host.showsBound
				w.ready(ctx, m)
			}
		})
	}
	for _, m := range fresh {
		work <- m
	}
	close(work)
	running.Wait()
}

// ready opens one namespace.
func (w *Watcher) ready(ctx context.Context, m *watchedNamespace) {
	m.member.open(ctx)
	m.lasting, m.checked = m.window.Gaps, time.Now()
	w.failed(m.lasting...)
	if m.failed != nil {
		w.failed(facts.Gap{Source: m.failed.Source})
		return
	}
	got := look{pollErr: errTimeout, err: errTimeout}
	sweepOver(ctx, 1, lookLimit, func(ctx context.Context, _ int) func() {
		seen := m.look(ctx)
		return func() { got = seen }
	}, func(_ int, err error) { got = look{pollErr: err, err: err} })
	polled := w.polled(m, got.listeners, got.pollErr)
	w.failed(got.gaps...)
	if got.err != nil {
		w.failed(facts.Gap{Source: unreadable(got.err).Source})
	} else {
		m.start = lastReading{got.at, got.counters, got.gauges, got.listeners, polled}
	}
	m.begin()
}

// reread reads settings again. The namespaces are already being watched, so what
// is read is put in place between two ticks.
func (w *Watcher) reread(ctx context.Context, known, next []*watchedNamespace) {
	var old []*watchedNamespace
	for _, m := range next {
		if slices.Contains(known, m) { // one that failed is not among the next ones
			old = append(old, m)
		}
	}
	slices.SortStableFunc(old, func(a, b *watchedNamespace) int { return a.checked.Compare(b.checked) })
	for _, m := range old[:min(len(old), settingsPerRefresh)] {
		if ctx.Err() != nil {
			return
		}
		settings, err := m.src.open(ctx)
		w.state.Lock()
		m.checked = time.Now()
		m.resettle(settings, err)
		w.state.Unlock()
		w.failed(m.lasting...)
	}
}

// resettle takes settings that were read again; those that could not be read stay
// what they were, and are a gap.
func (m *watchedNamespace) resettle(settings map[string]string, err error) {
	m.lasting = nil
	if err != nil {
		m.lasting = []facts.Gap{{Source: facts.SourceSettings, Reason: err.Error()}}
	}
	if settings != nil {
		m.window.Settings = settings
		m.options.PortLow, m.options.PortHigh = portRange(settings)
	}
}

// rename brings up to date what a namespace is called and who lives in it; the
// state is held.
func (w *Watcher) rename(places []place) {
	for _, p := range places {
		if m := find(w.members, p); m != nil {
			m.place.namespace = p.namespace
			m.window.Namespace = p.namespace
		}
	}
}
