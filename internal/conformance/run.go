package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// parallelDefault is how many benches there are at a time. Nearly all of them
// wait for a timer.
const parallelDefault = 12

// Options are the particulars of [Run]. The zero value runs everything.
type Options struct {
	// Parallel is how many variants run at a time; 0 stands for 12.
	Parallel int
	// Only limits the run to subjects and scenarios whose "subject/scenario"
	// holds this text; empty means all.
	Only string
	// Longest leaves out what takes longer than this; 0 means nothing.
	Longest time.Duration
	// Progress is called after each variant, from one goroutine at a time; may
	// be nil.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	Done, Total int
	// Subject, Scenario, Variant and Family name what has just ended.
	Subject, Scenario, Variant, Family string
	// Comparisons and Differences count so far; listed differences are none.
	Comparisons, Differences int
}

// job is one variant to run in one family.
type job struct {
	scenario Scenario
	variant  Variant
	family   lab.Family
	again    bool // the second attempt
}

// Run runs the scenarios on the running kernel. The error is for what prevents the
// suite as a whole, for instance a missing privilege, which wraps
// [os.ErrPermission]; a scenario that breaks off is a [Failure] in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	return runScenarios(ctx, All(), o)
}

func runScenarios(ctx context.Context, all []Scenario, o Options) (Report, error) {
	if o.Parallel <= 0 {
		o.Parallel = parallelDefault
	}
	dialect, ipv6, err := probe()
	if err == nil && !dialect.SynQueueExtraCertain {
		dialect, err = probeSynQueue(ctx, dialect)
	}
	if err != nil {
		return Report{}, err
	}
	r := &runner{report: Report{Kernel: dialect.Release, Dialect: dialect}, options: o, ipv6: ipv6}
	jobs := r.choose(all)
	if len(jobs) == 0 && len(r.report.Skipped) == 0 {
		return Report{}, fmt.Errorf("conformance: no scenario has %q in its name", o.Only)
	}
	r.total = len(jobs)
	began := time.Now()
	r.runAll(ctx, jobs, o.Parallel)
	r.runAgain(ctx)
	r.report.WallSeconds = time.Since(began).Seconds()
	r.report.finish()
	if ctx.Err() != nil {
		return r.report, fmt.Errorf("conformance: run: %w", context.Cause(ctx))
	}
	return r.report, nil
}

// runner is a run under way.
type runner struct {
	options Options
	ipv6    bool // this kernel has it
	total   int

	mu     sync.Mutex
	report Report
	done   int
	doubts []doubt
}

// doubt is a job that did not agree at its first attempt.
type doubt struct {
	job job
	got result
}

// choose lists what to run, the longest first, and notes what is skipped.
func (r *runner) choose(all []Scenario) []job {
	var jobs []job
	for _, s := range all {
		if !strings.Contains(s.Subject+"/"+s.Name, r.options.Only) {
			continue
		}
		if s.Needs != nil {
			if ok, reason := s.Needs(r.report.Dialect); !ok {
				r.report.Skipped = append(r.report.Skipped, Skipped{s.Subject, s.Name, "", reason})
				continue
			}
		}
		for _, v := range s.Variants {
			if r.options.Longest > 0 && v.Takes > r.options.Longest {
				reason := fmt.Sprintf("it takes %v, longer than wanted", v.Takes.Round(time.Second))
				r.report.Skipped = append(r.report.Skipped, Skipped{s.Subject, s.Name, v.Name, reason})
				continue
			}
			for _, f := range s.families() {
				if f == lab.IPv6 && !r.ipv6 {
					continue
				}
				jobs = append(jobs, job{scenario: s, variant: v, family: f})
			}
		}
	}
	if !r.ipv6 {
		r.report.Skipped = append(r.report.Skipped, Skipped{Subject: "all", Scenario: "over IPv6", Reason: "this kernel has no IPv6"})
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return int(b.variant.Takes - a.variant.Takes) })
	return jobs
}

// againShare is by how much fewer benches there are at the second attempt.
const againShare = 4

// runAgain repeats what did not agree. What a busy machine has spoilt agrees then,
// what is different stays different.
func (r *runner) runAgain(ctx context.Context) {
	var jobs []job
	for _, d := range r.doubts {
		d.job.again = true
		if ctx.Err() != nil {
			r.add(d.job, d.got)
			continue
		}
		jobs = append(jobs, d.job)
		r.report.Repeated = append(r.report.Repeated, Repeated{
			d.job.scenario.Subject, d.job.scenario.Name, d.job.variant.Name, d.job.family.String(), d.got.doubt(),
		})
	}
	r.runAll(ctx, jobs, max(1, r.options.Parallel/againShare))
}

// runAll runs the jobs, so many at a time.
func (r *runner) runAll(ctx context.Context, jobs []job, parallel int) {
	queue := make(chan job)
	var workers sync.WaitGroup
	for range min(parallel, len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				if ctx.Err() == nil {
					r.add(j, r.runOne(ctx, j))
				}
			}
		})
	}
	for _, j := range jobs {
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
}

// tooLong is by how much a variant may exceed the time it is said to take.
const tooLong = time.Minute

// errTooLong is why a variant is broken off.
var errTooLong = errors.New("conformance: it takes too long")

// result is what has come of one job.
type result struct {
	comparisons []Comparison
	err         error
}

// doubt says what did not agree, in one line; empty if all did.
func (r result) doubt() string {
	if r.err != nil {
		return r.err.Error()
	}
	if i := slices.IndexFunc(r.comparisons, Comparison.Unlisted); i >= 0 {
		c := r.comparisons[i]
		return fmt.Sprintf("%s: model %s, kernel %s", c.What, c.Model, c.Kernel)
	}
	return ""
}

func (r *runner) runOne(ctx context.Context, j job) result {
	ctx, stop := context.WithTimeoutCause(ctx, j.variant.Takes+tooLong, errTooLong)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := newCase(ctx, r.report.Dialect, j.scenario, j.variant, j.family, cancel)
	if err != nil {
		return result{err: err}
	}
	j.variant.Run(ctx, c)
	if err := c.close(); err != nil {
		c.Fail(err)
	}
	return result{c.comparisons, c.err}
}

// add takes what a job has yielded.
func (r *runner) add(j job, got result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why := got.doubt(); why != "" && !j.again {
		r.doubts = append(r.doubts, doubt{j, got})
		return
	}
	r.report.Comparisons = append(r.report.Comparisons, got.comparisons...)
	if got.err != nil {
		r.report.Failures = append(r.report.Failures, Failure{
			j.scenario.Subject, j.scenario.Name, j.variant.Name, j.family.String(), got.err.Error(),
		})
	}
	r.done++
	if r.options.Progress == nil {
		return
	}
	total := r.report.Total()
	r.options.Progress(Progress{
		Done: r.done, Total: r.total, Subject: j.scenario.Subject, Scenario: j.scenario.Name,
		Variant: j.variant.Name, Family: j.family.String(), Comparisons: total.Comparisons, Differences: total.Unlisted,
	})
}

// dialectHas makes a [Scenario.Needs] of one property of a kernel.
func dialectHas(has func(model.Dialect) bool, otherwise string) func(model.Dialect) (bool, string) {
	return func(d model.Dialect) (bool, string) { return has(d), otherwise }
}
