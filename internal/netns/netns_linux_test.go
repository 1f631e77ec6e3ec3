package netns

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The environment variables that make the test binary play a part.
const (
	unprivilegedRole = "NETNS_TEST_UNPRIVILEGED" // report what somebody without privilege sees
	ownMountsRole    = "NETNS_TEST_OWN_MOUNTS"   // already in a mount namespace of its own
)

func TestMain(m *testing.M) {
	if os.Getenv(unprivilegedRole) != "" {
		os.Exit(unprivilegedMain())
	}
	if os.Getenv(ownMountsRole) == "" {
		execWithOwnMounts()
	}
	os.Exit(m.Run())
}

// execWithOwnMounts starts the test binary over in a mount namespace of its own,
// so that what the tests bind is never seen outside and binding works in a user
// namespace too. Without the privilege it returns, and the tests say what they miss.
func execWithOwnMounts() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Unshare(unix.CLONE_NEWNS) != nil || unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
		return
	}
	_ = unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), ownMountsRole+"=1"))
}

// needNamespaces skips where namespaces may not be made, but never in CI.
func needNamespaces(t *testing.T) {
	t.Helper()
	h, err := New()
	if err == nil {
		_ = h.Close()
		return
	}
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	t.Fatal(err)
}

func newNamespace(t *testing.T) *Handle {
	t.Helper()
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func threadInode(t *testing.T) uint64 {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	inode, ok := parseInode(link)
	if !ok {
		t.Fatalf("got link %q", link)
	}
	return inode
}

// waitFor polls a condition until it holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// holder starts a process in the namespace that lives until the test ends.
func holder(t *testing.T, h *Handle) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	return cmd
}

func TestSelf(t *testing.T) {
	t.Parallel()
	h, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if !h.IsSelf() || h.ID().Inode != threadInode(t) || h.ID().Cookie == 0 {
		t.Errorf("got self %v, id %+v, want own inode %d and a cookie", h.IsSelf(), h.ID(), threadInode(t))
	}
	called := false
	if err := h.Do(func() error { called = true; return nil }); err != nil || !called {
		t.Errorf("got called %v, error %v", called, err)
	}
}

func TestTwoNamespacesAreDistinct(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	a, b := newNamespace(t), newNamespace(t)
	if a.Same(b) || a.ID() == b.ID() || a.ID().Cookie == b.ID().Cookie {
		t.Errorf("got ids %+v and %+v, want different ones", a.ID(), b.ID())
	}
	home := threadInode(t)
	for _, h := range []*Handle{a, b} {
		err := h.Do(func() error {
			if got := threadInode(t); got != h.ID().Inode {
				t.Errorf("inside: got inode %d, want %d", got, h.ID().Inode)
			}
			if got := socketCookie(); got != h.ID().Cookie {
				t.Errorf("inside: got cookie %d, want %d", got, h.ID().Cookie)
			}
			return fs.ErrClosed
		})
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got error %v, want the function's own", err)
		}
	}
	if got := threadInode(t); got != home {
		t.Errorf("afterwards: got inode %d, want %d", got, home)
	}
}

func TestDoNests(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	outer, inner := newNamespace(t), newNamespace(t)
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	err = outer.Do(func() error {
		if err := inner.Do(func() error {
			if got := threadInode(t); got != inner.ID().Inode {
				t.Errorf("inner: got inode %d, want %d", got, inner.ID().Inode)
			}
			return nil
		}); err != nil {
			return err
		}
		if got := threadInode(t); got != outer.ID().Inode {
			t.Errorf("outer: got inode %d, want %d", got, outer.ID().Inode)
		}
		return self.Do(func() error {
			if got := threadInode(t); got != self.ID().Inode {
				t.Errorf("self: got inode %d, want %d", got, self.ID().Inode)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDoPassesOnPanicAndGoexit(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	h := newNamespace(t)
	var got any
	func() {
		defer func() { got = recover() }()
		_ = h.Do(func() error { panic("boom") })
	}()
	if got != "boom" {
		t.Errorf("got panic %v, want boom", got)
	}
	returned := false
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Do(func() error { runtime.Goexit(); return nil })
		returned = true
	}()
	<-ended
	if returned {
		t.Error("Do returned after runtime.Goexit")
	}
}

// A worker must never sit on the thread-group leader, or /proc/self/ns/net
// would show the wrong namespace to everybody.
func TestDoAvoidsTheLeadingThread(t *testing.T) {
	needNamespaces(t)
	h := newNamespace(t)
	home := threadInode(t)
	for range 200 {
		err := h.Do(func() error {
			link, err := os.Readlink("/proc/self/ns/net")
			if got, _ := parseInode(link); got != home {
				t.Fatalf("got process namespace %d, want %d", got, home)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoLeaksNothing(t *testing.T) {
	needNamespaces(t)
	h := newNamespace(t)
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if err := h.Do(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	threads, files, goroutines := count("/proc/self/task"), count("/proc/self/fd"), runtime.NumGoroutine()
	for range 500 {
		if err := h.Do(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if got := count("/proc/self/task"); got > threads+8 {
		t.Errorf("got %d threads, had %d", got, threads)
	}
	if got := count("/proc/self/fd"); got > files+4 {
		t.Errorf("got %d descriptors, had %d", got, files)
	}
}

// A thread that cannot be put back must end rather than run other goroutines.
func TestThreadThatCannotReturnEnds(t *testing.T) {
	needNamespaces(t)
	h := newNamespace(t)
	var lost int
	err := h.Do(func() error {
		lost = unix.Gettid()
		// Without privilege the way back is barred.
		return dropPrivileges()
	})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the misplaced thread to end", func() bool {
		_, err := os.Stat("/proc/self/task/" + strconv.Itoa(lost))
		return errors.Is(err, fs.ErrNotExist)
	})
}

func TestInodeIsReusedCookieIsNot(t *testing.T) {
	needNamespaces(t)
	first, err := New()
	if err != nil {
		t.Fatal(err)
	}
	old := first.ID()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	// Others make namespaces too, so the number may go to one of theirs.
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		next, err := New()
		if err != nil {
			t.Fatal(err)
		}
		id := next.ID()
		_ = next.Close()
		if id.Cookie == old.Cookie {
			t.Fatalf("got the cookie %d again", id.Cookie)
		}
		if id.Inode == old.Inode {
			return
		}
	}
	t.Logf("inode %d was not handed out again within 3 s; cookies differed throughout", old.Inode)
}

func TestOpenByPIDAndPath(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	h := newNamespace(t)
	pid := holder(t, h).Process.Pid
	for _, spec := range []string{strconv.Itoa(pid), "/proc/" + strconv.Itoa(pid) + "/ns/net"} {
		got, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(h) || got.ID() != h.ID() || got.IsSelf() || got.Name() != "" {
			t.Errorf("%s: got %+v named %q, want %+v without a name", spec, got.ID(), got.Name(), h.ID())
		}
		_ = got.Close()
	}
	own, err := Open(strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if !own.IsSelf() {
		t.Error("own process ID: got another namespace")
	}
}

func TestOpenByName(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	f := finder{proc: "/proc", names: []string{t.TempDir()}}
	h := newNamespace(t)
	bindNamespace(t, h, filepath.Join(f.names[0], "db1"))
	for _, spec := range []string{"db1", filepath.Join(f.names[0], "db1")} {
		got, err := f.open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(h) || got.Name() != "db1" {
			t.Errorf("%s: got %+v named %q", spec, got.ID(), got.Name())
		}
		_ = got.Close()
	}
	_, err := f.open("db7")
	want := `no namespace named "db7" (there are: db1); a pid or a path works too`
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	if unknown, ok := errors.AsType[*UnknownError](err); !ok || unknown.Name != "db7" {
		t.Errorf("got %T, want *UnknownError", err)
	}
}

// bindNamespace gives a namespace a name, as `ip netns add` would.
func bindNamespace(t *testing.T, h *Handle, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := h.Do(func() error { return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	f := finder{proc: "/proc", names: []string{filepath.Join(t.TempDir(), "none")}}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, spec, want string }{
		{"empty", "", "netns: open: empty name"},
		{"unknown", "db7", `no namespace named "db7" (none has a name); a pid or a path works too`},
		{"no process", "4194305", "netns: no process 4194305, and no namespace of that name"},
		{"no such path", "/nowhere/db7", "netns: open /nowhere/db7: no such file or directory"},
		{"not a namespace", pipe, "netns: " + pipe + " is not a namespace"},
		{"another kind", "/proc/self/ns/uts", "netns: /proc/self/ns/uts is not a network namespace"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h, err := f.open(test.spec)
			if err == nil {
				_ = h.Close()
				t.Fatal("got no error")
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error %q, want %q", err, test.want)
			}
		})
	}
}

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

// unprivilegedMain lists and opens namespaces as somebody without privilege; it
// is the other half of TestUnprivileged.
func unprivilegedMain() int {
	self, err := Self()
	if err != nil || self.ID().Cookie == 0 {
		return 11
	}
	if err := self.Do(func() error { return nil }); err != nil {
		return 12
	}
	handles, errs := All()
	if len(handles) == 0 || !handles[0].IsSelf() {
		return 13
	}
	forbidden := false
	for _, err := range errs {
		forbidden = forbidden || errors.Is(err, fs.ErrPermission)
	}
	if !forbidden {
		return 14
	}
	if _, err := Open("1"); !errors.Is(err, fs.ErrPermission) {
		return 15
	}
	if _, err := New(); !errors.Is(err, fs.ErrPermission) {
		return 16
	}
	return 0
}

// dropPrivileges takes all privilege from the calling thread and from what it
// starts, even where the user is root. The thread must end afterwards.
func dropPrivileges() error {
	const noRoot = 1 // SECBIT_NOROOT: exec as user 0 gives no privilege
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil && os.Geteuid() == 0 {
		return err
	}
	var none [2]unix.CapUserData
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
}

func TestUnprivileged(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), unprivilegedRole+"=1")
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
		err := dropPrivileges()
		if err == nil {
			err = cmd.Run()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
