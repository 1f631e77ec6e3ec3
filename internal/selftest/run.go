package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// What [Options] leaves out. Most of a fault's life is waiting, so more may stand
// at a time than there are processors.
const (
	parallelDefault = 4
	windowDefault   = 3 * time.Second
	collectAtMost   = time.Minute
)

// Options are the particulars of [Run]. The zero value makes everything over
// IPv4.
type Options struct {
	// Only limits the run to faults whose name has this text in it.
	Only string
	// Families are the versions of IP to make each fault with, as far as the
	// fault knows them; none stands for IPv4, or for the fault's first.
	Families []lab.Family
	// Parallel is how many faults stand at a time; 0 stands for 4.
	Parallel int
	// Window is how long each is sampled; 0 stands for 3 s.
	Window time.Duration
	// Progress is called after each fault, from one goroutine at a time; may
	// be nil.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	Done, Total int
	// Row is what has just ended, and Index its place in [Report].Rows.
	Row   Row
	Index int
}

// Case is one fault to be made with one version of IP.
type Case struct {
	Fault  lab.Fault
	Family lab.Family
}

// Cases lists what a run would make, in the order of the report.
func (o Options) Cases() []Case {
	var out []Case
	for _, f := range lab.All() {
		if !strings.Contains(f.Name, o.Only) {
			continue
		}
		for _, family := range o.families(f) {
			out = append(out, Case{Fault: f, Family: family})
		}
	}
	return out
}

func (o Options) families(f lab.Fault) []lab.Family {
	if len(o.Families) == 0 {
		return f.InFamilies()[:1]
	}
	return slices.DeleteFunc(slices.Clone(o.Families), func(x lab.Family) bool { return !slices.Contains(f.InFamilies(), x) })
}

// Run makes each fault in namespaces of its own, diagnoses them and compares.
// The error is for what prevents the run as a whole: a missing privilege, which
// wraps [os.ErrPermission], a system without namespaces, which wraps
// [errors.ErrUnsupported], or the end of ctx, with the rows done before.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Parallel <= 0 {
		o.Parallel = parallelDefault
	}
	if o.Window <= 0 {
		o.Window = windowDefault
	}
	cases := o.Cases()
	if len(cases) == 0 {
		return Report{}, fmt.Errorf("selftest: no fault has %q in its name", o.Only)
	}
	if err := probe(); err != nil {
		return Report{}, err
	}
	began := time.Now()
	r := &runner{options: o, cases: cases, rows: make([]*Row, len(cases))}
	r.all(ctx)
	report := Report{Kernel: r.kernel, WallSeconds: time.Since(began).Seconds(), Rows: []Row{}}
	for _, row := range r.rows {
		if row != nil {
			report.Rows = append(report.Rows, *row)
		}
	}
	report.count()
	if ctx.Err() != nil {
		return report, fmt.Errorf("selftest: run: %w", context.Cause(ctx))
	}
	return report, nil
}

// probe fails where no bench can be made at all.
func probe() error {
	b, err := lab.NewBench()
	if err != nil {
		return err
	}
	return b.Close()
}

// runner is a run under way.
type runner struct {
	options Options
	cases   []Case

	mu     sync.Mutex
	rows   []*Row // nil where a case has not ended
	done   int
	kernel string
}

// all runs the cases, so many at a time, until ctx ends.
func (r *runner) all(ctx context.Context) {
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(r.options.Parallel, len(r.cases)) {
		workers.Go(func() {
			for i := range queue {
				row := r.cases[i].run(ctx, r.options.Window, r.learn)
				if ctx.Err() == nil {
					r.add(i, row)
				}
			}
		})
	}
	for i := range r.cases {
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
}

// learn takes note of the kernel's release.
func (r *runner) learn(release string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kernel = release
}

func (r *runner) add(i int, row Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[i] = &row
	r.done++
	if r.options.Progress != nil {
		r.options.Progress(Progress{Done: r.done, Total: len(r.cases), Row: row, Index: i})
	}
}

// run makes one fault, diagnoses it and ends it.
func (c Case) run(ctx context.Context, window time.Duration, learn func(string)) (row Row) {
	began := time.Now()
	row = Row{
		Name: c.Fault.Name, Title: c.Fault.Title, Family: c.Family.String(), Harmless: c.Fault.Harmless,
		WantID: c.Fault.Expect.ID, WantCause: c.Fault.Expect.Cause,
	}
	defer func() { row.Seconds = time.Since(began).Seconds() }()
	running, err := lab.Start(ctx, c.Fault, lab.Options{Family: c.Family})
	if errors.Is(err, errors.ErrUnsupported) {
		row.Skipped = err.Error()
		return row
	}
	if err != nil {
		row.Problems = []string{"it could not be made: " + err.Error()}
		return row
	}
	res, err := diagnose(ctx, window, learn, running.Server, running.Client)
	wanted := WantedOf(running)
	closed := running.Close()
	if err == nil {
		row.judge(res, wanted)
	} else {
		row.Problems = []string{"it could not be diagnosed: " + err.Error()}
	}
	if closed != nil {
		row.Problems = append(row.Problems, "it did not end in order: "+closed.Error())
	}
	row.AsExpected = len(row.Problems) == 0
	return row
}

// diagnose samples namespaces and judges them, as the command of that name does.
func diagnose(ctx context.Context, window time.Duration, learn func(string), in ...*netns.Handle) (rules.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, window+collectAtMost)
	defer cancel()
	w, err := sockdiag.Collect(ctx, sockdiag.Options{Window: window, Namespaces: in})
	if err != nil {
		return rules.Result{}, err
	}
	learn(w.Host.Kernel)
	return rules.Eval(model.NewView(w), rules.Options{}), nil
}

// judge fills in how the findings compare with what must be found.
func (row *Row) judge(res rules.Result, wanted Wanted) {
	verdicts, stray := Judge(res.Findings, wanted)
	v := verdicts[0]
	row.Found, row.Culprit, row.Cause, row.Problems = v.Found, v.Culprit, v.Finding.Cause, v.Problems
	if !v.Found {
		for _, u := range res.Unknown {
			if u.Rule == row.WantID {
				row.Problems = append(row.Problems, "it could not be judged: "+u.Reason)
			}
		}
	}
	for _, f := range stray {
		row.Problems = append(row.Problems, "a false alarm: "+describe(f))
	}
}
