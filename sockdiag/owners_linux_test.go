package sockdiag

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func testOwners(t testing.TB) *owners {
	t.Helper()
	o, err := newOwners(hostTree(""), 1e6, 20*time.Second) // no search is too dear
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wantOf makes a want of this process's own namespace.
func wantOf(cookie uint64, inode uint32, listener bool) want {
	return want{namespace: netnsInode("/proc/self"), cookie: cookie, inode: inode, listener: listener}
}

func holdersIn(list []facts.Process, inode uint32) (pids []int) {
	for _, p := range list {
		if slices.Contains(p.HoldsInodes, inode) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// eventually polls a condition until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
		sleepUntil(t.Context(), time.Now().Add(time.Millisecond))
	}
}

// TestOwnersNamesEveryHolder shares a listener with a child, and follows what
// becomes of it.
func TestOwnersNamesEveryHolder(t *testing.T) {
	t.Parallel()
	o := testOwners(t)
	l, inode := listen(t)
	wants := []want{wantOf(1, inode, true)}
	eventually(t, "this process to be found", func() bool { // a busy machine takes some ticks
		alone, _ := o.ofListeners(t.Context(), wants)
		return slices.Contains(holdersIn(alone, inode), os.Getpid())
	})
	child := inherit(t, l)
	// A new process may share what others hold: a walk looks at the new ones.
	if shared, _ := o.ofAll(t.Context(), wants, nil); !slices.Contains(holdersIn(shared, inode), child) {
		t.Errorf("got owners %v, want %d among them", holdersIn(shared, inode), child)
	}
	full, gaps := o.ofAll(t.Context(), wants, nil)
	got := holdersIn(full, inode)
	if !slices.Contains(got, os.Getpid()) || !slices.Contains(got, child) {
		t.Errorf("got owners %v, want this process and %d; gaps %v", got, child, gaps)
	}
	if i := slices.IndexFunc(full, func(p facts.Process) bool { return p.PID == os.Getpid() }); i >= 0 {
		checkSelf(t, full[i])
		if n := full[i].FDs.Or(0); n < 4 {
			t.Errorf("got %d descriptors", n)
		}
	}
	if err := unix.Kill(child, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child to own the listener no more", func() bool {
		list, _ := o.ofListeners(t.Context(), wants)
		return !slices.Contains(holdersIn(list, inode), child)
	})
	if rest, _ := o.ofAll(t.Context(), nil, nil); len(rest) != 0 || len(o.sockets) != 0 {
		t.Errorf("got %v and %d sockets, want nothing once nothing is wanted", rest, len(o.sockets))
	}
}

// TestOwnersAmongManyDescriptors looks for what is far up in a table, and not again
// for what nobody holds.
func TestOwnersAmongManyDescriptors(t *testing.T) {
	t.Parallel()
	o := testOwners(t)
	held := highSocket(t)
	wants := []want{wantOf(1, held, false), wantOf(2, 1, false)}
	list, gaps := o.ofAll(t.Context(), wants, nil)
	if got := holdersIn(list, held); !slices.Contains(got, os.Getpid()) {
		t.Errorf("got owners %v, want this process; gaps %v", got, gaps)
	}
	nobody := o.sockets[wants[1].key()]
	if nobody.tried != amongFull || nobody.retry.Before(time.Now().Add(retryFirst/2)) {
		t.Errorf("got %+v, want it looked for and put off", nobody)
	}
	if got := o.update(wants, true); len(got) != 0 {
		t.Errorf("got %d sockets to look for again at once, want none", len(got))
	}
	nobody.retry = time.Time{}
	for range 3 {
		if got := o.update(wants, true); len(got) != 1 {
			t.Fatalf("got %d sockets to look for when it is time again, want 1", len(got))
		}
		before := nobody.retry
		if _, err := o.search(t.Context(), []*ownedSocket{nobody}); err != nil {
			t.Fatal(err)
		}
		if !nobody.retry.After(before) {
			t.Errorf("got %v after %v, want it put off", nobody.retry, before)
		}
		nobody.retry = time.Now()
	}
	if nobody.tries < 2 {
		t.Errorf("got %d tries, want them counted", nobody.tries)
	}
}

// highSocket opens a socket behind a hundred other descriptors, until the test
// ends.
func highSocket(t *testing.T) (inode uint32) {
	t.Helper()
	for range 100 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 700)
	_ = unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(high) })
	var stat unix.Stat_t
	if err := unix.Fstat(high, &stat); err != nil {
		t.Fatal(err)
	}
	return uint32(stat.Ino)
}

// TestOwnersPutOff has a search that was dear put off the next one, and say so.
func TestOwnersPutOff(t *testing.T) {
	t.Parallel()
	o := testOwners(t)
	o.share = 1e-9
	if _, gaps := o.ofAll(t.Context(), []want{wantOf(1, 1, false)}, nil); hasPutOff(gaps) {
		t.Errorf("got gaps %v after the first search", gaps)
	}
	held := highSocket(t)
	wants := []want{wantOf(1, 1, false), wantOf(2, held, false)}
	list, gaps := o.ofAll(t.Context(), wants, nil)
	if !hasPutOff(gaps) || len(holdersIn(list, held)) != 0 {
		t.Errorf("got gaps %v and owners %v, want the search put off", gaps, holdersIn(list, held))
	}
	o.fullFrom, o.lowFrom = time.Time{}, time.Time{}
	list, gaps = o.ofAll(t.Context(), wants, nil)
	if got := holdersIn(list, held); !slices.Contains(got, os.Getpid()) || hasPutOff(gaps) {
		t.Errorf("got owners %v and gaps %v, want this process", got, gaps)
	}
}

func hasPutOff(gaps []facts.Gap) bool {
	return slices.ContainsFunc(gaps, func(g facts.Gap) bool { return strings.Contains(g.Reason, "put off") })
}

// TestOwnersDescribesMembers names a process that holds nothing wanted.
func TestOwnersDescribesMembers(t *testing.T) {
	t.Parallel()
	o := testOwners(t)
	list, _ := o.ofAll(t.Context(), nil, []int{os.Getpid(), 4194305})
	if len(list) != 1 || list[0].PID != os.Getpid() || list[0].Comm == "" {
		t.Errorf("got %+v, want this process alone", list)
	}
}

func TestCountDescriptors(t *testing.T) {
	t.Parallel()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, ok := countDescriptors(hostTree(""), os.Getpid()).Get(); !ok || got < 4 {
		t.Errorf("got %d descriptors of this process", got)
	}
	if got, ok := countDescriptors(hostTree(""), 4194305).Get(); ok {
		t.Errorf("got %d descriptors of a process that is not there", got)
	}
}
