package sockdiag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// session is one collection under way.
//
// The order is: walk over all sockets, then read the counters, then poll the
// listeners until the window is over, then read the counters again, then walk
// again. So whatever the counters counted happened between the two walks, and
// the counters of all namespaces lie within milliseconds of each other however
// long the walks take.
type session struct {
	options Options
	budget  budget
	members []*member
	// shared reads what all namespaces have in common.
	shared func(ctx context.Context) (facts.Shared, []facts.Gap)
	// atEnd runs right after the last reading of counters.
	atEnd   func(ctx context.Context)
	workers int

	window  facts.Window
	zero    time.Time // start of the window
	mu      sync.Mutex
	done    int
	sockets uint64
}

// run takes the window, without processes.
func (s *session) run(ctx context.Context) error {
	s.inParallel(s.members, func(m *member) { m.open(ctx) })
	if s.options.Window > 0 {
		s.walks(ctx, PhaseStart, s.budget.start, func(m *member) *facts.Snapshot { return &m.window.Start })
	}
	s.zero = time.Now()
	s.window.Started = s.zero
	if s.options.Window > 0 {
		s.window.SharedStart = s.readings(ctx, func(m *member) *facts.Snapshot { return &m.window.Start })
		s.sample(ctx)
	}
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	s.window.SharedEnd = s.readings(ctx, func(m *member) *facts.Snapshot { return &m.window.End })
	if s.atEnd != nil {
		s.atEnd(ctx)
	}
	s.walks(ctx, PhaseEnd, s.budget.end, func(m *member) *facts.Snapshot { return &m.window.End })
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	return s.assemble()
}

// cancelled says that the caller gave up.
func cancelled(ctx context.Context) error {
	return fmt.Errorf("sockdiag: collect: %w", context.Cause(ctx))
}

// since is the time from the start of the window in seconds.
func (s *session) since() float64 { return time.Since(s.zero).Seconds() }

// walks goes over the sockets of all namespaces, a few at a time.
func (s *session) walks(ctx context.Context, phase Phase, until time.Time, into func(*member) *facts.Snapshot) {
	ctx, cancel := context.WithDeadlineCause(ctx, until, errDeadline)
	defer cancel()
	s.done = 0
	s.progress(phase, 0)
	s.inParallel(s.members, func(m *member) {
		snapshot := into(m)
		m.walk(ctx, phase, snapshot)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done++
		s.sockets += snapshot.Census.Sockets
		s.tell(phase, 0)
	})
}

// readings takes the counters of all namespaces and of the host.
func (s *session) readings(ctx context.Context, into func(*member) *facts.Snapshot) facts.Shared {
	s.inParallel(s.members, func(m *member) { m.read(ctx, into(m), s.since) })
	if s.shared == nil {
		return facts.Shared{}
	}
	shared, gaps := s.shared(ctx)
	for _, g := range gaps {
		if !containsGap(s.window.Gaps, g) {
			s.window.Gaps = append(s.window.Gaps, g)
		}
	}
	return shared
}

// pollShare is how many times longer than a round of polls the pause behind it
// is at least: polling costs at most a tenth of one CPU.
const pollShare = 9

// sample polls the listeners until the window is over.
func (s *session) sample(ctx context.Context) {
	end := s.zero.Add(s.options.Window)
	next := time.Now()
	for ctx.Err() == nil {
		s.progress(PhaseSampling, time.Since(s.zero))
		next = next.Add(s.options.Poll)
		if next.After(end) {
			next = end
		}
		if !sleepUntil(ctx, next) || !next.Before(end) {
			return
		}
		began := time.Now()
		for _, m := range s.members {
			if m.failed == nil && ctx.Err() == nil {
				m.poll(ctx)
			}
		}
		took := time.Since(began)
		if earliest := time.Now().Add(pollShare*took - s.options.Poll); next.Before(earliest) {
			next = earliest
		}
	}
}

// sleepUntil reports whether the time came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// inParallel runs fn for every namespace that has not failed.
func (s *session) inParallel(members []*member, fn func(*member)) {
	work := make(chan *member)
	var running sync.WaitGroup
	for range min(max(s.workers, 1), len(members)) {
		running.Go(func() {
			for m := range work {
				fn(m)
			}
		})
	}
	for _, m := range members {
		if m.failed == nil {
			work <- m
		}
	}
	close(work)
	running.Wait()
}

// assemble puts the namespaces into the window. One that cannot be judged is a
// gap beside others, and an error where no other is left.
func (s *session) assemble() error {
	var failed []*UnreadableError
	for _, m := range s.members {
		if m.failed != nil {
			failed = append(failed, m.failed)
			continue
		}
		m.finish()
		s.window.Namespaces = append(s.window.Namespaces, m.window)
		s.window.Cost.Sockets += m.window.Start.Census.Sockets + m.window.End.Census.Sockets
	}
	if len(s.window.Namespaces) == 0 {
		if len(failed) == 0 {
			return errors.New("sockdiag: no namespace to look at")
		}
		return failed[0]
	}
	slices.SortFunc(failed, func(a, b *UnreadableError) int { return cmp.Compare(a.Namespace, b.Namespace) })
	for _, f := range failed {
		s.window.Gaps = append(s.window.Gaps, facts.Gap{
			Source: facts.SourceNamespaces, Reason: fmt.Sprintf("namespace %s is left out: %s: %v", f.Namespace, f.Source, f.Err),
		})
	}
	first := &s.window.Namespaces[0]
	if s.options.Window > 0 {
		s.window.Seconds = first.End.AtSeconds - first.Start.AtSeconds
	}
	return nil
}

func (s *session) progress(phase Phase, elapsed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(phase, elapsed)
}

// tell passes on how far the collection is; s.mu is held.
func (s *session) tell(phase Phase, elapsed time.Duration) {
	if s.options.Progress == nil {
		return
	}
	s.options.Progress(Progress{
		Phase: phase, Elapsed: elapsed, Window: s.options.Window,
		Done: s.done, Namespaces: len(s.members), Sockets: s.sockets,
	})
}
