package prediction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// How many trials go on at a time. Nearly all of their time is waiting; the lively
// ones are kept few.
const (
	parallelDefault = 24
	livelyShare     = 4 // one in so many
)

// Options are the particulars of [Run]. The zero value runs everything.
type Options struct {
	// Parallel is how many trials go on at a time; 0 stands for 24.
	Parallel int
	// Only limits the run to trials whose name holds this text.
	Only string
	// Progress is called after each trial, from one goroutine at a time; may
	// be nil.
	Progress func(done, total int, r Result)
}

// Result is what has come of one trial in one family.
type Result struct {
	Trial  Trial
	Family lab.Family
	// Predicted is what the model said before the change.
	Predicted model.Effect
	// Observed is the verdict of the measurements, and Harms what it rests on.
	Observed model.Verdict
	Harms    []Harm
	// Restarted tells that the application was restarted because the change
	// alone moved nothing.
	Restarted bool
	// Numbers are the figures beside their measurements.
	Numbers []Number
	// Kernel is the release it was tried on.
	Kernel string
	// Late is the longest time in a window for which a goroutine had to wait
	// for its turn, and Tries how often the trial was begun.
	Late  time.Duration
	Tries int
	// Took is how long it lasted.
	Took time.Duration
	// Err is why the trial broke off; nil where it did not.
	Err error
}

// Right reports whether the verdict predicted is the one observed.
func (r Result) Right() bool { return r.Err == nil && r.Predicted.Verdict == r.Observed }

// Name tells the result from all others.
func (r Result) Name() string { return r.Trial.Name + "/" + r.Family.String() }

// job is one trial in one family.
type job struct {
	index  int
	trial  Trial
	family lab.Family
}

// Run tries all trials on the running kernel and returns their results in the order
// of [All]. It takes root, or a user namespace as made by `unshare -rn`; the program
// must have called [lab.Main]. The error is for what prevents the trials as a whole,
// for instance a missing privilege, which wraps [os.ErrPermission].
func Run(ctx context.Context, o Options) ([]Result, error) {
	var jobs []job
	for _, t := range All() {
		t = t.complete()
		for _, f := range t.Families {
			if strings.Contains(t.Name+"/"+f.String(), o.Only) {
				jobs = append(jobs, job{len(jobs), t, f})
			}
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("prediction: no trial has %q in its name", o.Only)
	}
	bench, err := lab.NewBench()
	if err != nil {
		return nil, fmt.Errorf("prediction: %w", err)
	}
	if err := bench.Close(); err != nil {
		return nil, fmt.Errorf("prediction: %w", err)
	}
	results := runAll(ctx, o, jobs)
	if ctx.Err() != nil {
		return results, fmt.Errorf("prediction: run: %w", context.Cause(ctx))
	}
	return results, nil
}

// runAll runs the jobs, so many at a time and the longest first; the lively ones in
// a queue of their own.
func runAll(ctx context.Context, o Options, jobs []job) []Result {
	if o.Parallel <= 0 {
		o.Parallel = parallelDefault
	}
	r := &runner{options: o, results: make([]Result, len(jobs)), total: len(jobs)}
	slices.SortStableFunc(jobs, func(a, b job) int { return int(b.trial.takes() - a.trial.takes()) })
	var lively, quiet []job
	for _, j := range jobs {
		if j.trial.Load.Lively {
			lively = append(lively, j)
		} else {
			quiet = append(quiet, j)
		}
	}
	few := max(1, o.Parallel/livelyShare)
	var both sync.WaitGroup
	both.Go(func() { r.work(ctx, lively, few) })
	both.Go(func() { r.work(ctx, quiet, max(1, o.Parallel-few)) })
	both.Wait()
	return r.results
}

// runner is a run under way.
type runner struct {
	options Options
	total   int

	mu      sync.Mutex
	results []Result
	done    int
}

// work does jobs, so many at a time.
func (r *runner) work(ctx context.Context, jobs []job, parallel int) {
	queue := make(chan job)
	var workers sync.WaitGroup
	for range min(parallel, len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				r.add(j, tryUndisturbed(ctx, j.trial, j.family))
			}
		})
	}
	for _, j := range jobs {
		select {
		case queue <- j:
		case <-ctx.Done():
			r.add(j, Result{Trial: j.trial, Family: j.family, Err: context.Cause(ctx)})
		}
	}
	close(queue)
	workers.Wait()
}

// add takes what has come of a job.
func (r *runner) add(j job, got Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[j.index] = got
	r.done++
	if r.options.Progress != nil {
		r.options.Progress(r.done, r.total, got)
	}
}

// What a trial needs of the machine, and how often something is done anew where it
// did not get that. Only the clock decides, never what came out.
const (
	lateAtMost    = 90 * time.Millisecond  // in a window of a lively load
	lateForAny    = 400 * time.Millisecond // in a window of the others
	windowsAtMost = 6                      // taken of a lively load
	anewAtMost    = 45 * time.Second       // trials that take longer are not begun anew
	triesAtMost   = 3
)

// tryUndisturbed does one trial, and once more if the machine was too busy for the
// load to be what it is said to be.
func tryUndisturbed(ctx context.Context, t Trial, f lab.Family) Result {
	for tries := 1; ; tries++ {
		r := try(ctx, t, f)
		r.Tries = tries
		disturbed := !t.Load.Lively && r.Late > lateForAny && t.takes() <= anewAtMost
		if r.Err != nil || tries == triesAtMost || !disturbed {
			return r
		}
	}
}

// window takes a sample. Of a lively load, which goes on as it is, it takes another
// one where the machine was too busy.
func (s *Scene) window(ctx context.Context, l Load, length time.Duration) *Sample {
	for taken := 1; ; taken++ {
		got := s.sample(ctx, l, length)
		if got == nil || !l.Lively || got.Late <= lateAtMost || taken == windowsAtMost {
			return got
		}
		for name, v := range got.notes {
			s.Note(name, v) // what was noted along with the change
		}
	}
}

// tooLong is by how much a trial may exceed the time it is said to take.
const tooLong = 90 * time.Second

// errTooLong is why a trial is broken off.
var errTooLong = errors.New("prediction: it takes too long")

// try does one trial.
func try(ctx context.Context, t Trial, f lab.Family) (r Result) {
	r = Result{Trial: t, Family: f}
	began := time.Now()
	defer func() { r.Took = time.Since(began) }()
	ctx, stop := context.WithTimeoutCause(ctx, t.takes()+tooLong, errTooLong)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := newScene(f, cancel)
	if err != nil {
		r.Err = err
		return r
	}
	s.work.Go(func() { s.watchClock(ctx) })
	r.carryOut(ctx, s)
	s.mu.Lock()
	r.Err = s.err
	s.mu.Unlock()
	if err := s.close(); r.Err == nil && err != nil {
		r.Err = err
	}
	return r
}

// carryOut predicts, makes the change, measures and judges.
func (r *Result) carryOut(ctx context.Context, s *Scene) {
	t, l := r.Trial, r.Trial.Load
	l.Start(ctx, s)
	s.Pause(ctx, l.Warm)
	s.prepare(ctx, l)
	before := s.window(ctx, l, l.Window)
	if before == nil {
		return
	}
	r.Kernel, r.Late = before.Window.Host.Kernel, before.Late
	r.Predicted = t.Change.predict(before.View(), s.Port)

	s.prepare(ctx, l)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if l.Follow != nil {
			l.Follow(ctx, s)
		}
	}()
	t.Change.make(ctx, s, l.Judged)
	s.Pause(ctx, t.Settle)
	<-followed
	after := s.window(ctx, l, t.Window)
	if after == nil {
		return
	}
	last := after
	r.Late = max(r.Late, after.Late)
	r.Observed, r.Harms = Observe(l.Subject.Harms, before, after, nil)
	if !moved(r.Harms) && !t.Change.Relisten {
		restarted := s.restart(ctx, t)
		if restarted == nil {
			return
		}
		r.Restarted, last = true, restarted
		r.Late = max(r.Late, restarted.Late)
		r.Observed, r.Harms = Observe(l.Subject.Harms, before, after, restarted)
	}
	r.Numbers = compare(t, r.Predicted, before, last)
}

func (s *Scene) prepare(ctx context.Context, l Load) {
	if l.Prepare != nil && !s.Failed() {
		l.Prepare(ctx, s)
	}
}

// restart has the application act, and measures once more.
func (s *Scene) restart(ctx context.Context, t Trial) *Sample {
	if t.Load.Restart != nil {
		t.Load.Restart(ctx, s)
	} else {
		s.Relisten(ctx)
	}
	s.prepare(ctx, t.Load)
	s.Pause(ctx, t.Settle)
	return s.window(ctx, t.Load, t.Window)
}

// predict asks the model.
func (c Change) predict(n *model.Namespace, port uint16) model.Effect {
	if c.Key != "" {
		return model.Predict(n, model.Change{Key: c.Key, Value: c.Value, Relisten: c.Relisten})
	}
	var listener *model.Listener
	for i := range n.Listeners {
		if n.Listeners[i].Local.Port() == port {
			listener = &n.Listeners[i]
		}
	}
	change := model.AcceptChange{Relisten: c.Relisten}
	if c.Backlog != 0 {
		change.Backlog = facts.Some(c.Backlog)
	}
	return model.PredictAccept(n.AcceptLoad(listener), change)
}

// make carries the change out.
func (c Change) make(ctx context.Context, s *Scene, judged lab.Side) {
	if c.Key != "" {
		s.Set(judged, c.Key, c.Value)
	}
	if c.Backlog != 0 {
		s.SetBacklog(c.Backlog)
	}
	if c.Relisten {
		s.Relisten(ctx)
	}
}
