package sockdiag

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// fakeHost is what a watcher under test finds.
type fakeHost struct {
	sources  []*fakeSource // of the namespaces with the cookies 1, 2, ...
	hidden   []bool        // by namespace: it is gone
	listErrs []error
	partly   bool // the list is not complete
	letGo    []uint64
}

// fakeOwners knows nobody.
type fakeOwners struct{ wants []want }

func (f *fakeOwners) ofListeners(_ context.Context, wants []want) ([]facts.Process, []facts.Gap) {
	f.wants = wants
	return nil, nil
}

func (f *fakeOwners) hurry() {}

func (f *fakeOwners) ofAll(_ context.Context, wants []want, _ []int) ([]facts.Process, []facts.Gap) {
	f.wants = wants
	return nil, []facts.Gap{{Source: facts.SourceProcesses, Reason: "nobody is known"}}
}

func fakeWatcher(t *testing.T, o WatchOptions, sources ...*fakeSource) (*Watcher, *fakeHost) {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	host := &fakeHost{sources: sources, hidden: make([]bool, len(sources))}
	w := &Watcher{
		o:         o,
		list:      host.list,
		newSource: func(p place) source { return host.sources[p.namespace.Cookie-1] },
		letGo:     func(p place) { host.letGo = append(host.letGo, p.namespace.Cookie) },
		host:      func(context.Context) hostFacts { return hostFacts{showsBound: true} },
		shared:    func(context.Context) (facts.Shared, []facts.Gap) { return facts.Shared{}, nil },
		log:       func(context.Context) ([]facts.LogLine, error) { return nil, nil },
		owners:    &fakeOwners{},
		cpu:       func() float64 { return 0 },
		closing:   func() {},
	}
	return w, host
}

func (f *fakeHost) list(context.Context) (places []place, complete bool, errs []error) {
	for i := range f.sources {
		if !f.hidden[i] {
			// As those of the kernel, the handles are the same until one is let go.
			places = append(places, place{namespace: facts.Namespace{Cookie: uint64(i + 1), Inode: uint64(i + 1)}})
		}
	}
	return places, !f.partly, f.listErrs
}

func refresh(t *testing.T, w *Watcher) {
	t.Helper()
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// after takes the window of a tick some time later.
func after(t *testing.T, w *Watcher, d time.Duration) facts.Window {
	t.Helper()
	sleepUntil(t.Context(), time.Now().Add(d))
	win, err := w.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return win
}

func TestWatcherTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{walkTakes: 3 * time.Second, queue: func(poll int) uint32 { return uint32(poll) }}
		w, _ := fakeWatcher(t, WatchOptions{}, src)
		began := time.Now()
		refresh(t, w)
		for range 9 {
			sleepUntil(t.Context(), time.Now().Add(time.Second))
			if wait := w.Poll(t.Context()); wait != time.Second {
				t.Errorf("got %v to wait, want a second", wait)
			}
			if wait := w.Poll(t.Context()); wait != time.Second {
				t.Errorf("called too early: got %v to wait, want a second", wait)
			}
		}
		win := after(t, w, time.Second)
		n := win.Namespaces[0]
		if win.Seconds != 10 || n.Start.AtSeconds != 0 || n.End.AtSeconds != 10 || !win.Started.Equal(began) {
			t.Errorf("got %v seconds from %v to %v at %v", win.Seconds, n.Start.AtSeconds, n.End.AtSeconds, win.Started)
		}
		// The first of all was made when the namespace was opened.
		if n.Watches[0].Polls != 10 || n.Watches[0].HighWater != 11 || n.Watches[0].LowWater != 2 || n.Watches[0].Spells != 1 {
			t.Errorf("got %+v, want ten polls", n.Watches[0])
		}
		if err := w.Walk(t.Context(), &win); err != nil {
			t.Fatal(err)
		}
		if n := win.Namespaces[0]; n.Start.CensusAtSeconds.Known() || n.End.CensusAt() != 10 || !n.End.Census.Complete {
			t.Errorf("got %+v, want the first walk of all", n.End)
		}
		after(t, w, 7*time.Second)
		second := after(t, w, 10*time.Second)
		if err := w.Walk(t.Context(), &second); err != nil {
			t.Fatal(err)
		}
		// The walk before ended at 13, this window began at 20, this walk at 30.
		if n := second.Namespaces[0]; n.Start.CensusAt() != -7 || n.End.CensusAt() != 10 || n.Start.AtSeconds != 0 {
			t.Errorf("got walks at %v and %v, want -7 and 10", n.Start.CensusAt(), n.End.CensusAt())
		}
		v := model.NewView(second)
		if v.Namespaces[0].Seconds != 10 || v.Namespaces[0].CensusSeconds != 17 {
			t.Errorf("got %v seconds and %v between the walks", v.Namespaces[0].Seconds, v.Namespaces[0].CensusSeconds)
		}
		sleepUntil(t.Context(), time.Now().Add(4*time.Second))
		if s := w.Stats(); s.CensusAge != 4*time.Second {
			t.Errorf("got a census %v old", s.CensusAge)
		}
	})
}

// TestWatcherTickIsUnknown judges a tick by the rules: what needs a walk is unknown
// and never healthy.
func TestWatcherTickIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := fakeWatcher(t, WatchOptions{}, &fakeSource{})
		refresh(t, w)
		win := after(t, w, 10*time.Second)
		needs := func(s facts.Source) (ids []string) {
			for _, r := range rules.All() {
				if slices.Contains(r.Needs, s) {
					ids = append(ids, r.ID)
				}
			}
			slices.Sort(ids)
			return ids
		}
		unknown := func(win facts.Window) (ids []string) {
			for _, u := range rules.Eval(model.NewView(win), rules.Options{}).Unknown {
				if strings.HasPrefix(u.Reason, string(facts.SourceSockets)) {
					ids = append(ids, u.Rule)
				}
			}
			slices.Sort(ids)
			return ids
		}
		if got, want := unknown(win), needs(facts.SourceSockets); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("a tick: got unknown %v, want %v", got, want)
		}
		if err := w.Walk(t.Context(), &win); err != nil {
			t.Fatal(err)
		}
		if got := unknown(win); got != nil {
			t.Errorf("with a walk: got unknown %v", got)
		}
	})
}

// TestWatcherCountersMissing has the counters of one reading fail: the window says
// so, and the next one reaches back to the last reading there was.
func TestWatcherCountersMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		w, _ := fakeWatcher(t, WatchOptions{}, src)
		refresh(t, w)
		src.readErr = &UnreadableError{Source: facts.SourceSNMP, Err: errors.New("broken")}
		n := after(t, w, 10*time.Second).Namespaces[0]
		if !slices.Contains(n.Gaps, facts.Gap{Source: facts.SourceSNMP, Reason: "broken"}) || n.End.Counters != nil || len(n.End.Census.Listeners) != 1 {
			t.Errorf("got gaps %v and %+v, want listeners and no counters", n.Gaps, n.End)
		}
		if _, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenDrops"); ok {
			t.Error("got a rise of what was not read")
		}
		src.readErr = nil
		win := after(t, w, 10*time.Second)
		n = win.Namespaces[0]
		if d, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenDrops"); !ok || d != 5 {
			t.Errorf("got a rise of %d, want 5", d)
		}
		if ns := model.NewView(win).Namespaces[0]; ns.Seconds != 20 || win.Seconds != 10 {
			t.Errorf("got rates over %v s in a window of %v s, want 20 and 10", ns.Seconds, win.Seconds)
		}
		if got := w.Stats().Errors[facts.SourceSNMP]; got != 1 {
			t.Errorf("got %d errors counted, want 1", got)
		}
	})
}

// TestWatcherSlowSource has one namespace hang at every call: the others lose
// nothing by it but its limits.
func TestWatcherSlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &fakeSource{pollTakes: time.Hour, walkTakes: time.Hour}, &fakeSource{}
		w, _ := fakeWatcher(t, WatchOptions{TickDeadline: 2 * time.Second, WalkDeadline: 4 * time.Second}, slow, quick)
		refresh(t, w)
		began := time.Now()
		win := after(t, w, 10*time.Second)
		if took := time.Since(began) - 10*time.Second; took > 2*time.Second {
			t.Errorf("the tick took %v", took)
		}
		if n := win.Namespaces; n[0].End.Census.ListenersOnly || !hasGap(n[0].Gaps, facts.SourceListeners) ||
			!n[1].End.Census.ListenersOnly || hasGap(n[1].Gaps, facts.SourceListeners) || n[1].End.Counters == nil {
			t.Errorf("got %+v, want a gap of the first alone", n)
		}
		began = time.Now()
		if err := w.Walk(t.Context(), &win); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the walk took %v, want 4s", took)
		}
		if n := win.Namespaces; n[0].End.Census.Complete || !n[1].End.Census.Complete || !hasGap(n[0].Gaps, facts.SourceSockets) {
			t.Errorf("got %+v, want the second alone", n)
		}
		if s := w.Stats(); s.Unwalked != 1 || s.Errors[facts.SourceSockets] != 1 || s.Errors[facts.SourceListeners] < 1 {
			t.Errorf("got %+v", s)
		}
	})
}

// hangingSource is a namespace that never answers.
type hangingSource struct {
	fakeSource
	hang chan struct{}
}

func (h *hangingSource) poll(context.Context) ([]facts.Listener, error) {
	<-h.hang
	return nil, nil
}

// TestWatcherHangingSource has a namespace hang in the kernel, whatever the context
// says: it is given up, and the others are looked at.
func TestWatcherHangingSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quick := &fakeSource{}
		w, _ := fakeWatcher(t, WatchOptions{}, &fakeSource{}, quick)
		hanging := &hangingSource{hang: make(chan struct{})}
		defer close(hanging.hang)
		fromHost := w.newSource
		w.newSource = func(p place) source {
			if p.namespace.Cookie == 1 {
				return hanging
			}
			return fromHost(p)
		}
		refresh(t, w)
		began := time.Now()
		win := after(t, w, 10*time.Second)
		if took := time.Since(began) - 10*time.Second; took != lookLimit {
			t.Errorf("the tick took %v, want %v", took, lookLimit)
		}
		if n := win.Namespaces; n[0].End.Counters != nil || !hasGap(n[0].Gaps, facts.SourceListeners) || !hasGap(n[0].Gaps, facts.SourceNetstat) ||
			n[1].End.Counters == nil || !n[1].End.Census.ListenersOnly {
			t.Errorf("got %+v, want the second alone", n)
		}
	})
}

// TestWatcherExpensivePollsAreRare has a round of polls cost 100 ms of processor
// time: within a share of 0.2 %, that is one in 50 s, ticks or not.
func TestWatcherExpensivePollsAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{pollTakes: 100 * time.Millisecond}
		w, _ := fakeWatcher(t, WatchOptions{}, src)
		w.cpu = func() float64 { return 0.1 * float64(src.polls) }
		refresh(t, w)
		if wait := w.Poll(t.Context()); wait != 50*time.Second-src.pollTakes {
			t.Errorf("got %v to wait, want 50s less the poll", wait)
		}
		after(t, w, 10*time.Second)
		if wait := w.Poll(t.Context()); wait < 40*time.Second {
			t.Errorf("after a tick: got %v to wait, want it not to come sooner", wait)
		}
	})
}

func hasGap(gaps []facts.Gap, s facts.Source) bool {
	return slices.ContainsFunc(gaps, func(g facts.Gap) bool { return g.Source == s })
}

func TestWatcherRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := &fakeSource{}, &fakeSource{openErr: fs.ErrPermission}
		w, host := fakeWatcher(t, WatchOptions{}, first, second)
		refresh(t, w)
		win := after(t, w, 10*time.Second)
		if len(win.Namespaces) != 1 || !hasGap(win.Gaps, facts.SourceNamespaces) {
			t.Errorf("got %d namespaces and gaps %v, want the second left out", len(win.Namespaces), win.Gaps)
		}
		second.openErr = nil // it may be entered now
		refresh(t, w)
		win = after(t, w, 10*time.Second)
		if len(win.Namespaces) != 2 || win.Namespaces[1].Start.AtSeconds != 0 || hasGap(win.Gaps, facts.SourceNamespaces) {
			t.Errorf("got %+v, want both", win.Namespaces)
		}
		host.hidden[0], host.partly, host.listErrs = true, true, []error{errors.New("too many open files")}
		if err := w.Refresh(t.Context()); err == nil || len(host.letGo) != 0 {
			t.Errorf("got %v and let go %v, want an error and all kept", err, host.letGo)
		}
		if win = after(t, w, time.Second); len(win.Namespaces) != 2 || !hasGap(win.Gaps, facts.SourceNamespaces) {
			t.Errorf("got %d namespaces, gaps %v, want both and a gap", len(win.Namespaces), win.Gaps)
		}
		host.partly, host.listErrs = false, []error{&netns.VanishedError{Namespace: "x", Err: fs.ErrNotExist}}
		refresh(t, w)
		if win = after(t, w, time.Second); len(win.Namespaces) != 1 || hasGap(win.Gaps, facts.SourceNamespaces) || !slices.Equal(host.letGo, []uint64{1}) || first.closed != 1 {
			t.Errorf("got %d namespaces, gaps %v, let go %v", len(win.Namespaces), win.Gaps, host.letGo)
		}
		if err := w.Close(); err != nil || !slices.Equal(host.letGo, []uint64{1, 2}) {
			t.Errorf("got %v, let go %v", err, host.letGo)
		}
	})
}

func TestWatcherWithoutNamespace(t *testing.T) {
	t.Parallel()
	w, _ := fakeWatcher(t, WatchOptions{})
	refresh(t, w)
	if _, err := w.Tick(t.Context()); err == nil {
		t.Error("got a window of nothing")
	}
	for _, o := range []WatchOptions{{Poll: -1}, {OwnerShare: -1}, {CensusEntries: -1}} {
		if _, err := o.withDefaults(); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestWatcherWalksBeside shows that ticks go on while a walk is under way, and that
// there is one walk at a time.
func TestWatcherWalksBeside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := fakeWatcher(t, WatchOptions{}, &fakeSource{walkTakes: 5 * time.Second})
		refresh(t, w)
		win := after(t, w, 10*time.Second)
		done := make(chan error)
		go func() { done <- w.Walk(t.Context(), &win) }()
		synctest.Wait()
		began := time.Now()
		next := after(t, w, time.Second)
		if took := time.Since(began); took != time.Second || next.Seconds != 1 {
			t.Errorf("a tick beside a walk took %v", took-time.Second)
		}
		if err := w.Walk(t.Context(), &next); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v from a second walk, want %v", err, ErrBusy)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !win.Namespaces[0].End.Census.Complete || next.Namespaces[0].End.Census.Complete {
			t.Error("the walk went into the wrong window")
		}
	})
}

func TestShareLimits(t *testing.T) {
	t.Parallel()
	alone := shareLimits([]uint64{1_000_000}, 1<<20)[0]
	if want := (facts.Limits{Locals: 1024, Destinations: 4096, Samples: 1024, CloseWait: 16384}); alone != want {
		t.Errorf("alone: got %+v, want %+v", alone, want)
	}
	sockets := make([]uint64, 20)
	for i := range sockets {
		sockets[i] = 50_000
	}
	var sum int
	for _, l := range shareLimits(sockets, 100_000) {
		sum += l.Locals + l.Destinations + sampledClasses*l.Samples + l.CloseWait
	}
	if sum > 110_000 || sum < 90_000 {
		t.Errorf("got %d entries for 20 alike, want about 100,000", sum)
	}
	// Small ones leave their share to a large one.
	mixed := shareLimits([]uint64{10, 10, 10, 1_000_000}, 25_000)
	if mixed[3].CloseWait < 8_000 {
		t.Errorf("got %+v for the large one", mixed[3])
	}
}
