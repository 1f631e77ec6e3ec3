package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// walkTask is what a walk over one namespace needs to know.
type walkTask struct {
	member  *watchedNamespace
	at      int // index in the window
	options facts.ReduceOptions
	before  lastWalk
	// traffic is that of the tick; known is the census where there is no need to
	// walk.
	traffic traffic
	known   *facts.Census
}

// Walk completes the window of the last tick with a walk over all sockets of all
// namespaces, one after the other, and names who holds those worth naming. The
// census at the start of each becomes that of the walk before, with its own time.
// What could not be walked over stays as it was, with its gap.
//
// The window's namespaces, gaps and processes are replaced, never changed in
// place: copies of the window made before stay what they were. An error wrapping
// ctx's means that a part was not done; with any other, nothing was: [ErrBusy] where
// a walk is under way already.
func (w *Watcher) Walk(ctx context.Context, win *facts.Window) error {
	if !w.walking.TryLock() {
		return ErrBusy
	}
	defer w.walking.Unlock()
	done := w.measure(func(s *WatchStats) *PartCost { return &s.Walk })
	tasks, zero, err := w.plan(win)
	if err != nil {
		return err
	}
	win.Namespaces, win.Gaps = slices.Clone(win.Namespaces), slices.Clone(win.Gaps)
	for i := range tasks {
		if ctx.Err() != nil {
			break
		}
		w.walkOne(ctx, &tasks[i], &win.Namespaces[tasks[i].at], zero)
		win.Cost.Sockets += win.Namespaces[tasks[i].at].End.Census.Sockets
	}
	cost := done()
	owned := w.measure(func(s *WatchStats) *PartCost { return &s.Owners })
	wants, only := wantedOf(win.Namespaces)
	if w.hurry.Swap(false) {
		w.owners.hurry()
	}
	processes, gaps := w.owners.ofAll(ctx, wants, only)
	win.Processes = processes
	w.failed(gaps...)
	win.Gaps = append(slices.DeleteFunc(win.Gaps, func(g facts.Gap) bool { return g.Source == facts.SourceProcesses }), gaps...)
	for _, c := range []PartCost{cost, owned()} {
		win.Cost.WallSeconds += c.LastWall.Seconds()
		win.Cost.CPUSeconds += c.LastCPU.Seconds()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("sockdiag: walk: %w", context.Cause(ctx))
	}
	return nil
}

// errNotLast says that a window cannot be completed any more.
var errNotLast = errors.New("sockdiag: walk: the window is not that of the last tick")

// plan says what is to be walked over for the window of the last tick, and when
// the window began.
func (w *Watcher) plan(win *facts.Window) ([]walkTask, time.Time, error) {
	w.state.Lock()
	defer w.state.Unlock()
	if w.closed {
		return nil, time.Time{}, ErrWatcherClosed
	}
	// The window ended when the one under way began.
	zero := w.begun.Add(-time.Duration(win.Seconds * float64(time.Second)))
	if d := zero.Round(0).Sub(win.Started); d < -time.Millisecond || d > time.Millisecond {
		return nil, time.Time{}, errNotLast
	}
	var tasks []walkTask
	sizes := make([]uint64, 0, len(w.members))
	for _, m := range w.members {
		at := slices.IndexFunc(win.Namespaces, func(n facts.NamespaceWindow) bool { return m.place.sameAs(n.Namespace) })
		if m.failed != nil || at < 0 {
			continue
		}
		t := walkTask{member: m, at: at, options: m.options, before: m.last, traffic: m.start.traffic()}
		switch {
		case m.start.at.Before(zero), !m.start.polled: // nothing is known of now
		case m.quiet():
			t.known = m.quietCensus()
		case m.still():
			t.known = m.stillCensus()
		}
		t.options.Listening = facts.PortSet{}
		for i := range m.listeners {
			t.options.Listening.Add(m.listeners[i].Local.Port())
		}
		tasks = append(tasks, t)
		sizes = append(sizes, m.last.census.Sockets)
	}
	for i, limits := range shareLimits(sizes, w.o.CensusEntries) {
		tasks[i].options.Limits = limits
	}
	return tasks, zero, nil
}

// walkOne walks over one namespace and completes its window.
func (w *Watcher) walkOne(ctx context.Context, t *walkTask, n *facts.NamespaceWindow, zero time.Time) {
	limited, cancel := context.WithTimeoutCause(ctx, w.o.WalkDeadline, errDeadline)
	defer cancel()
	began := time.Now()
	census, err := t.census(limited)
	ended := time.Now()
	n.Gaps = slices.DeleteFunc(slices.Clone(n.Gaps), func(g facts.Gap) bool { return g.Source == facts.SourceSockets && g.Reason == notWalked })
	if err != nil {
		reason := "the walk " + brokenOff(limited, census.Sockets, err)
		n.Gaps = append(n.Gaps, w.counted([]facts.Gap{{Source: facts.SourceSockets, Reason: reason}})...)
		if census.Sockets == 0 {
			return // the listeners of the poll say more
		}
	}
	n.End.Census, n.End.CensusAtSeconds = census, facts.Some(began.Sub(zero).Seconds())
	if !n.Start.IsZero() && !t.before.at.IsZero() {
		n.Start.Census, n.Start.CensusAtSeconds = t.before.census, facts.Some(t.before.at.Sub(zero).Seconds())
	}
	if err != nil {
		return // nothing can be compared with a part
	}
	w.state.Lock()
	defer w.state.Unlock()
	t.member.last = lastWalk{at: ended, census: kept(census), traffic: t.traffic}
	w.sumUp()
}

func (t *walkTask) census(ctx context.Context) (facts.Census, error) {
	if t.known != nil {
		return *t.known, nil
	}
	return t.member.src.census(ctx, t.options)
}

// kept is what of a census is worth keeping until the next walk: the plain sample
// of what is established is compared with nothing.
func kept(c facts.Census) facts.Census {
	plain, ok := c.Classes[facts.ClassEstablished]
	if !ok {
		return c
	}
	plain.Samples = nil
	c.Classes = maps.Clone(c.Classes)
	c.Classes[facts.ClassEstablished] = plain
	return c
}

// The tables of a census where one namespace has them all to itself. A group
// counts for one entry, and so does a sample.
const (
	fullLocals       = 1024
	fullDestinations = 4096
	fullSamples      = 1024
	fullCloseWait    = 16384
	fullEntries      = fullLocals + fullDestinations + sampledClasses*fullSamples + fullCloseWait
	sampledClasses   = 8 // beside CLOSE_WAIT
)

// shareLimits shares a number of entries among the censuses of namespaces that had
// so many sockets at the last walk, 0 for those never walked over. Nobody gets
// less than it needs as long as all others would have no more.
func shareLimits(sockets []uint64, entries int) []facts.Limits {
	needs := make([]int, len(sockets))
	for i, n := range sockets {
		// A socket is in one group and in three classes at most.
		needs[i] = fullEntries
		if n > 0 {
			needs[i] = int(min(fullEntries, 4*n+64))
		}
	}
	order := slices.Sorted(slices.Values(needs))
	left, level := entries, fullEntries
	for i, need := range order {
		level = left / (len(order) - i)
		if need > level {
			break
		}
		left -= need
		level = fullEntries
	}
	out := make([]facts.Limits, len(sockets))
	for i := range out {
		share := min(float64(level)/fullEntries, 1)
		part := func(full, least int) int { return max(least, int(share*float64(full))) }
		out[i] = facts.Limits{
			Locals: part(fullLocals, 32), Destinations: part(fullDestinations, 64),
			Samples: part(fullSamples, 32), CloseWait: part(fullCloseWait, 256),
		}
	}
	return out
}
