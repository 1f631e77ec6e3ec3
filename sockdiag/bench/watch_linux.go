package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// How often the parts of watching come where -for runs them side by side, like the
// agent does.
const (
	everyPoll    = time.Second
	everyTick    = 10 * time.Second
	everyRefresh = time.Minute
	everyWalk    = 5 * time.Minute
)

// watchRoleMemory is the heap that the watcher is told to keep to.
const watchRoleMemory = 40 << 20

// compareWatch spreads the sockets over namespaces, lets a watcher in a process of
// its own look at them, and prints what each part of its work costs.
func compareWatch(ctx context.Context, o options) error {
	return spreadOver(ctx, o, func() error { return watchSpread(ctx, o) })
}

// spreadOver makes the sockets, spread over namespaces, for as long as do takes.
func spreadOver(ctx context.Context, o options, do func() error) error {
	start := time.Now()
	each := o
	each.sockets = o.sockets / o.namespaces
	var all []*holder
	defer func() { stopHolders(all) }()
	for range o.namespaces {
		ns, err := netns.New()
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := ns.Do(loopbackUp); err != nil {
			return err
		}
		holders, err := startHolders(ctx, ns, each)
		all = append(all, holders...)
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "bench: %d sockets in %d namespaces and %d processes after %s\n",
		o.sockets, o.namespaces, len(all), time.Since(start).Round(time.Millisecond))
	return do()
}

// watchSpread has a process of its own watch the host, and prints what that cost.
func watchSpread(ctx context.Context, o options) error {
	cmd, err := command(ctx, "-role=watch", "-rounds="+strconv.Itoa(o.rounds), "-for="+o.during.String())
	if err != nil {
		return err
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	var r watchResult
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		return err
	}
	if err := describeMachine(os.Stdout); err != nil {
		return err
	}
	return r.print(o)
}

// watchResult is what a watcher did and what that cost.
type watchResult struct {
	Namespaces int           `json:"namespaces"`
	Processes  int           `json:"processes"`
	Sockets    uint64        `json:"sockets"` // of one walk
	Parts      []watchPart   `json:"parts"`
	RSSKiB     int           `json:"rss_kib"`
	PeakKiB    int           `json:"peak_kib"`
	Ran        time.Duration `json:"ran"` // side by side, with all parts in their turn
	RanCPU     time.Duration `json:"ran_cpu"`
}

// watchPart is one part of the work: its first run, and the median of the others.
type watchPart struct {
	Name      string        `json:"name"`
	First     result        `json:"first"`
	LaterWall time.Duration `json:"later_wall"`
	LaterCPU  time.Duration `json:"later_cpu"`
	Runs      int           `json:"runs"`
}

func (r *watchResult) print(o options) error {
	fmt.Printf("\n%d sockets in %d namespaces of %d on the host, %d processes; medians of %d runs\n",
		r.Sockets, o.namespaces, r.Namespaces, r.Processes, o.rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "part\tfirst wall\tfirst CPU\tlater wall\tlater CPU\truns\t")
	for _, p := range r.Parts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t\n", p.Name, short(p.First.Wall), short(p.First.CPU), short(p.LaterWall), short(p.LaterCPU), p.Runs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("resident %.1f MiB, at most %.1f MiB\n", float64(r.RSSKiB)/1024, float64(r.PeakKiB)/1024)
	if r.Ran > 0 {
		fmt.Printf("%v with a poll every %v, a tick every %v, a refresh every %v, a walk every %v: %s of processor time, %.2f %% of one core\n",
			r.Ran.Round(time.Second), everyPoll, everyTick, everyRefresh, everyWalk, short(r.RanCPU), 100*r.RanCPU.Seconds()/r.Ran.Seconds())
	}
	return nil
}

// watchAll is the process that watches: every part some times, then all of them in
// their turn.
func watchAll(ctx context.Context, o options) error {
	debug.SetMemoryLimit(watchRoleMemory)
	w, err := sockdiag.NewWatcher(sockdiag.WatchOptions{Poll: time.Nanosecond, PollShare: 1e6})
	if err != nil {
		return err
	}
	defer w.Close()
	r := watchResult{}
	var win facts.Window
	parts := []struct {
		name string
		run  func() error
	}{
		{"refresh", func() error { return w.Refresh(ctx) }},
		{"poll", func() error { w.Poll(ctx); return nil }},
		{"tick after a refresh", func() (err error) { _, err = w.Tick(ctx); return err }},
		{"tick", func() (err error) { win, err = w.Tick(ctx); return err }},
		{"walk and owners", func() error { return w.Walk(ctx, &win) }},
	}
	r.Parts = make([]watchPart, len(parts))
	walls, cpus := make([][]time.Duration, len(parts)), make([][]time.Duration, len(parts))
	for round := range o.rounds + 1 {
		for i, part := range parts {
			got, err := timed(part.run)
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			if round == 0 {
				r.Parts[i] = watchPart{Name: part.name, First: got, Runs: o.rounds}
				continue
			}
			walls[i], cpus[i] = append(walls[i], got.Wall), append(cpus[i], got.CPU)
		}
		if round == 0 {
			r.Parts = append(r.Parts, watchPart{Name: "of it, owners", First: firstOwners(w)})
		}
	}
	for i := range parts {
		r.Parts[i].LaterWall, r.Parts[i].LaterCPU = median(walls[i]), median(cpus[i])
	}
	last := &r.Parts[len(parts)]
	later := w.Stats().Owners
	last.Runs = int(later.Runs) - 1
	last.LaterWall, last.LaterCPU = later.LastWall, (later.CPU-last.First.CPU)/time.Duration(max(last.Runs, 1))
	r.Namespaces, r.Sockets = w.Stats().Namespaces, win.Cost.Sockets
	win = facts.Window{}
	if err := sideBySide(ctx, w, o.during, &r); err != nil {
		return err
	}
	if err := r.memory(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// firstOwners is what the first search for owners cost.
func firstOwners(w *sockdiag.Watcher) result {
	now := w.Stats().Owners
	return result{Wall: now.LastWall, CPU: now.CPU}
}

// timed runs something and says what it cost.
func timed(run func() error) (result, error) {
	var w stopwatch
	if err := w.restart(); err != nil {
		return result{}, err
	}
	if err := run(); err != nil {
		return result{}, err
	}
	wall := time.Since(w.wall)
	after, err := cpuTime()
	return result{Wall: wall, CPU: after - w.cpu}, err
}

// sideBySide does everything in its turn for a while.
func sideBySide(ctx context.Context, w *sockdiag.Watcher, during time.Duration, r *watchResult) error {
	if during <= 0 {
		return nil
	}
	cost, err := timed(func() error {
		began := time.Now()
		var ticks, refreshes, walks int
		for now := time.Duration(0); now < during; now = time.Since(began) {
			w.Poll(ctx)
			if int(now/everyRefresh) > refreshes {
				refreshes++
				if err := w.Refresh(ctx); err != nil {
					return err
				}
			}
			if int(now/everyTick) > ticks {
				ticks++
				win, err := w.Tick(ctx)
				if err != nil {
					return err
				}
				// The first one in the middle of its interval, so that the average
				// over whole intervals is right.
				if int((now+everyWalk/2)/everyWalk) > walks {
					walks++
					if err := w.Walk(ctx, &win); err != nil {
						return err
					}
				}
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(everyPoll - (time.Since(began) % everyPoll)):
			}
		}
		return nil
	})
	r.Ran, r.RanCPU = cost.Wall, cost.CPU
	return err
}

// memory reads how much memory the process has resident.
func (r *watchResult) memory() (err error) {
	if r.PeakKiB, err = peakKiB(); err != nil {
		return err
	}
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	status, err := self.NewStatus()
	if err != nil {
		return err
	}
	r.RSSKiB = int(status.VmRSS >> 10)
	all, err := procfs.AllProcs()
	r.Processes = len(all)
	return err
}
