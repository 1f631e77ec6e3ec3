package sockdiag

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// sweep does the same for one thing after the other, all on one goroutine, because
// a goroutine for each would cost more than the work itself. Who waits for it looks
// whether it gets on.
type sweep struct {
	mu        sync.Mutex
	at        int       // what is being done
	since     time.Time // when that began
	abandoned bool      // nobody wants what comes
	done      chan struct{}
}

// run does what is to be done from an index on. What do returns is called unless
// the sweep has been abandoned meanwhile, so that what comes too late changes
// nothing.
func (s *sweep) run(ctx context.Context, from, n int, do func(ctx context.Context, i int) (commit func())) {
	defer close(s.done)
	for i := from; i < n; i++ {
		if !s.begin(i) {
			return
		}
		commit := do(ctx, i)
		if !s.finish(commit) {
			return
		}
	}
}

func (s *sweep) begin(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.since = i, time.Now()
	return !s.abandoned
}

func (s *sweep) finish(commit func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.abandoned {
		commit()
	}
	return !s.abandoned
}

// stalled abandons the sweep where one thing takes longer than the limit, or at
// once if that is wanted, and tells which. Otherwise it tells how much longer that
// may take.
func (s *sweep) stalled(limit time.Duration, atOnce bool) (at int, stalled bool, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left = limit - time.Since(s.since)
	if atOnce || left <= 0 {
		s.abandoned = true
	}
	return s.at, s.abandoned, left
}

// sweepOver does something for 0 to n−1. What takes longer than the limit is given
// up, told by failed, and left to end by itself, with its context at an end; the
// sweep goes on behind it. When ctx ends, the rest fails.
func sweepOver(ctx context.Context, n int, limit time.Duration,
	do func(ctx context.Context, i int) (commit func()), failed func(i int, err error),
) {
	for from := 0; from < n; {
		s := &sweep{at: from, since: time.Now(), done: make(chan struct{})}
		wanted, abandon := context.WithCancel(ctx)
		go s.run(wanted, from, n, do)
		at, err := s.wait(ctx, limit)
		abandon()
		switch {
		case err == nil:
			return
		case ctx.Err() == nil:
			failed(at, err)
			from = at + 1
			continue
		}
		for ; at < n; at++ {
			failed(at, err)
		}
		return
	}
}

// wait returns when the sweep is done, or with what is to be given up.
func (s *sweep) wait(ctx context.Context, limit time.Duration) (at int, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-s.done:
			return 0, nil
		case <-ctx.Done():
			at, _, _ = s.stalled(limit, true)
			return at, context.Cause(ctx)
		case <-timer.C:
			var stalled bool
			var left time.Duration
			if at, stalled, left = s.stalled(limit, false); stalled {
				return at, fmt.Errorf("%w within %v", errTimeout, limit)
			}
			timer.Reset(left)
		}
	}
}
