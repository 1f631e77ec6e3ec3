package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

//go:generate go run ../internal/listgen -type collector -files "collect_*.go" -func collectors -doc "everything that a window consists of besides sockets"

// collector reads one thing that a window consists of besides sockets. Adding
// one takes a file collect_<what>.go with a value of this type, and
// `go generate`.
type collector struct {
	source facts.Source
	scope  collectorScope
	// limit is how long it may take before it is given up.
	limit time.Duration
	// required tells that a namespace without it cannot be judged at all.
	required bool
	read     func(t tree, out *reading) error
}

// collectorScope says once per what a collector runs.
type collectorScope uint8

const (
	perNamespace collectorScope = iota + 1 // on a thread inside each namespace
	perHost                                // once, in the process's own namespace
)

// reading is what collectors fill.
type reading struct {
	counters facts.Counters
	gauges   facts.Gauges
}

func newReading() *reading {
	return &reading{counters: facts.Counters{}, gauges: facts.Gauges{}}
}

// merge adds what another reading holds.
func (r *reading) merge(o *reading) {
	maps.Copy(r.counters, o.counters)
	maps.Copy(r.gauges, o.gauges)
}

// defaultLimit is the deadline of a collector that reads one small file. The
// kernel sums per-CPU numbers for it, which takes well under a millisecond.
const defaultLimit = time.Second

// tree is where the kernel's files are found; tests point it elsewhere.
type tree struct {
	proc string // "/proc"
	dev  string // "/dev"
	sys  string // "/sys"
}

// hostTree is that of the running kernel, with proc mounted at the given place
// ("" for "/proc").
func hostTree(proc string) tree {
	if proc == "" {
		proc = "/proc"
	}
	return tree{proc: proc, dev: "/dev", sys: "/sys"}
}

// thread is the folder of the calling thread. /proc/net would be that of the
// thread-group leader, which stays in the process's own namespace.
func (t tree) thread() string { return filepath.Join(t.proc, "thread-self") }

// net returns the path of a file of the calling thread's network namespace.
func (t tree) net(name string) string { return filepath.Join(t.thread(), "net", name) }

// sysctl returns the path of a kernel parameter's file.
func (t tree) sysctl(name string) string { return filepath.Join(t.proc, "sys", name) }

// errTimeout is why a collector was given up.
var errTimeout = errors.New("no answer")

// result is how one collector ended.
type result struct {
	index int
	out   *reading
	err   error
}

// runCollectors runs each collector under its own limit and returns what they
// read and what failed, by index. All run in one call of within, so that one
// change of namespace serves them all; if one does not come back in time, it
// and those behind it are given up and its thread is left to end by itself.
func runCollectors(ctx context.Context, t tree, list []collector, within func(func() error) error) (*reading, map[int]error) {
	results := make(chan result, len(list))
	entered := make(chan error, 1)
	go func() {
		entered <- within(func() error {
			for i, c := range list {
				r := result{index: i, out: newReading()}
				r.err = c.read(t, r.out)
				results <- r
			}
			return nil
		})
	}()
	return gather(ctx, list, results, entered)
}

// gather waits for the results of runCollectors.
func gather(ctx context.Context, list []collector, results <-chan result, entered <-chan error) (*reading, map[int]error) {
	out, failed := newReading(), map[int]error{}
	giveUp := func(from int, err error) {
		for i := from; i < len(list); i++ {
			failed[i] = err
		}
	}
	for next := 0; next < len(list); next++ {
		timer := time.NewTimer(list[next].limit)
		select {
		case r := <-results:
			timer.Stop()
			out.merge(r.out)
			if r.err != nil {
				failed[r.index] = r.err
			}
		case err := <-entered:
			timer.Stop()
			if err != nil {
				giveUp(next, err)
				return out, failed
			}
			entered = nil // all results are waiting
			next--
		case <-ctx.Done():
			timer.Stop()
			giveUp(next, context.Cause(ctx))
			return out, failed
		case <-timer.C:
			giveUp(next, fmt.Errorf("%w within %v", errTimeout, list[next].limit))
			return out, failed
		}
	}
	return out, failed
}

// judge turns failures of collectors into gaps, and into an error where one is
// required.
func judge(list []collector, failed map[int]error) ([]facts.Gap, error) {
	var gaps []facts.Gap
	for i, c := range list {
		err := failed[i]
		switch {
		case err == nil:
		case c.required:
			return nil, &UnreadableError{Source: c.source, Err: err}
		default:
			gaps = append(gaps, facts.Gap{Source: c.source, Reason: err.Error()})
		}
	}
	return gaps, nil
}

// scoped returns the collectors of one scope, the required ones first: the time
// of a reading is when it begins, and it is their rates that matter most.
func scoped(scope collectorScope) []collector {
	var first, then []collector
	for _, c := range collectors() {
		switch {
		case c.scope != scope:
		case c.required:
			first = append(first, c)
		default:
			then = append(then, c)
		}
	}
	return append(first, then...)
}

// bounded runs fn and waits for it no longer than the limit. A call that hangs
// in the kernel is left to end by itself.
func bounded[T any](ctx context.Context, limit time.Duration, fn func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := fn()
		done <- outcome{v, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var zero T
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return zero, context.Cause(ctx)
	case <-timer.C:
		return zero, fmt.Errorf("%w within %v", errTimeout, limit)
	}
}
