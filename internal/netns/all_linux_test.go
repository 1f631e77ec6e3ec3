package netns

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"
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
