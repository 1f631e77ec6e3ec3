package sockdiag

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// listen opens a listener and returns the inode of its socket.
func listen(t testing.TB) (*net.TCPListener, uint32) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, inodeOf(t, l)
}

func inodeOf(t testing.TB, l *net.TCPListener) uint32 {
	t.Helper()
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) }); ctlErr != nil || err != nil {
		t.Fatal(ctlErr, err)
	}
	return uint32(stat.Ino)
}

// inherit starts a child that holds the listener too, until the test ends.
func inherit(t testing.TB, l *net.TCPListener) int {
	t.Helper()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{file}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	return child.Process.Pid
}

func TestAttributeNamesEveryHolder(t *testing.T) {
	t.Parallel()
	l, inode := listen(t)
	child := inherit(t, l)
	got, err := attribute(t.Context(), hostTree(""), []uint32{inode, 1})
	if err != nil {
		t.Fatal(err)
	}
	if got.found != 1 || got.suspects != 2 || !got.complete {
		t.Errorf("got %+v, want one of two found", got)
	}
	var pids []int
	for _, p := range got.processes {
		pids = append(pids, p.PID)
		if !slices.Equal(p.HoldsInodes, []uint32{inode}) {
			t.Errorf("process %d holds %v, want %d", p.PID, p.HoldsInodes, inode)
		}
		switch p.PID {
		case os.Getpid():
			checkSelf(t, p)
		case child:
			if p.Comm != "cat" || p.FDs.Or(0) < 4 {
				t.Errorf("got %+v, want cat with at least 4 descriptors", p)
			}
		}
	}
	for _, want := range []int{os.Getpid(), child} {
		if !slices.Contains(pids, want) {
			t.Errorf("process %d is missing among %v", want, pids)
		}
	}
}

func checkSelf(t *testing.T, p facts.Process) {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if p.Comm != strings.TrimSpace(string(comm)) {
		t.Errorf("got comm %q, want %q", p.Comm, comm)
	}
	if uid, ok := p.UID.Get(); !ok || int(uid) != os.Geteuid() {
		t.Errorf("got uid %d, want %d", uid, os.Geteuid())
	}
	if got, ok := p.FDLimit.Get(); !ok || got != limit.Cur {
		t.Errorf("got limit %d, want %d", got, limit.Cur)
	}
	if p.Threads < 1 || p.StartTicks == 0 || p.State == "" || p.NetnsInode == 0 || p.Cgroup == "" {
		t.Errorf("got %+v: something is missing", p)
	}
}

// TestAttributeEndsWithContext shows that a walk that may not go on says so
// instead of calling sockets ownerless.
func TestAttributeEndsWithContext(t *testing.T) {
	t.Parallel()
	_, inode := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := attribute(ctx, hostTree(""), []uint32{inode})
	if err != nil {
		t.Fatal(err)
	}
	if got.complete || len(got.gaps(true, false)) != 1 {
		t.Errorf("got %+v, want it incomplete and one gap", got)
	}
}

func TestContainerOf(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("ab", containerIDLen/2)
	proc := writeTree(t, map[string]string{
		"7/cgroup": "4:memory:/docker/" + id + "\n0::/\n",
		"8/cgroup": "0::/system.slice/nginx.service\n",
		"9/cgroup": "nonsense\n",
	})
	for pid, want := range map[int]string{7: id, 8: "", 9: "", 10: ""} {
		if got := containerOf(tree{proc: proc}, pid); got != want {
			t.Errorf("process %d: got %q, want %q", pid, got, want)
		}
	}
}

func TestAttributeWithoutProc(t *testing.T) {
	t.Parallel()
	_, err := attribute(t.Context(), tree{proc: t.TempDir() + "/none"}, nil)
	checkError(t, err, "no such file or directory")
}

// TestWalkDescriptorsAllocations shows that descriptors cost no allocation.
func TestWalkDescriptorsAllocations(t *testing.T) {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	w := newFDWalker(-1, map[uint32]struct{}{1: {}})
	n, err := unix.Getdents(dir, w.entries)
	if err != nil {
		t.Fatal(err)
	}
	var h holder
	if got := testing.AllocsPerRun(100, func() { _ = w.batch(dir, w.entries[:n], &h) }); got != 0 {
		t.Errorf("got %v allocations for a batch of descriptors, want 0", got)
	}
	if h.fds == 0 {
		t.Error("no descriptor was counted")
	}
}

func TestSocketInode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		link string
		want uint32
		ok   bool
	}{
		{"socket:[12345]", 12345, true},
		{"socket:[4294967295]", 4294967295, true},
		{"socket:[4294967296]", 0, false},
		{"socket:[]", 0, false},
		{"socket:[1x]", 0, false},
		{"socket:[123", 0, false},
		{"pipe:[123]", 0, false},
		{"/dev/null", 0, false},
		{"", 0, false},
	}
	for _, tt := range tests {
		if got, ok := socketInode([]byte(tt.link)); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %d and %v, want %d and %v", tt.link, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzSocketInode(f *testing.F) {
	f.Add([]byte("socket:[12345]"))
	f.Add([]byte("socket:[99999999999999999999]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, ok := socketInode(b); ok && strings.TrimLeft(string(b[8:len(b)-1]), "0") != strings.TrimLeft(fmt.Sprint(n), "0") {
			t.Errorf("%q: got %d", b, n)
		}
	})
}

func FuzzDirentName(f *testing.F) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		f.Fatal(err)
	}
	defer dir.Close()
	buf := make([]byte, 1024)
	n, err := unix.Getdents(int(dir.Fd()), buf)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(buf[:n])
	f.Fuzz(func(t *testing.T, b []byte) {
		for steps := 0; len(b) > 0; steps++ {
			name, size := direntName(b)
			if size <= 0 || size > len(b) || len(name) > size {
				t.Fatalf("got a name of %d bytes in an entry of %d, %d left", len(name), size, len(b))
			}
			b = b[size:]
		}
	})
}

// holdDescriptors starts processes that hold n descriptors together, and returns
// when they do. Each holds as many as it may, all of one socket.
func holdDescriptors(b *testing.B, n int) {
	b.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	for each := min(int(limit.Cur)-64, n); n > 0; n -= each {
		child := exec.Command("/proc/self/exe", "-test.run=^TestHoldDescriptors$")
		child.Env = append(os.Environ(), fmt.Sprintf("SOCKDIAG_HOLD=%d", min(each, n)))
		stdin, err := child.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := child.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := child.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = stdin.Close()
			_ = child.Wait()
		})
		answer := make([]byte, 6)
		if _, err := io.ReadFull(stdout, answer); err != nil || string(answer) != "ready\n" {
			b.Fatalf("got %q and %v from the child", answer, err)
		}
	}
}

// TestHoldDescriptors is the child of holdDescriptors and no test by itself.
func TestHoldDescriptors(t *testing.T) {
	var n int
	if _, err := fmt.Sscan(os.Getenv("SOCKDIAG_HOLD"), &n); err != nil {
		return // not a child
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkAttribution compares the search for 10,000 inodes with a walk that
// only reads the links of all descriptors and does nothing with them.
func BenchmarkAttribution(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			holdDescriptors(b, n)
			inodes := make([]uint32, 10_000)
			for i := range inodes {
				inodes[i] = uint32(i + 1)
			}
			b.Run("walk=bare", func(b *testing.B) {
				for b.Loop() {
					if bareWalk(b) < n {
						b.Fatal("descriptors are missing")
					}
				}
			})
			b.Run("walk=attribute", func(b *testing.B) {
				for b.Loop() {
					if _, err := attribute(b.Context(), hostTree(""), inodes); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// bareWalk reads the links of all descriptors one after the other.
func bareWalk(b *testing.B) (descriptors int) {
	link := make([]byte, 64)
	names, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	for _, process := range names {
		dir, err := os.Open("/proc/" + process.Name() + "/fd")
		if err != nil {
			continue
		}
		fds, err := dir.Readdirnames(-1)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if _, err := unix.Readlinkat(int(dir.Fd()), fd, link); err == nil {
				descriptors++
			}
		}
		_ = dir.Close()
	}
	return descriptors
}
