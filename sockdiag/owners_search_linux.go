package sockdiag

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// seenProcess is what is remembered of every process.
type seenProcess struct {
	inode  uint64 // of its folder in /proc
	netns  uint64 // of its network namespace when it was first seen
	none   bool   // it has no descriptors: a thread of the kernel
	denied bool   // it may not be looked into
	low    bool   // its low descriptors were looked at
}

const (
	// lowEntries is the room for the first piece of a table of descriptors: some
	// sixty of them.
	lowEntries = 1536
	// retryFirst and retryLast are when to look again for a socket that nobody was
	// found to hold, and how much later at most.
	retryFirst = time.Minute
	retryLast  = time.Hour
)

// search looks for the owners of sockets, first among the low descriptors and in
// processes that are new, then among all. A listener that is not among the low ones
// is looked for in its own namespace only: some belong to the kernel, and the whole
// host would be searched for them. It reports whether it came to its end.
func (o *owners) search(ctx context.Context, unknown []*ownedSocket) (complete bool, err error) {
	if err := o.searchLow(ctx, unknown); err != nil {
		return false, err
	}
	left := o.unfound(unknown)
	if len(left) == 0 || time.Now().Before(o.fullFrom) {
		return true, nil // what is put off is told apart
	}
	began := time.Now()
	w, err := o.walker(left)
	if err != nil {
		return false, err
	}
	defer unix.Close(w.root)
	complete = true
	listeners, near := listenersAmong(left), spacesOf(left)
	for _, pid := range o.inOrder(left) {
		if listeners != nil && !near[o.seen[pid].netns] {
			for inode := range listeners {
				delete(w.wanted, inode)
			}
			listeners = nil
		}
		if complete = ctx.Err() == nil; !complete || len(w.wanted) == 0 {
			break
		}
		w.holders = w.holders[:0]
		o.look(ctx, &w, pid)
		o.keep(ctx, w.holders)
		for _, h := range w.holders {
			for _, inode := range h.inodes {
				if !listeners[inode] { // of a listener all owners are wanted
					delete(w.wanted, inode)
				}
			}
		}
	}
	o.fullFrom = time.Now().Add(time.Duration(float64(time.Since(began)) / o.share))
	if complete {
		o.tried(unknown, amongFull)
	}
	return complete, nil
}

// searchLow looks at the low descriptors: in processes that are new for everything
// wanted, because they may hold what others hold too, and in all for what is
// unknown. Those in the same namespace come first, and often are enough.
func (o *owners) searchLow(ctx context.Context, unknown []*ownedSocket) error {
	w, err := o.walker(nil)
	if err != nil {
		return err
	}
	defer unix.Close(w.root)
	w.lowOnly, w.entries = true, w.entries[:lowEntries]
	fresh, err := o.relist(w.root)
	if err != nil {
		return err
	}
	o.lookAt(ctx, &w, fresh, nil)
	if len(unknown) == 0 || ctx.Err() != nil || time.Now().Before(o.lowFrom) {
		return nil
	}
	began := time.Now()
	order := o.inOrder(unknown)
	spaces := spacesOf(unknown)
	near := slices.IndexFunc(order, func(pid int) bool { return !spaces[o.seen[pid].netns] })
	if near < 0 {
		near = len(order)
	}
	o.lookAt(ctx, &w, order[:near], unknown) // of listeners all owners are wanted
	o.lookAt(ctx, &w, order[near:], o.unfound(unknown))
	o.lowFrom = time.Now().Add(time.Duration(float64(time.Since(began)) / o.share))
	if ctx.Err() == nil {
		o.tried(unknown, amongLow)
	}
	return nil
}

// lookAt looks for sockets in some processes.
func (o *owners) lookAt(ctx context.Context, w *fdWalker, pids []int, sockets []*ownedSocket) {
	w.wanted, w.holders = o.inodes(sockets), w.holders[:0]
	for _, pid := range pids {
		if ctx.Err() != nil || len(w.wanted) == 0 {
			break
		}
		o.look(ctx, w, pid)
	}
	o.keep(ctx, w.holders)
}

func listenersAmong(sockets []*ownedSocket) map[uint32]bool {
	out := make(map[uint32]bool)
	for _, s := range sockets {
		if s.listener {
			out[s.inode] = true
		}
	}
	return out
}

// walker opens proc for a search for the inodes of sockets.
func (o *owners) walker(sockets []*ownedSocket) (fdWalker, error) {
	root, err := unix.Open(o.tree.proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fdWalker{}, fmt.Errorf("sockdiag: list processes: %s: %w", o.tree.proc, err)
	}
	return newFDWalker(root, o.inodes(sockets)), nil
}

// inodes returns the inodes of sockets; nil stands for all listeners and for what
// nobody is known to hold.
func (o *owners) inodes(sockets []*ownedSocket) map[uint32]struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[uint32]struct{})
	if sockets != nil {
		for _, s := range sockets {
			out[s.inode] = struct{}{}
		}
		return out
	}
	for _, s := range o.sockets {
		if s.listener || len(s.pids) == 0 {
			out[s.inode] = struct{}{}
		}
	}
	return out
}

// unfound returns those of the sockets that nobody is known to hold; it is never
// nil.
func (o *owners) unfound(sockets []*ownedSocket) []*ownedSocket {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(append([]*ownedSocket{}, sockets...), func(s *ownedSocket) bool { return len(s.pids) > 0 })
}

// look goes through the descriptors of a process, and remembers those that have
// none or may not be looked into.
func (o *owners) look(ctx context.Context, w *fdWalker, pid int) {
	p := o.seen[pid]
	if p.none || p.denied {
		return
	}
	p.low = true
	seen, denied := w.seen, len(w.denied)
	w.process(ctx, pid)
	switch {
	case len(w.denied) > denied && isKernelThread(o.procfs, pid):
		p.none = true
	case len(w.denied) > denied:
		p.denied = true
	case w.seen == seen:
		p.none = isKernelThread(o.procfs, pid)
	}
	o.seen[pid] = p
}

// relist lists the processes and returns those that were not looked at yet.
func (o *owners) relist(root int) ([]int, error) {
	all, err := listProcesses(root)
	if err != nil {
		return nil, fmt.Errorf("sockdiag: list processes: %s: %w", o.tree.proc, err)
	}
	next := make(map[int]seenProcess, len(all))
	var fresh []int
	for _, l := range all {
		p, ok := o.seen[l.pid]
		if !ok || p.inode != l.inode {
			p = seenProcess{inode: l.inode, netns: netnsInode(filepath.Join(o.tree.proc, strconv.Itoa(l.pid)))}
		}
		if !p.low && !p.none && !p.denied {
			fresh = append(fresh, l.pid)
		}
		next[l.pid] = p
	}
	o.seen = next
	return fresh, nil
}

// inOrder returns all processes, the likeliest first: those known to hold others of
// these namespaces' sockets, those that live there, and the rest.
func (o *owners) inOrder(sockets []*ownedSocket) []int {
	spaces := spacesOf(sockets)
	holders := make(map[int]bool)
	o.mu.Lock()
	for _, s := range o.sockets {
		if spaces[s.namespace] {
			for _, pid := range s.pids {
				holders[pid] = true
			}
		}
	}
	o.mu.Unlock()
	rank := func(pid int) int {
		switch {
		case holders[pid] && spaces[o.seen[pid].netns]:
			return 0
		case spaces[o.seen[pid].netns]:
			return 1
		case holders[pid]:
			return 2
		}
		return 3
	}
	out := make([]int, 0, len(o.seen))
	for pid := range o.seen {
		out = append(out, pid)
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Or(rank(a)-rank(b), a-b) })
	return out
}

func spacesOf(sockets []*ownedSocket) map[uint64]bool {
	out := make(map[uint64]bool)
	for _, s := range sockets {
		out[s.namespace] = true
	}
	return out
}

// keep notes who was found to hold what.
func (o *owners) keep(ctx context.Context, found []holder) {
	for _, h := range found {
		o.mu.Lock()
		known := o.processes[h.pid]
		o.mu.Unlock()
		if known == nil {
			p, ok := describe(ctx, o.tree, o.procfs, h)
			if !ok {
				continue
			}
			p.HoldsInodes = nil
			p.FDs = countDescriptors(o.tree, h.pid)
			table, _ := readFDTable(o.tree, h.pid)
			known = &ownedProcess{table: table, Process: p}
		}
		o.mu.Lock()
		o.processes[h.pid] = known
		for _, s := range o.sockets {
			if at, has := slices.BinarySearch(s.pids, h.pid); !has {
				if _, holds := slices.BinarySearch(h.inodes, s.inode); holds {
					s.pids = slices.Insert(s.pids, at, h.pid)
				}
			}
		}
		o.mu.Unlock()
	}
}

// tried notes how thoroughly sockets were looked for, and puts off those that
// nobody was found to hold.
func (o *owners) tried(sockets []*ownedSocket, how depth) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range sockets {
		again := s.tried >= how
		s.tried = max(s.tried, how)
		if len(s.pids) > 0 {
			s.tries = 0
			continue
		}
		if again {
			s.tries++
		}
		s.retry = now.Add(min(retryFirst<<min(s.tries, 10), retryLast))
	}
}

// summary counts what is wanted and what was found; mu is held.
func (o *owners) summary(wants []want, complete bool) attribution {
	a := attribution{suspects: len(wants), complete: complete}
	for _, p := range o.seen {
		if !p.none {
			a.seen++
		}
		if p.denied {
			a.denied++
		}
	}
	for _, w := range wants {
		if s := o.sockets[w.key()]; s != nil && len(s.pids) > 0 {
			a.found++
		}
	}
	return a
}

// putOff counts the sockets that were not looked for among all descriptors; mu is
// held.
func (o *owners) putOff(wants []want) (n int) {
	for _, w := range wants {
		if s := o.sockets[w.key()]; s != nil && len(s.pids) == 0 && s.tried < amongFull {
			n++
		}
	}
	return n
}

func (o *owners) putOffGap(n, of int) facts.Gap {
	return facts.Gap{Source: facts.SourceProcesses, Reason: fmt.Sprintf(
		"%d of %d sockets have no named owner yet: reading all descriptors again is put off for %v, for what it costs",
		n, of, time.Until(o.fullFrom).Round(time.Second))}
}
