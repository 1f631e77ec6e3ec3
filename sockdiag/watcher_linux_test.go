package sockdiag

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// watch makes a watcher of some namespaces, which come as other handles every time.
func watch(t testing.TB, o WatchOptions, handles ...*netns.Handle) *Watcher {
	t.Helper()
	if len(handles) > 0 {
		o.Namespaces = func(context.Context) (all []*netns.Handle, errs []error) {
			for _, h := range handles {
				again, err := netns.Open("/proc/self/fd/" + strconv.Itoa(h.Fd()))
				if err != nil {
					errs = append(errs, err)
					continue
				}
				all = append(all, again)
			}
			return all, errs
		}
	}
	w, err := NewWatcher(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// tick takes a window of at least windowMin.
func tick(t testing.TB, w *Watcher) facts.Window {
	t.Helper()
	sleepUntil(t.Context(), time.Now().Add(windowMin+10*time.Millisecond))
	win, err := w.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return win
}

func walkOver(t testing.TB, w *Watcher, win facts.Window) facts.Window {
	t.Helper()
	if err := w.Walk(t.Context(), &win); err != nil {
		t.Fatal(err)
	}
	return win
}

// ownersOf returns the processes that hold a listener.
func ownersOf(w facts.Window, l facts.Listener) (out []int) {
	for _, p := range w.Processes {
		if slices.Contains(p.HoldsInodes, l.Inode) {
			out = append(out, p.PID)
		}
	}
	return out
}

// TestWatcherTickAndWalk overflows a listener: a tick sees it without a walk, and a
// walk completes the tick.
func TestWatcherTickAndWalk(t *testing.T) {
	t.Parallel()
	bothFamilies(t, func(t *testing.T, family int) {
		const port, backlog = 8080, 1
		h := freshNamespace(t)
		l := stall(t, h, family, port, backlog)
		w := watch(t, WatchOptions{Poll: time.Millisecond}, h)
		first := tick(t, w)
		checkTick(t, first, h, port)
		l.connect(t, backlog+5)
		w.Poll(t.Context())
		win := tick(t, w)
		n := win.Namespaces[0]
		if d, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenOverflows"); !ok || d == 0 {
			t.Errorf("ListenOverflows rose by %d (%v), want more than 0", d, ok)
		}
		got, _ := listenerOn(n.End.Census, port)
		if got.Queue != backlog+1 || n.Watches[0].Full == 0 || n.Watches[0].HighWater != backlog+1 || !n.Watches[0].FullAtEnd {
			t.Errorf("got listener %+v and %+v, want a queue of %d", got, n.Watches, backlog+1)
		}
		if first, last := n.Watches[0].FirstDrops.Or(0), n.Watches[0].LastDrops.Or(0); last <= first {
			t.Errorf("drops went from %d to %d, want more", first, last)
		}
		if pids := ownersOf(win, got); !slices.Contains(pids, os.Getpid()) {
			t.Errorf("got owners %v of %+v, want this process", pids, got)
		}
		full := walkOver(t, w, win)
		checkWalk(t, win, full)
		checkSecondWalk(t, w, full)
	})
}

func checkTick(t *testing.T, w facts.Window, h *netns.Handle, port int) {
	t.Helper()
	n := w.Namespaces[0]
	if len(w.Namespaces) != 1 || n.Namespace.Cookie != h.ID().Cookie || n.Settings[portRangeKey] == "" {
		t.Fatalf("got %+v, want the one namespace with its settings", n.Namespace)
	}
	if _, ok := listenerOn(n.End.Census, port); !ok || n.End.Census.Complete || !n.End.Census.ListenersOnly {
		t.Errorf("got census %+v, want the listener only", n.End.Census)
	}
	if !hasGap(n.Gaps, facts.SourceSockets) || hasGap(n.Gaps, facts.SourceListeners) {
		t.Errorf("got gaps %v, want the sockets among them and not the listeners", n.Gaps)
	}
	if w.Seconds <= 0 || n.Start.IsZero() || n.End.AtSeconds <= n.Start.AtSeconds || n.Start.AtSeconds > w.Seconds || w.Host.Kernel == "" ||
		len(w.HostSettings) == 0 || w.SharedEnd.Gauges["sockstat.TCP.alloc"] == 0 {
		t.Errorf("got %v seconds from %v to %v, host %+v", w.Seconds, n.Start.AtSeconds, n.End.AtSeconds, w.Host)
	}
	if since := time.Since(w.Started); since < 0 || since > time.Minute {
		t.Errorf("got a window that began %v ago", since)
	}
	var b bytes.Buffer
	if err := facts.Encode(&b, w); err != nil {
		t.Fatal(err)
	}
	if again, err := facts.Decode(&b); err != nil || len(again.Namespaces[0].End.Census.Listeners) != len(n.End.Census.Listeners) {
		t.Errorf("got %+v and %v, want it back", again, err)
	}
}

func checkWalk(t *testing.T, before, after facts.Window) {
	t.Helper()
	old, n := before.Namespaces[0], after.Namespaces[0]
	if !hasGap(old.Gaps, facts.SourceSockets) || old.End.Census.Complete {
		t.Error("the walk changed the window of the tick in place")
	}
	if hasGap(n.Gaps, facts.SourceSockets) || !n.End.Census.Complete || n.End.Census.Classes[facts.ClassUnaccepted].Total == 0 {
		t.Errorf("got gaps %v and census %+v, want all sockets", n.Gaps, n.End.Census)
	}
	if n.End.CensusAt() < n.End.AtSeconds || n.Start.Census.Complete {
		t.Errorf("got a walk at %v, and one before it at %v", n.End.CensusAt(), n.Start.CensusAtSeconds)
	}
	if after.Cost.Sockets != n.End.Census.Sockets || after.Cost.WallSeconds <= before.Cost.WallSeconds {
		t.Errorf("got cost %+v after %+v", after.Cost, before.Cost)
	}
}

// checkSecondWalk takes two more ticks, of which the second is walked over: it is
// compared with the walk of the first of all.
func checkSecondWalk(t *testing.T, w *Watcher, first facts.Window) {
	t.Helper()
	tick(t, w)
	win := tick(t, w)
	full := walkOver(t, w, win)
	n := full.Namespaces[0]
	ago, ok := n.Start.CensusAtSeconds.Get()
	if !ok || ago >= 0 || !n.Start.Census.Complete || n.End.CensusAt()-ago < 2*windowMin.Seconds() {
		t.Errorf("got the census before at %v and %v, want that of the walk before", ago, n.End.CensusAt())
	}
	if got, want := n.Start.Census.Classes[facts.ClassUnaccepted], first.Namespaces[0].End.Census.Classes[facts.ClassUnaccepted]; got.Total != want.Total {
		t.Errorf("got %d unaccepted before, want %d", got.Total, want.Total)
	}
	if err := w.Walk(t.Context(), &first); err == nil {
		t.Error("a window long gone was walked over")
	}
	s := w.Stats()
	if s.Namespaces != 1 || s.Unwalked != 0 || s.CensusAge <= 0 || s.Tick.Runs < 4 || s.Walk.Runs != 2 || s.Tick.CPU <= 0 || s.Outstanding != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestWatcherOwnerReplaced replaces the process behind an address.
func TestWatcherOwnerReplaced(t *testing.T) {
	t.Parallel()
	h := freshNamespace(t)
	const port = 8080
	w := watch(t, WatchOptions{Poll: time.Millisecond}, h)
	var last int
	for range 3 {
		child := listeningChild(t, h, port)
		win := tick(t, w)
		l, ok := listenerOn(win.Namespaces[0].End.Census, port)
		if pids := ownersOf(win, l); !ok || !slices.Equal(pids, []int{child.pid}) {
			t.Errorf("tick: got owners %v of %+v, want %d after %d", pids, l, child.pid, last)
		}
		if !slices.ContainsFunc(win.Processes, func(p facts.Process) bool { return p.PID == child.pid && p.Comm != "" && p.FDs.Or(0) > 3 }) {
			t.Errorf("got %+v", win.Processes)
		}
		full := walkOver(t, w, win)
		if pids := ownersOf(full, l); !slices.Equal(pids, []int{child.pid}) {
			t.Errorf("walk: got owners %v, want %d", pids, child.pid)
		}
		last = child.pid
		child.stop()
	}
}

// TestWatcherChurn makes and deletes 500 namespaces under a watcher of the whole
// host: nothing is left of them, and none is kept alive.
func TestWatcherChurn(t *testing.T) {
	w := watch(t, WatchOptions{Poll: time.Millisecond})
	dir := t.TempDir()
	made := map[uint64]bool{} // cookies of all that were ever made
	round := func(n int) (watched int) {
		var now []*netns.Handle
		for i := range n {
			h, err := netns.New()
			if err != nil {
				t.Fatal(err)
			}
			bind(t, h, filepath.Join(dir, strconv.Itoa(i)))
			made[h.ID().Cookie] = true
			now = append(now, h)
		}
		if err := w.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		win := tick(t, w)
		for _, n := range win.Namespaces {
			if made[n.Namespace.Cookie] {
				watched++
			}
		}
		_ = walkOver(t, w, win)
		for i, h := range now {
			if err := unix.Unmount(filepath.Join(dir, strconv.Itoa(i)), unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
			_ = h.Close()
		}
		return watched
	}
	settled := func() (files int, heap uint64, goroutines int) {
		if err := w.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		tick(t, w)
		runtime.GC()
		debug.FreeOSMemory()
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		// Others make namespaces on this host too.
		return len(entries) - heldBy(t, w), m.HeapAlloc, runtime.NumGoroutine()
	}
	round(20) // whatever is kept for later is there after this
	files, heap, goroutines := settled()
	for range 10 {
		if watched := round(50); watched != 50 {
			t.Errorf("got %d namespaces watched, want 50", watched)
		}
	}
	moreFiles, moreHeap, moreGoroutines := settled()
	if moreFiles > files+8 || moreGoroutines > goroutines+8 || moreHeap > heap+4<<20 {
		t.Errorf("got %d descriptors, %d goroutines, %d bytes after 500 namespaces; had %d, %d, %d",
			moreFiles, moreGoroutines, moreHeap, files, goroutines, heap)
	}
	for _, m := range w.members {
		if made[m.place.namespace.Cookie] {
			t.Errorf("%+v is watched still", m.place.namespace)
		}
	}
}

// heldBy counts the descriptors that a watcher holds for its namespaces.
func heldBy(t *testing.T, w *Watcher) (n int) {
	t.Helper()
	for _, m := range w.members {
		l, ok := m.src.(*liveSource)
		if !ok {
			t.Fatalf("got %T", m.src)
		}
		n += 2 // the namespace and the conversation
		for _, f := range l.kept.files {
			if f != nil {
				n++
			}
		}
	}
	return n
}

// bind gives a namespace a name that goes when the test ends.
func bind(t *testing.T, h *netns.Handle, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(h.Fd()), path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) }) // fails where the test has done it
}

// TestWatcherListenersComeAndGo has a hundred listeners appear and vanish.
func TestWatcherListenersComeAndGo(t *testing.T) {
	t.Parallel()
	h := freshNamespace(t)
	w := watch(t, WatchOptions{Poll: time.Nanosecond}, h)
	m := w.members[0]
	for round := range 3 {
		var fds []int
		for i := range 100 {
			fds = append(fds, listenIn(t, h, 1000*round+1000+i))
		}
		w.Poll(t.Context())
		win := tick(t, w)
		n := win.Namespaces[0]
		if len(n.End.Census.Listeners) != 100 || len(n.Watches) != 100 {
			t.Errorf("got %d listeners, %d of them watched, want 100", len(n.End.Census.Listeners), len(n.Watches))
		}
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		gone := tick(t, w).Namespaces[0]
		if len(gone.End.Census.Listeners) != 0 || len(m.watches.byCookie) != 0 {
			t.Errorf("got %d listeners, %d remembered, want none", len(gone.End.Census.Listeners), len(m.watches.byCookie))
		}
	}
	o, ok := w.owners.(*owners)
	if !ok {
		t.Fatalf("got %T", w.owners)
	}
	tick(t, w)
	if len(o.sockets) != 0 {
		t.Errorf("got %d sockets remembered, want none", len(o.sockets))
	}
}

// TestWatcherKnowsQuietNamespaces compares what tells that there are no connections
// with the kernel's own count.
func TestWatcherKnowsQuietNamespaces(t *testing.T) {
	t.Parallel()
	h := freshNamespace(t)
	l := stall(t, h, unix.AF_INET, 80, 4)
	stall(t, h, unix.AF_INET6, 81, 4)
	w := watch(t, WatchOptions{}, h)
	quiet := func() bool {
		t.Helper()
		win := tick(t, w)
		tasks, _, err := w.plan(&win)
		if err != nil {
			t.Fatal(err)
		}
		full := walkOver(t, w, win)
		if len(full.Namespaces[0].End.Census.Listeners) != 2 || !full.Namespaces[0].End.Census.Complete {
			t.Errorf("got %+v, want both listeners", full.Namespaces[0].End.Census)
		}
		return tasks[0].known != nil
	}
	for range 2 {
		if !quiet() {
			t.Error("a namespace with two listeners and no segment ever is not quiet")
		}
	}
	l.connect(t, 1)
	if quiet() {
		t.Error("a namespace with a connection is quiet")
	}
	if quiet() {
		t.Error("a namespace in which a connection was seen is quiet")
	}
}

// TestLiveSourceRefuses shows that nobody waits behind a call that has not come
// back, and that what it uses is let go when it does.
func TestLiveSourceRefuses(t *testing.T) {
	t.Parallel()
	w := watch(t, WatchOptions{}, freshNamespace(t))
	l, ok := w.members[0].src.(*liveSource)
	if !ok {
		t.Fatalf("got %T", w.members[0].src)
	}
	if !l.polling.enter() || !l.walking.enter() {
		t.Fatal("a call is under way")
	}
	win := tick(t, w)
	if n := win.Namespaces[0]; !hasGap(n.Gaps, facts.SourceListeners) || n.End.Counters == nil || n.End.Census.ListenersOnly {
		t.Errorf("got gaps %v and %+v, want counters only", n.Gaps, n.End)
	}
	if err := w.Walk(t.Context(), &win); err != nil {
		t.Fatal(err)
	}
	if n := win.Namespaces[0]; !hasGap(n.Gaps, facts.SourceSockets) || n.End.Census.Complete {
		t.Errorf("got gaps %v and %+v, want no walk", n.Gaps, n.End.Census)
	}
	if got := w.Stats().Outstanding; got != 2 {
		t.Errorf("got %d calls outstanding, want 2", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d, ok := l.polled.dump.(*netlinkDumper)
	if !ok || d.fd < 0 {
		t.Error("the conversation was ended under a call that uses it")
	}
	if l.polling.leave(); ok && d.fd >= 0 {
		t.Error("the conversation was not ended when the call came back")
	}
}

// listenIn opens a listener in a namespace; the caller closes it.
func listenIn(t *testing.T, h *netns.Handle, port int) (fd int) {
	t.Helper()
	err := h.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Bind(fd, socketAddress(unix.AF_INET, port)); err != nil {
			return err
		}
		return unix.Listen(fd, 4)
	})
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestWatcherSeesNamespaceReplaced puts another namespace under the same name.
func TestWatcherSeesNamespaceReplaced(t *testing.T) {
	t.Parallel()
	a, b := freshNamespace(t), freshNamespace(t)
	now := a
	w, err := NewWatcher(WatchOptions{Namespaces: func(context.Context) ([]*netns.Handle, []error) {
		h, err := netns.Open("/proc/self/fd/" + strconv.Itoa(now.Fd()))
		if err != nil {
			return nil, []error{err}
		}
		return []*netns.Handle{h}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, h := range []*netns.Handle{a, b, b} {
		now = h
		if err := w.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		win := tick(t, w)
		if len(win.Namespaces) != 1 || win.Namespaces[0].Namespace.Cookie != h.ID().Cookie || win.Namespaces[0].Start.IsZero() {
			t.Errorf("got %+v, want %v", win.Namespaces, h.ID())
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.Tick(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v from a closed watcher", err)
	}
	if err := w.Refresh(t.Context()); err == nil {
		t.Error("a closed watcher was refreshed")
	}
}

// BenchmarkTick is a tick over twenty namespaces.
func BenchmarkTick(b *testing.B) {
	var handles []*netns.Handle
	for i := range 20 {
		h := freshNamespace(b)
		stall(b, h, unix.AF_INET, 1000+i, 1)
		handles = append(handles, h)
	}
	w := watch(b, WatchOptions{}, handles...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Tick(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
