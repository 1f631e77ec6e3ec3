package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// lane lets one call at a time do what may hang in the kernel. A call that does
// not come back is left to end by itself; until then every other is refused, so
// that no more than one goroutine ever waits for the same thing.
type lane struct {
	mu     sync.Mutex
	busy   bool
	closed bool
	then   func() // what close was to do, once the call under way has ended
}

// errTimeout is why a call was given up.
var errTimeout = errors.New("no answer")

// errOutstanding is why a call was not even begun.
var errOutstanding = errors.New("an earlier call has not come back yet")

// enter reports whether a call may begin; leave ends it.
func (l *lane) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || l.closed {
		return false
	}
	l.busy = true
	return true
}

func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	if l.then != nil {
		l.then()
		l.then = nil
	}
}

// close lets no further call begin, and runs fn as soon as none is under way.
func (l *lane) close(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	if l.busy {
		l.then = fn
		return
	}
	fn()
}

// stuck reports whether a call is under way.
func (l *lane) stuck() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

// patience is how long a call is waited for; a zero limit means as long as the
// context lasts.
type patience struct {
	limit time.Duration
	// leave is how long the call has, after the end of the context, to come back
	// with what it has.
	leave time.Duration
}

// inLane runs fn and waits for it no longer than the patience lasts. What it
// brings back later is given to discard, which may be nil.
func inLane[T any](ctx context.Context, l *lane, p patience, fn func() (T, error), discard func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var zero T
	if !l.enter() {
		return zero, errOutstanding
	}
	done, gone := make(chan outcome), make(chan struct{})
	go func() {
		v, err := fn()
		l.leave()
		select {
		case done <- outcome{v, err}:
		case <-gone:
			if discard != nil && err == nil {
				discard(v)
			}
		}
	}()
	var limit <-chan time.Time
	if p.limit > 0 {
		timer := time.NewTimer(p.limit)
		defer timer.Stop()
		limit = timer.C
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-limit:
		close(gone)
		return zero, fmt.Errorf("%w within %v", errTimeout, p.limit)
	case <-ctx.Done():
	}
	timer := time.NewTimer(p.leave)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.value, o.err
	case <-timer.C:
		close(gone)
		return zero, context.Cause(ctx)
	}
}

// bounded is inLane for what is called once.
func bounded[T any](ctx context.Context, limit time.Duration, fn func() (T, error)) (T, error) {
	return inLane(ctx, new(lane), patience{limit: limit}, fn, nil)
}
