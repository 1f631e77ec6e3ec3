package sockdiag

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync/atomic"
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
	names    *columnNames // may be nil
}

func newReading() *reading { return readingFor(0, nil) }

// readingFor makes room for as many counters.
func readingFor(counters int, n *columnNames) *reading {
	return &reading{counters: make(facts.Counters, counters), gauges: facts.Gauges{}, names: n}
}

// merge adds what another reading holds, which must not be used any more.
func (r *reading) merge(o *reading) {
	if len(r.counters) == 0 {
		r.counters = o.counters
	} else {
		maps.Copy(r.counters, o.counters)
	}
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

	files *buffers     // may be nil
	names *columnNames // may be nil
	// kept holds what is open already; only inside the namespace that the files
	// belong to may others be opened.
	kept   *keptFiles
	inside bool
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

// reader runs collectors over and over. A collector that hangs keeps the thread it
// runs on; until it comes back it is a failure at once, and the others go on
// without it.
type reader struct {
	list []collector
	// within runs a function where the collectors belong: on a thread inside a
	// namespace. Nil is the calling thread.
	within func(func(tree) error) error

	stuck    []lane       // by collector
	crossing atomic.Int32 // threads on their way into the namespace, or out of it
	size     atomic.Int64 // counters of the last whole reading
}

func newReader(t tree, list []collector, within func(func(tree) error) error) *reader {
	if within == nil {
		within = func(fn func(tree) error) error { return fn(t) }
	}
	return &reader{list: list, within: within, stuck: make([]lane, len(list))}
}

// outstanding is how many calls have not come back.
func (r *reader) outstanding() (n int) {
	for i := range r.stuck {
		if r.stuck[i].stuck() {
			n++
		}
	}
	return n + int(r.crossing.Load())
}

// read runs each collector under its own limit and returns what they read and
// what failed, by index. All run in one call of within, so that one change of
// namespace serves them all; the ones behind one that hangs run in another.
func (r *reader) read(ctx context.Context) (*reading, map[int]error) {
	out, failed := newReading(), map[int]error{}
	for next := 0; next < len(r.list); {
		next = r.run(ctx, next, out, failed)
	}
	r.size.Store(int64(len(out.counters)))
	return out, failed
}

// readHere is read on the calling goroutine, which hangs where a collector does:
// whoever calls it is watched by somebody else.
func (r *reader) readHere(context.Context) (*reading, map[int]error) {
	out, failed, size := newReading(), map[int]error{}, int(r.size.Load())
	err := r.within(func(t tree) error {
		for i := range r.list {
			got := r.collect(t, i, size)
			size = 0 // the first one's room serves all
			if got.err != nil {
				failed[i] = got.err
			}
			if got.out != nil {
				out.merge(got.out)
			}
		}
		return nil
	})
	for i := range r.list {
		if err != nil {
			failed[i] = err
		}
	}
	return out, failed
}

// result is how one collector ended.
type result struct {
	out *reading
	err error
}

// run is one call of within, for the collectors from an index on. It returns where
// to go on.
func (r *reader) run(ctx context.Context, from int, out *reading, failed map[int]error) (next int) {
	giveUp := func(from int, err error) int {
		for i := from; i < len(r.list); i++ {
			failed[i] = err
		}
		return len(r.list)
	}
	if r.crossing.Load() > 0 {
		return giveUp(from, errOutstanding)
	}
	c := r.start(from)
	for i := from; i < len(r.list); {
		timer := time.NewTimer(r.list[i].limit)
		select {
		case got := <-c.results:
			if got.err != nil {
				failed[i] = got.err
			}
			if got.out != nil {
				out.merge(got.out)
			}
			i++
		case d := <-c.left:
			if d.err != nil {
				return giveUp(i, d.err)
			}
			c.left = nil // all results are waiting
		case <-ctx.Done():
			c.abandoned.Store(true)
			return giveUp(i, context.Cause(ctx))
		case <-timer.C:
			c.abandoned.Store(true)
			failed[i] = fmt.Errorf("%w within %v", errTimeout, r.list[i].limit)
			if !c.inside.Load() {
				return giveUp(i, failed[i])
			}
			return i + 1
		}
		timer.Stop()
	}
	return c.leave(ctx, len(r.list))
}

// departure is how within returned.
type departure struct{ err error }

// crossing is one call of within under way.
type crossing struct {
	results   chan result
	left      chan departure
	inside    atomic.Bool
	abandoned atomic.Bool // nobody waits for what comes
}

// leave waits for the thread to come back from the namespace.
func (c *crossing) leave(ctx context.Context, next int) int {
	if c.left == nil {
		return next
	}
	timer := time.NewTimer(defaultLimit)
	defer timer.Stop()
	select {
	case <-c.left:
	case <-ctx.Done():
	case <-timer.C:
	}
	return next
}

func (r *reader) start(from int) *crossing {
	c := &crossing{results: make(chan result, len(r.list)), left: make(chan departure, 1)}
	r.crossing.Add(1)
	size := int(r.size.Load())
	go func() {
		err := r.within(func(t tree) error {
			c.inside.Store(true)
			r.crossing.Add(-1)
			for i := from; i < len(r.list) && !c.abandoned.Load(); i++ {
				c.results <- r.collect(t, i, size)
				size = 0 // the first one's room serves all
			}
			r.crossing.Add(1)
			return nil
		})
		r.crossing.Add(-1)
		c.left <- departure{err}
	}()
	return c
}

// collect runs one collector, unless it has hung since an earlier reading.
func (r *reader) collect(t tree, i, size int) result {
	if !r.stuck[i].enter() {
		return result{err: errOutstanding}
	}
	defer r.stuck[i].leave()
	out := readingFor(size, t.names)
	err := r.list[i].read(t, out)
	return result{out, err}
}

// shared reads what all namespaces have in common; none of it is required.
func (r *reader) shared(ctx context.Context) (facts.Shared, []facts.Gap) {
	out, failed := r.read(ctx)
	gaps, _ := judge(r.list, failed)
	return facts.Shared{Counters: out.counters, Gauges: out.gauges}, gaps
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
