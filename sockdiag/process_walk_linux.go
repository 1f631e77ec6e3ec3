package sockdiag

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// walkWorkers is how many threads read descriptors at a time. More would only
// wait for each other on a host that is busy already.
const walkWorkers = 2

// holder is a process with at least one wanted socket.
type holder struct {
	pid    int
	fds    uint64
	inodes []uint32
}

// walkResult is what a walk over all descriptors found.
type walkResult struct {
	holders  []holder // by process ID
	seen     int      // processes with descriptors, so no kernel threads
	denied   []int    // those whose descriptors may not be listed
	complete bool
}

// walkDescriptors looks through the descriptors of every process for the sockets
// of the given inodes. All holders of a socket are found: a listener is often
// shared by a parent and its children. Processes that end meanwhile are passed
// over. When ctx ends the result covers what was seen until then.
func walkDescriptors(ctx context.Context, proc string, wanted map[uint32]struct{}) (walkResult, error) {
	root, err := unix.Open(proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return walkResult{}, fmt.Errorf("sockdiag: list processes: %s: %w", proc, err)
	}
	defer unix.Close(root)
	listed, err := listProcesses(root)
	if err != nil {
		return walkResult{}, fmt.Errorf("sockdiag: list processes: %s: %w", proc, err)
	}
	var next atomic.Int64
	walkers := make([]fdWalker, walkWorkers)
	var running sync.WaitGroup
	for i := range walkers {
		w := &walkers[i]
		*w = newFDWalker(root, wanted)
		running.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= len(listed) {
					return
				}
				w.process(ctx, listed[at].pid)
			}
		})
	}
	running.Wait()
	out := walkResult{complete: ctx.Err() == nil}
	for i := range walkers {
		out.holders = append(out.holders, walkers[i].holders...)
		out.denied = append(out.denied, walkers[i].denied...)
		out.seen += walkers[i].seen
	}
	slices.SortFunc(out.holders, func(a, b holder) int { return cmp.Compare(a.pid, b.pid) })
	return out, nil
}

// listed is a process as its folder is listed. Another process of the same number
// has another inode; the same process may come to have another one too.
type listed struct {
	pid   int
	inode uint64
}

// listProcesses lists the processes below an open /proc.
func listProcesses(root int) ([]listed, error) {
	var out []listed
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(root, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return out, err
		}
		for rest := buf[:n]; len(rest) > 0; {
			name, size := direntName(rest)
			if len(name) > 0 && name[0] >= '1' && name[0] <= '9' {
				if pid, err := strconv.Atoi(string(name)); err == nil {
					out = append(out, listed{pid, binary.NativeEndian.Uint64(rest)})
				}
			}
			rest = rest[size:]
		}
	}
}

// Offsets in struct linux_dirent64 (include/linux/dirent.h).
const (
	direntLenAt  = 16
	direntNameAt = 19
)

// direntName returns the name of the first entry, without the zero byte that
// follows it, and the length of the entry. An entry that does not fit ends the
// batch.
func direntName(b []byte) (name []byte, size int) {
	if len(b) < direntNameAt+1 {
		return nil, len(b)
	}
	size = int(binary.NativeEndian.Uint16(b[direntLenAt:]))
	if size <= direntNameAt || size > len(b) {
		return nil, len(b)
	}
	name = b[direntNameAt:size]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		return name[:i], size
	}
	return nil, len(b)
}

// fdWalker is one worker of a walk, with buffers of its own.
type fdWalker struct {
	root    int
	wanted  map[uint32]struct{}
	entries []byte
	link    []byte
	// lowOnly leaves off after the first piece of a table of descriptors, which
	// holds the lowest.
	lowOnly bool

	holders []holder
	denied  []int
	seen    int
}

func newFDWalker(root int, wanted map[uint32]struct{}) fdWalker {
	return fdWalker{root: root, wanted: wanted, entries: make([]byte, 64<<10), link: make([]byte, 64)}
}

// process looks through the descriptors of one process.
func (w *fdWalker) process(ctx context.Context, pid int) {
	dir, err := unix.Openat(w.root, strconv.Itoa(pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(dir)
	}
	h := holder{pid: pid}
	for err == nil && ctx.Err() == nil {
		var n int
		n, err = unix.Getdents(dir, w.entries)
		if errors.Is(err, unix.EINTR) {
			err = nil
			continue
		}
		if n <= 0 {
			break
		}
		err = w.batch(dir, w.entries[:n], &h)
		if w.lowOnly {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		w.denied = append(w.denied, pid)
		w.seen++
		return
	case err != nil || h.fds == 0:
		return // it has ended, or is a thread of the kernel
	}
	w.seen++
	if len(h.inodes) > 0 {
		slices.Sort(h.inodes)
		h.inodes = slices.Compact(h.inodes)
		w.holders = append(w.holders, h)
	}
}

// batch looks at the descriptors of one getdents call. It allocates nothing
// except for a socket that is wanted. The error is that the links may not be
// read: root without CAP_SYS_PTRACE may list them all the same.
func (w *fdWalker) batch(dir int, b []byte, h *holder) error {
	for len(b) > 0 {
		name, size := direntName(b)
		b = b[size:]
		if len(name) == 0 || name[0] == '.' {
			continue
		}
		h.fds++
		n, errno := readlinkAt(dir, name, w.link)
		if errno == unix.EACCES || errno == unix.EPERM {
			return errno
		}
		inode, ok := socketInode(w.link[:n])
		if !ok {
			continue // no socket, or closed meanwhile
		}
		if _, ok := w.wanted[inode]; ok {
			h.inodes = append(h.inodes, inode)
		}
	}
	return nil
}

// readlinkAt reads the link of that name in an open folder into buf and returns
// how much it read. The name must be followed by a zero byte, as
// in the kernel's own buffer: unix.Readlinkat would copy it into a fresh
// allocation, once for each of maybe a million descriptors.
func readlinkAt(dir int, name, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir),
		uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// socketInode reads the target of a descriptor's link, "socket:[12345]".
func socketInode(link []byte) (uint32, bool) {
	const prefix = "socket:["
	if len(link) < len(prefix)+2 || string(link[:len(prefix)]) != prefix || link[len(link)-1] != ']' {
		return 0, false
	}
	var n uint64
	for _, c := range link[len(prefix) : len(link)-1] {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > 1<<32-1 {
			return 0, false
		}
	}
	return uint32(n), true
}
