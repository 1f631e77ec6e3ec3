package sockdiag

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// owners remembers which processes hold which sockets. A socket is looked for
// once, and again when a process that held it has ended; one that nobody was found
// to hold is looked for ever more rarely.
type owners struct {
	tree     tree
	procfs   procfs.FS
	share    float64       // of one CPU that whole searches may take over time
	deadline time.Duration // of one search
	root     bool
	ownPIDs  bool

	searching sync.Mutex // one search at a time; guards the next three
	seen      map[int]seenProcess
	lowFrom   time.Time // no search among the low descriptors before
	fullFrom  time.Time // no search among all descriptors before

	mu        sync.Mutex // guards what follows
	sockets   map[socketKey]*ownedSocket
	processes map[int]*ownedProcess
	gaps      []facts.Gap // of the last search for all
}

// hurry has the next search done at once, unless one is under way.
func (o *owners) hurry() {
	if o.searching.TryLock() {
		o.lowFrom, o.fullFrom = time.Time{}, time.Time{}
		o.searching.Unlock()
	}
}

// socketKey identifies a socket; its inode number alone is given out again.
type socketKey struct {
	namespace, cookie uint64
	inode             uint32
}

// ownedSocket is a socket whose owners are wanted.
type ownedSocket struct {
	socketKey
	listener bool
	pids     []int // ascending
	// Where there are none: how thoroughly it was looked for, and when to look
	// again.
	tried depth
	tries int
	retry time.Time
}

// depth is how thoroughly something was looked for.
type depth uint8

const (
	among0    depth = iota // not at all
	amongLow               // among the low descriptors of all processes
	amongFull              // among all descriptors of all processes
)

// ownedProcess is a process that holds something wanted.
type ownedProcess struct {
	table fdTable
	facts.Process
}

// fdTable is the folder of a process's descriptors. Another process has another
// inode there.
type fdTable struct {
	inode uint64
	size  int64 // how many there are, since Linux 6.2 (proc_fd_getattr)
}

func readFDTable(t tree, pid int) (fdTable, bool) {
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(t.proc, strconv.Itoa(pid), "fd"), &stat); err != nil {
		return fdTable{}, false
	}
	return fdTable{stat.Ino, stat.Size}, true
}

func newOwners(t tree, share float64, deadline time.Duration) (*owners, error) {
	root, err := procfs.NewFS(t.proc)
	if err != nil {
		return nil, err
	}
	return &owners{
		tree: t, procfs: root, share: share, deadline: deadline,
		root: os.Geteuid() == 0, ownPIDs: inOwnPIDNamespace(t),
		seen: map[int]seenProcess{}, sockets: map[socketKey]*ownedSocket{}, processes: map[int]*ownedProcess{},
	}, nil
}

// tickSearch bounds the search for the owners of new listeners in a tick.
const tickSearch = 100 * time.Millisecond

// ofListeners names the owners of listeners. New listeners are looked for among the
// low descriptors, where they are as a rule.
func (o *owners) ofListeners(ctx context.Context, wants []want) ([]facts.Process, []facts.Gap) {
	unknown := o.update(wants, false)
	if len(unknown) > 0 && o.searching.TryLock() {
		limited, cancel := context.WithTimeout(ctx, tickSearch)
		_ = o.searchLow(limited, unknown)
		cancel()
		o.searching.Unlock()
	}
	o.refresh(ctx, slices.DeleteFunc(slices.Clone(wants), func(w want) bool { return !w.hot }))
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list(wants), o.gaps
}

// ofAll names the owners of all that is wanted, and describes the only members of
// namespaces.
func (o *owners) ofAll(ctx context.Context, wants []want, only []int) ([]facts.Process, []facts.Gap) {
	o.searching.Lock()
	defer o.searching.Unlock()
	limited, cancel := context.WithTimeoutCause(ctx, o.deadline, errDeadline)
	defer cancel()
	unknown := o.update(wants, true)
	complete, err := o.search(limited, unknown)
	o.refresh(limited, wants)

	o.mu.Lock()
	defer o.mu.Unlock()
	o.gaps = nil
	if err != nil {
		o.gaps = append(o.gaps, facts.Gap{Source: facts.SourceProcesses, Reason: err.Error()})
	}
	o.gaps = append(o.gaps, o.summary(wants, complete).gaps(o.root, o.ownPIDs)...)
	if n := o.putOff(wants); n > 0 && complete {
		o.gaps = append(o.gaps, o.putOffGap(n, len(wants)))
	}
	return o.withMembers(limited, o.list(wants), only), o.gaps
}

// update takes what is wanted now, forgets what is not, drops processes that have
// ended, and returns the sockets to look for. The wants of a tick are the listeners
// alone and say nothing of the others.
func (o *owners) update(wants []want, all bool) []*ownedSocket {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	keep := make(map[socketKey]struct{}, len(wants))
	for _, w := range wants {
		key := w.key()
		keep[key] = struct{}{}
		if o.sockets[key] == nil {
			o.sockets[key] = &ownedSocket{socketKey: key, listener: w.listener}
		}
	}
	for pid, p := range o.processes {
		if !o.alive(pid, p) {
			delete(o.processes, pid)
		}
	}
	var unknown []*ownedSocket
	for key, s := range o.sockets {
		if _, ok := keep[key]; !ok && (all || s.listener) {
			delete(o.sockets, key)
			continue
		}
		held := len(s.pids)
		s.pids = slices.DeleteFunc(s.pids, func(pid int) bool { return o.processes[pid] == nil })
		if len(s.pids) < held {
			s.tried, s.tries = among0, 0 // somebody else may hold it now
		}
		if s.wantedNow(now, all) {
			unknown = append(unknown, s)
		}
	}
	return unknown
}

func (w want) key() socketKey { return socketKey{w.namespace, w.cookie, w.inode} }

// wantedNow reports whether to look for the owners of a socket. Of a listener all
// are wanted, so that it is looked for again when one of them has ended; a tick
// makes do with one.
func (s *ownedSocket) wantedNow(now time.Time, all bool) bool {
	switch {
	case len(s.pids) > 0:
		return all && s.listener && s.tried < amongLow
	case all && s.tried < amongFull, s.tried < amongLow:
		return true
	}
	return !now.Before(s.retry)
}

// alive reports whether a process is still the same and holds anything: one that
// has ended and waits for its parent does not. The inode tells at once; a folder
// that was made anew is told by when the process began.
func (o *owners) alive(pid int, p *ownedProcess) bool {
	now, ok := readFDTable(o.tree, pid)
	if !ok || p.table.size > 0 && now.size == 0 {
		return false
	}
	if now.inode == p.table.inode {
		return true
	}
	proc, err := o.procfs.Proc(pid)
	if err != nil {
		return false
	}
	stat, err := proc.Stat()
	if err != nil || stat.Starttime != p.StartTicks {
		return false
	}
	p.table = now
	return true
}

// list returns the processes that hold what is wanted; mu is held. Nothing in it is
// shared with what may change.
func (o *owners) list(wants []want) []facts.Process {
	inodes := make(map[int][]uint32, len(o.processes))
	for _, w := range wants {
		if s := o.sockets[w.key()]; s != nil {
			for _, pid := range s.pids {
				inodes[pid] = append(inodes[pid], s.inode)
			}
		}
	}
	out := make([]facts.Process, 0, len(inodes))
	for pid, holds := range inodes {
		if p := o.processes[pid]; p != nil {
			described := p.Process
			slices.Sort(holds)
			described.HoldsInodes = slices.Compact(holds)
			out = append(out, described)
		}
	}
	slices.SortFunc(out, func(a, b facts.Process) int { return a.PID - b.PID })
	return out
}

// withMembers adds the only members of namespaces.
func (o *owners) withMembers(ctx context.Context, list []facts.Process, only []int) []facts.Process {
	for _, pid := range only {
		if slices.ContainsFunc(list, func(p facts.Process) bool { return p.PID == pid }) {
			continue
		}
		if p, ok := describe(ctx, o.tree, o.procfs, holder{pid: pid}); ok {
			p.FDs = countDescriptors(o.tree, pid)
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b facts.Process) int { return a.PID - b.PID })
	return list
}

// refresh reads again what changes of the processes that hold certain sockets.
func (o *owners) refresh(ctx context.Context, wants []want) {
	o.mu.Lock()
	old := make(map[int]ownedProcess)
	for _, w := range wants {
		s := o.sockets[w.key()]
		if s == nil {
			continue
		}
		for _, pid := range s.pids {
			if p := o.processes[pid]; p != nil {
				old[pid] = *p
			}
		}
	}
	o.mu.Unlock()
	for pid, p := range old {
		if ctx.Err() != nil {
			return
		}
		fresh, ok := redescribe(o.tree, o.procfs, p.Process)
		o.mu.Lock()
		switch now := o.processes[pid]; {
		case now == nil || now.StartTicks != p.StartTicks:
		case !ok:
			delete(o.processes, pid)
		default:
			now.Process = fresh
		}
		o.mu.Unlock()
	}
}

// redescribe reads again what changes in the life of a process. It is false where
// the process has ended, or is another one.
func redescribe(t tree, root procfs.FS, p facts.Process) (facts.Process, bool) {
	proc, err := root.Proc(p.PID)
	if err != nil {
		return p, false
	}
	stat, err := proc.Stat()
	if err != nil || stat.Starttime != p.StartTicks || stat.State == "Z" || stat.State == "X" {
		return p, false
	}
	p.Comm, p.State, p.Threads = stat.Comm, stat.State, stat.NumThreads
	readLimits(filepath.Join(t.proc, strconv.Itoa(p.PID)), &p)
	p.FDs = countDescriptors(t, p.PID)
	return p, true
}

// countDescriptors returns how many descriptors a process has open: what the kernel
// tells, or the number of entries where it tells nothing.
func countDescriptors(t tree, pid int) facts.Opt[uint64] {
	if table, ok := readFDTable(t, pid); ok && table.size > 0 {
		return facts.Some(uint64(table.size))
	}
	dir, err := os.Open(filepath.Join(t.proc, strconv.Itoa(pid), "fd"))
	if err != nil {
		return facts.Opt[uint64]{}
	}
	defer dir.Close()
	var n uint64
	for {
		names, err := dir.Readdirnames(4096)
		n += uint64(len(names))
		if err != nil || len(names) == 0 {
			return facts.Some(n)
		}
	}
}
