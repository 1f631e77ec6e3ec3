package netns

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
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
