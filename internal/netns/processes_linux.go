package netns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// processes is what /proc tells about who lives where.
type processes struct {
	members   map[uint64]members // by inode of their namespace
	forbidden int                // processes that the caller may not look at
}

// processTable remembers which processes are threads of the kernel. A process is
// known by the inode number of its folder in /proc: the kernel makes another
// inode for another process, and sometimes another one for the same, which is
// then looked at again.
type processTable struct {
	kinds map[int]processKind
	buf   []byte
}

type processKind struct {
	inode  uint64
	kernel bool
}

// read goes through all processes. Threads of the kernel belong to no namespace
// but the first, and only because the kernel must put them somewhere: they are
// left out.
func (t *processTable) read(proc string) (processes, error) {
	census := processes{members: map[uint64]members{}}
	dir, err := unix.Open(proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return census, &os.PathError{Op: "open", Path: proc, Err: err}
	}
	defer unix.Close(dir)
	if t.buf == nil {
		t.buf = make([]byte, 32<<10)
	}
	seen := make(map[int]processKind, len(t.kinds)+16)
	for {
		n, err := unix.Getdents(dir, t.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return census, &os.PathError{Op: "getdents", Path: proc, Err: err}
		case n <= 0:
			t.kinds = seen
			return census, nil
		}
		for rest := t.buf[:n]; len(rest) > 0; {
			var e entry
			e, rest = nextEntry(rest)
			if pid, ok := e.pid(); ok {
				t.process(dir, proc, pid, e, seen, &census)
			}
		}
	}
}

// process looks at one process.
func (t *processTable) process(dir int, proc string, pid int, e entry, seen map[int]processKind, census *processes) {
	kind, ok := t.kinds[pid]
	if !ok || kind.inode != e.inode {
		kind = processKind{inode: e.inode, kernel: isKernelThread(dir, proc, pid)}
	}
	seen[pid] = kind
	if kind.kernel {
		return
	}
	var link [64]byte
	n, err := unix.Readlinkat(dir, string(e.name)+"/ns/net", link[:])
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		census.forbidden++
	}
	if err != nil || n <= 0 {
		return // it has ended
	}
	if inode, ok := parseInode(string(link[:n])); ok {
		m := census.members[inode]
		m.add(pid)
		census.members[inode] = m
	}
}

// isKernelThread reports whether a process is a thread of the kernel. Such a one
// has no program; the flags tell it from a process that has ended, or that may
// not be looked at.
func isKernelThread(dir int, proc string, pid int) bool {
	const flagKernelThread = 0x00200000 // PF_KTHREAD, include/linux/sched.h
	var link [8]byte
	name := strconv.Itoa(pid)
	if _, err := unix.Readlinkat(dir, name+"/exe", link[:]); err == nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join(proc, name, "stat"))
	if err != nil {
		return false
	}
	// The name of the program comes in parentheses and may hold any others; the
	// flags are the seventh field after it (proc_pid_stat(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	return err == nil && flags&flagKernelThread != 0
}

// entry is one entry of a folder.
type entry struct {
	inode uint64
	name  []byte
}

// pid returns the number that a name is, and nothing for other names.
func (e entry) pid() (int, bool) {
	if len(e.name) == 0 || e.name[0] < '1' || e.name[0] > '9' {
		return 0, false
	}
	pid, err := strconv.Atoi(string(e.name))
	return pid, err == nil
}

// nextEntry takes the first struct linux_dirent64 (include/linux/dirent.h) off b.
// One that does not fit ends the batch.
func nextEntry(b []byte) (e entry, rest []byte) {
	const lengthAt, nameAt = 16, 19
	if len(b) <= nameAt {
		return entry{}, nil
	}
	size := int(binary.NativeEndian.Uint16(b[lengthAt:]))
	if size <= nameAt || size > len(b) {
		return entry{}, nil
	}
	e.inode = binary.NativeEndian.Uint64(b)
	name, _, ok := bytes.Cut(b[nameAt:size], []byte{0})
	if ok {
		e.name = name
	}
	return e, b[size:]
}
