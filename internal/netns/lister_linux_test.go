package netns

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAll(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	named, lived := newNamespace(t), newNamespace(t)
	f := finder{proc: "/proc", names: []string{t.TempDir()}}
	bindNamespace(t, named, filepath.Join(f.names[0], "web"))
	elsewhere := filepath.Join(t.TempDir(), "a b")
	bindNamespace(t, lived, elsewhere)
	first, second := holder(t, lived).Process.Pid, holder(t, lived).Process.Pid

	handles, errs := f.all()
	defer closeAll(handles)
	for _, err := range errs {
		t.Logf("all: %v", err)
	}
	if len(handles) == 0 || !handles[0].IsSelf() {
		t.Fatalf("got %d namespaces, own one not first", len(handles))
	}
	seen := map[uint64]*Handle{}
	for _, h := range handles {
		if seen[h.ID().Inode] != nil {
			t.Errorf("got %v twice", h.ID())
		}
		seen[h.ID().Inode] = h
	}
	if got := seen[named.ID().Inode]; got == nil || got.Name() != "web" || got.PIDCount() != 0 || got.ID() != named.ID() {
		t.Errorf("named namespace: got %+v", got)
	}
	got := seen[lived.ID().Inode]
	if got == nil || got.Name() != elsewhere || got.PIDCount() != 2 ||
		got.PIDs()[0] != min(first, second) || got.PIDs()[1] != max(first, second) {
		t.Errorf("bound namespace with two processes: got %+v", got)
	}
	if err := lived.LoadPIDs(); err != nil || lived.PIDCount() != 2 {
		t.Errorf("load: got %d processes, error %v", lived.PIDCount(), err)
	}
}

func closeAll(handles []*Handle) {
	for _, h := range handles {
		_ = h.Close()
	}
}

// Namespaces that come and go while they are listed are errors in the second
// value at most, and never spoil the first.
func TestAllWhileNamespacesVanish(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if h, err := New(); err == nil {
				cmd := exec.Command("true")
				_ = h.Do(cmd.Run)
				_ = h.Close()
			}
		}
	}()
	for range 20 {
		handles, errs := All()
		if len(handles) == 0 || !handles[0].IsSelf() {
			t.Error("own namespace missing")
		}
		for _, err := range errs {
			if _, vanished := errors.AsType[*VanishedError](err); !vanished && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("got error %v", err)
			}
		}
		closeAll(handles)
	}
	close(stop)
	<-stopped
}

// A namespace whose last process ends between the reading of /proc and the
// opening of its file is told as vanished.
func TestVanishedMember(t *testing.T) {
	t.Parallel()
	c := &collection{byInode: map[uint64]*Handle{}}
	finder{proc: "/proc"}.addMember(c, 4026532999, []int{4194305, 4194306})
	if len(c.errs) != 1 {
		t.Fatalf("got errors %v, want one", c.errs)
	}
	vanished, ok := errors.AsType[*VanishedError](c.errs[0])
	if !ok || vanished.Namespace != "net:[4026532999]" || !errors.Is(vanished, fs.ErrNotExist) {
		t.Errorf("got %v, want it told as vanished", c.errs[0])
	}
}

// find returns the handle of a namespace in a list.
func find(handles []*Handle, id ID) *Handle {
	for _, h := range handles {
		if h.ID() == id {
			return h
		}
	}
	return nil
}

// list lists and fails the test where the host cannot be read as a whole.
func list(t *testing.T, l *Lister) []*Handle {
	t.Helper()
	handles, complete, errs := l.List()
	if !complete {
		t.Fatalf("got an incomplete list: %v", errs)
	}
	return handles
}

func TestListerKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	a, b := newNamespace(t), newNamespace(t)
	f := finder{proc: "/proc", names: []string{t.TempDir()}}
	path := filepath.Join(f.names[0], "web")
	bindNamespace(t, a, path)
	cmd := holder(t, b)
	l := newLister(f)
	first := list(t, l)
	defer closeAll(first)
	gotA, gotB := find(first, a.ID()), find(first, b.ID())
	if gotA == nil || gotB == nil || gotA.Name() != "web" || gotB.PIDCount() != 1 {
		t.Fatalf("got %+v and %+v, want both", gotA, gotB)
	}
	second := list(t, l)
	if find(second, a.ID()) != gotA || find(second, b.ID()) != gotB || !second[0].IsSelf() {
		t.Error("got other handles for the same namespaces")
	}
	// Nobody but our own handles keeps them alive after this.
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	third := list(t, l)
	if find(third, a.ID()) != nil || find(third, b.ID()) != nil {
		t.Error("got namespaces that only our own handles keep alive")
	}
}

// A name that comes to stand for another namespace is not taken for the old one.
func TestListerSeesNameReplaced(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	a, b := newNamespace(t), newNamespace(t)
	f := finder{proc: "/proc", names: []string{t.TempDir()}}
	path := filepath.Join(f.names[0], "web")
	bindNamespace(t, a, path)
	l := newLister(f)
	defer closeAll(list(t, l))
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	bindNamespace(t, b, path)
	got := list(t, l)
	if h := find(got, b.ID()); find(got, a.ID()) != nil || h == nil || h.Name() != "web" {
		t.Errorf("got %+v for the new namespace, and the old one %+v", h, find(got, a.ID()))
	} else {
		_ = h.Close()
	}
}

// What cannot be read makes a list incomplete, so that nobody takes a missing
// namespace for one that is gone.
func TestListerIncomplete(t *testing.T) {
	t.Parallel()
	l := newLister(finder{proc: t.TempDir()})
	handles, complete, errs := l.List()
	if complete || len(handles) != 0 || len(errs) == 0 {
		t.Errorf("got %d namespaces, complete %v, errors %v", len(handles), complete, errs)
	}
}

func TestKernelThreadsAreNoMembers(t *testing.T) {
	t.Parallel()
	dir, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	if isKernelThread(dir, "/proc", os.Getpid()) {
		t.Error("this process is taken for a thread of the kernel")
	}
	comm, err := os.ReadFile("/proc/2/comm")
	kernels := err == nil && string(comm) == "kthreadd\n" // not so in a PID namespace of its own
	if kernels != isKernelThread(dir, "/proc", 2) {
		t.Errorf("process 2 is called %q, and taken for a thread of the kernel: %v", comm, !kernels)
	}
	var table processTable
	for range 2 {
		census, err := table.read("/proc")
		if err != nil {
			t.Fatal(err)
		}
		for inode, m := range census.members {
			if kernels && slices.Contains(m.pids, 2) {
				t.Errorf("kthreadd is a member of %d", inode)
			}
		}
	}
}

func BenchmarkLister(b *testing.B) {
	l := NewLister("")
	handles, _, _ := l.List()
	defer closeAll(handles)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = l.List()
	}
	b.ReportMetric(float64(len(l.procs.kinds)), "processes")
}
