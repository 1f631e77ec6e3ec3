package sockdiag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// stalledListener is a listener that never accepts.
type stalledListener struct {
	handle *netns.Handle
	family int
	port   int
}

// tcpSocket opens a socket in a namespace, until the test ends.
func tcpSocket(t testing.TB, h *netns.Handle, family int, then func(fd int) error) {
	t.Helper()
	err := h.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return then(fd)
	})
	if err != nil {
		t.Error(err)
	}
}

func stall(t testing.TB, h *netns.Handle, family, port, backlog int) stalledListener {
	t.Helper()
	tcpSocket(t, h, family, func(fd int) error {
		if err := unix.Bind(fd, socketAddress(family, port)); err != nil {
			return err
		}
		return unix.Listen(fd, backlog)
	})
	return stalledListener{h, family, port}
}

// connect begins n connections.
func (l stalledListener) connect(t testing.TB, n int) {
	t.Helper()
	for range n {
		tcpSocket(t, l.handle, l.family, func(fd int) error {
			err := unix.Connect(fd, socketAddress(l.family, l.port))
			if errors.Is(err, unix.EINPROGRESS) {
				return nil
			}
			return err
		})
	}
}

func listenerOn(c facts.Census, port int) (facts.Listener, bool) {
	i := slices.IndexFunc(c.Listeners, func(l facts.Listener) bool { return int(l.Local.Port()) == port })
	if i < 0 {
		return facts.Listener{}, false
	}
	return c.Listeners[i], true
}

// TestCollectSeesOverflow overflows a listener while the window is open.
func TestCollectSeesOverflow(t *testing.T) {
	t.Parallel()
	bothFamilies(t, func(t *testing.T, family int) {
		const port, backlog = 8080, 1
		h := freshNamespace(t)
		l := stall(t, h, family, port, backlog)
		connected := false
		w, err := Collect(t.Context(), Options{
			Window: 600 * time.Millisecond, Namespaces: []*netns.Handle{h},
			Progress: func(p Progress) {
				if p.Phase == PhaseSampling && !connected {
					connected = true
					l.connect(t, backlog+5)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		checkOverflow(t, w, h, port, backlog)
	})
}

func checkOverflow(t *testing.T, w facts.Window, h *netns.Handle, port, backlog int) {
	t.Helper()
	n := w.Namespaces[0]
	if n.Namespace.Inode != h.ID().Inode || n.Namespace.Cookie != h.ID().Cookie || n.Namespace.Self {
		t.Errorf("got namespace %+v, want %+v", n.Namespace, h.ID())
	}
	if w.Seconds < 0.6 || w.Seconds > 5 || w.Seconds != n.End.AtSeconds-n.Start.AtSeconds {
		t.Errorf("got %v seconds, from %v to %v", w.Seconds, n.Start.AtSeconds, n.End.AtSeconds)
	}
	if d, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenOverflows"); !ok || d == 0 {
		t.Errorf("ListenOverflows rose by %d (%v), want more than 0", d, ok)
	}
	got, ok := listenerOn(n.End.Census, port)
	if !ok || got.Queue != uint32(backlog)+1 || got.Limit != uint32(backlog) {
		t.Fatalf("got listener %+v, want a queue of %d", got, backlog+1)
	}
	i := slices.IndexFunc(n.Watches, func(w facts.Watch) bool { return w.Cookie == got.Cookie })
	if i < 0 {
		t.Fatal("nobody watched the listener")
	}
	watch := n.Watches[i]
	if watch.Full < 5 || watch.Full >= watch.Polls || watch.HighWater != uint32(backlog)+1 || watch.LowWater != 0 || !watch.FullAtEnd {
		t.Errorf("got %+v, want it full at most polls and empty before", watch)
	}
	if first, last := watch.FirstDrops.Or(0), watch.LastDrops.Or(0); last <= first {
		t.Errorf("drops went from %d to %d, want more", first, last)
	}
	if n.Settings["net.core.somaxconn"] == "" || n.Settings[portRangeKey] == "" {
		t.Errorf("got settings %v", n.Settings)
	}
	j := slices.IndexFunc(w.Processes, func(p facts.Process) bool { return p.PID == os.Getpid() })
	if j < 0 || !slices.Contains(w.Processes[j].HoldsInodes, got.Inode) {
		t.Errorf("got processes %+v, want this one with inode %d", w.Processes, got.Inode)
	}
	if w.Host.Kernel == "" || w.Host.BootID == "" || w.Host.CPUs == 0 || w.Host.MemoryBytes == 0 {
		t.Errorf("got host %+v", w.Host)
	}
	if w.Cost.Sockets == 0 || w.Cost.WallSeconds < w.Seconds || w.Cost.CPUSeconds <= 0 {
		t.Errorf("got cost %+v", w.Cost)
	}
}

// TestCollectKeepsNamespacesApart makes one of several namespaces busy.
func TestCollectKeepsNamespacesApart(t *testing.T) {
	t.Parallel()
	const busy = 7
	var handles []*netns.Handle
	for i := range 20 {
		h := freshNamespace(t)
		handles = append(handles, h)
		stall(t, h, unix.AF_INET, 1000+i, 1)
	}
	l := stall(t, handles[busy], unix.AF_INET, 80, 0)
	connected := false
	w, err := Collect(t.Context(), Options{
		Window: 500 * time.Millisecond, Namespaces: handles,
		Progress: func(p Progress) {
			if p.Phase == PhaseSampling && !connected {
				connected = true
				l.connect(t, 5)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Namespaces) != len(handles) {
		t.Fatalf("got %d namespaces, want %d", len(w.Namespaces), len(handles))
	}
	for i, n := range w.Namespaces {
		if _, ok := listenerOn(n.End.Census, 1000+i); !ok || n.Namespace.Inode != handles[i].ID().Inode {
			t.Errorf("namespace %d is not what it should be: %+v", i, n.Namespace)
		}
		d, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenOverflows")
		if full := slices.ContainsFunc(n.Watches, func(w facts.Watch) bool { return w.Full > 0 }); !ok || (d > 0) != (i == busy) || full != (i == busy) {
			t.Errorf("namespace %d: overflows %d, full %v", i, d, full)
		}
		if seconds := n.End.AtSeconds - n.Start.AtSeconds; seconds < 0.4 || seconds > 3 {
			t.Errorf("namespace %d: %v seconds between its readings", i, seconds)
		}
	}
}

// TestCollectWithoutOneNamespace leaves out a namespace that cannot be entered
// any more.
func TestCollectWithoutOneNamespace(t *testing.T) {
	t.Parallel()
	good, gone := freshNamespace(t), freshNamespace(t)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := Collect(t.Context(), Options{Namespaces: []*netns.Handle{gone, good}})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Namespaces) != 1 || w.Namespaces[0].Namespace.Inode != good.ID().Inode {
		t.Errorf("got %+v, want the good one only", w.Namespaces)
	}
	left := slices.ContainsFunc(w.Gaps, func(g facts.Gap) bool {
		return g.Source == facts.SourceNamespaces && strings.Contains(g.Reason, gone.ID().String())
	})
	if !left {
		t.Errorf("got gaps %v, want one about %v", w.Gaps, gone.ID())
	}
	_, err = Collect(t.Context(), Options{Namespaces: []*netns.Handle{gone}})
	if unreadable, ok := errors.AsType[*UnreadableError](err); !ok || unreadable.Namespace != gone.ID().String() {
		t.Errorf("got %v, want that the only namespace is unreadable", err)
	}
}

// TestCollectSeesNamespaceDeserted ends the only process of a namespace in the
// middle of the window.
func TestCollectSeesNamespaceDeserted(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := freshNamespace(t).Do(child.Start); err != nil {
		t.Fatal(err)
	}
	h, err := netns.Open(fmt.Sprint(child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	left := func() bool {
		w, err := Collect(t.Context(), Options{
			Window: 100 * time.Millisecond, Namespaces: []*netns.Handle{h},
			Progress: func(p Progress) {
				if p.Phase == PhaseEnd && stdin != nil {
					_, stdin = stdin.Close(), nil
					_ = child.Wait()
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(w.Namespaces[0].Gaps, func(g facts.Gap) bool { return g.Source == facts.SourceNamespaces })
	}
	closer := stdin
	stdin = nil // the first time nobody leaves
	if left() {
		t.Error("got a gap although the process is still there")
	}
	stdin = closer
	if !left() {
		t.Error("got no gap although the process has ended")
	}
}

func TestCollectWithoutProc(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := Collect(t.Context(), Options{Proc: empty})
	if _, ok := errors.AsType[*UnreadableError](err); !ok || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want that it is unreadable", err)
	}
	checkError(t, err, "(is proc mounted at "+empty+"?)")
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want one line", err)
	}
}

func TestCollectCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var at time.Time
	_, err := Collect(ctx, Options{Window: time.Minute, Progress: func(p Progress) {
		if p.Phase == PhaseSampling && at.IsZero() {
			at = time.Now()
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := time.Since(at); took > time.Second {
		t.Errorf("returned %v after the end of the context", took)
	}
}

func TestCollectNoProcesses(t *testing.T) {
	t.Parallel()
	w, err := Collect(t.Context(), Options{NoProcesses: true})
	if err != nil {
		t.Fatal(err)
	}
	if w.Processes != nil || !slices.Contains(w.Gaps, facts.Gap{Source: facts.SourceProcesses, Reason: "not asked for"}) {
		t.Errorf("got processes %v and gaps %v, want a gap instead of them", w.Processes, w.Gaps)
	}
	if !w.Namespaces[0].Namespace.Self || w.Namespaces[0].End.Counters["Tcp.InSegs"] == 0 {
		t.Errorf("got %+v, want the process's own namespace", w.Namespaces[0].Namespace)
	}
}

// TestCollectWithoutRoot runs itself again as nobody.
func TestCollectWithoutRoot(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	child := exec.Command("/proc/self/exe", "-test.run=^TestCollectAsChild$")
	child.Env = append(os.Environ(), "SOCKDIAG_COLLECT=1")
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := child.Output()
	if os.Getenv("CI") == "" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) {
		t.Skip("no right to become another user here")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var w facts.Window
	if err := json.NewDecoder(strings.NewReader(string(out))).Decode(&w); err != nil {
		t.Fatalf("%v: %.200s", err, out)
	}
	if !slices.ContainsFunc(w.Processes, func(p facts.Process) bool { return p.PID == child.Process.Pid && p.UID.Or(0) == nobody }) {
		t.Errorf("got processes %+v, want the child %d among them", w.Processes, child.Process.Pid)
	}
	told := slices.ContainsFunc(w.Gaps, func(g facts.Gap) bool {
		return g.Source == facts.SourceProcesses && strings.HasSuffix(g.Reason, "processes belong to other users; run as root to name them")
	})
	if !told || w.Host.Root {
		t.Errorf("got gaps %v and root %v, want to be told about other users", w.Gaps, w.Host.Root)
	}
	n := w.Namespaces[0]
	if _, ok := facts.Delta(n.Start.Counters, n.End.Counters, "Tcp.InSegs"); !ok || !n.End.Census.Complete || len(n.Settings) < 20 {
		t.Errorf("got %+v, want counters, sockets and settings as for root", n)
	}
}

// TestCollectAsChild is the child of TestCollectWithoutRoot and no test by
// itself.
func TestCollectAsChild(t *testing.T) {
	if os.Getenv("SOCKDIAG_COLLECT") == "" {
		return // not the child
	}
	listen(t)
	w, err := Collect(t.Context(), Options{Window: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(b))
}

func TestReadKernelLog(t *testing.T) {
	t.Parallel()
	if _, err := readKernelLog(t.Context(), tree{dev: t.TempDir()}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want a file that does not exist", err)
	}
	_, err := readKernelLog(t.Context(), hostTree(""))
	if os.Geteuid() == 0 && err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestCountList(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 1, "0-3": 4, "0-3,8": 5, "0-1,4-5": 4, "": 0, "x": 0, "3-1": 0, "1-": 0} {
		if got := countList(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
