package sockdiag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// attribute finds the processes that hold the given sockets and describes them.
func attribute(ctx context.Context, t tree, inodes []uint32) (attribution, error) {
	wanted := make(map[uint32]struct{}, len(inodes))
	for _, inode := range inodes {
		wanted[inode] = struct{}{}
	}
	walk, err := walkDescriptors(ctx, t.proc, wanted)
	if err != nil {
		return attribution{}, err
	}
	root, err := procfs.NewFS(t.proc)
	if err != nil {
		return attribution{}, fmt.Errorf("sockdiag: processes: %w", err)
	}
	out := attribution{suspects: len(wanted), seen: walk.seen, complete: walk.complete}
	for _, pid := range walk.denied {
		if isKernelThread(root, pid) {
			out.seen--
		} else {
			out.denied++
		}
	}
	for _, h := range walk.holders {
		for _, inode := range h.inodes {
			delete(wanted, inode)
		}
		if ctx.Err() != nil {
			out.complete = false
		}
		if p, ok := describe(ctx, t, root, h); ok {
			out.processes = append(out.processes, p)
		}
	}
	out.found = out.suspects - len(wanted)
	return out, nil
}

// describe reads what is worth knowing about a process. It is false when the
// process has ended. Once ctx is done only its name is read.
func describe(ctx context.Context, t tree, root procfs.FS, h holder) (facts.Process, bool) {
	p := facts.Process{PID: h.pid, FDs: facts.Some(h.fds), HoldsInodes: h.inodes}
	proc, err := root.Proc(h.pid)
	if err != nil {
		return p, false
	}
	stat, err := proc.Stat()
	if err != nil {
		return p, false
	}
	p.Comm, p.State, p.Threads, p.StartTicks = stat.Comm, stat.State, stat.NumThreads, stat.Starttime
	if ctx.Err() != nil {
		return p, true
	}
	// The rest is worth having and no failure where a process hides it.
	if status, err := proc.NewStatus(); err == nil {
		p.UID = facts.Some(uint32(status.UIDs[1])) // the effective one
	}
	if groups, err := proc.Cgroups(); err == nil {
		p.Cgroup = cgroupPath(groups)
		p.Container, p.Unit = containerID(p.Cgroup), unitOf(p.Cgroup)
	}
	dir := filepath.Join(t.proc, strconv.Itoa(h.pid))
	readLimits(dir, &p)
	p.NetnsInode = netnsInode(dir)
	return p, true
}

// readLimits reads how many descriptors a process may have, and where it sleeps.
func readLimits(dir string, p *facts.Process) {
	if b, err := readSmall(filepath.Join(dir, "limits")); err == nil {
		if limit, ok := parseFDLimit(b); ok {
			p.FDLimit = facts.Some(limit)
		}
	}
	p.BlockedIn = ""
	if b, err := readSmall(filepath.Join(dir, "wchan")); err == nil && string(b) != "0" {
		p.BlockedIn = string(bytes.TrimSpace(b))
	}
}

// netnsInode returns the inode number of a process's network namespace, 0 where
// it cannot be seen.
func netnsInode(dir string) uint64 {
	link, err := os.Readlink(filepath.Join(dir, "ns/net"))
	if err != nil {
		return 0
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// deserted reports whether none of the processes is in the network namespace
// any more. One that cannot be looked at may still be there.
func deserted(t tree, inode uint64, pids []int) bool {
	for _, pid := range pids {
		dir := filepath.Join(t.proc, strconv.Itoa(pid))
		if _, err := os.Readlink(filepath.Join(dir, "ns/net")); errors.Is(err, fs.ErrPermission) || netnsInode(dir) == inode {
			return false
		}
	}
	return true
}

// isKernelThread reports whether a process is a thread of the kernel, which
// never holds descriptors.
func isKernelThread(root procfs.FS, pid int) bool {
	const flagKernelThread = 0x00200000 // PF_KTHREAD, include/linux/sched.h
	proc, err := root.Proc(pid)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	stat, err := proc.Stat()
	return err == nil && stat.Flags&flagKernelThread != 0
}

// containerOf returns the container of a process, "" for none.
func containerOf(t tree, pid int) string {
	root, err := procfs.NewFS(t.proc)
	if err != nil {
		return ""
	}
	proc, err := root.Proc(pid)
	if err != nil {
		return ""
	}
	groups, err := proc.Cgroups()
	if err != nil {
		return ""
	}
	return containerID(cgroupPath(groups))
}

// seesOthers reports whether the descriptors of other users' processes may be
// listed.
func seesOthers(t tree) bool {
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(t.proc, "1"), &stat); err != nil {
		return false
	}
	if int(stat.Uid) == os.Geteuid() && os.Geteuid() != 0 {
		return false // our own process tells nothing about others'
	}
	// Links in /proc/PID take the right to trace the process. Root without
	// CAP_SYS_PTRACE, as in most containers, lists descriptors but cannot see
	// where they lead.
	_, err := os.Readlink(filepath.Join(t.proc, "1/ns/net"))
	return err == nil
}

// inOwnPIDNamespace reports whether the collector runs in a PID namespace other
// than the first, whose inode number is fixed (PROC_PID_INIT_INO,
// include/linux/proc_ns.h).
func inOwnPIDNamespace(t tree) bool {
	const first = "pid:[4026531836]"
	link, err := os.Readlink(filepath.Join(t.proc, "self/ns/pid"))
	return err == nil && link != first
}
