package netns

import (
	"fmt"
	"os"
	"slices"
	"sync"
)

// MaxPIDs bounds the members that [Handle.PIDs] lists for one namespace; the
// smallest process IDs are kept. [Handle.PIDCount] still counts all of them.
const MaxPIDs = 64

// add keeps the smallest IDs. /proc lists them in order, so that nothing is to
// be thrown out as a rule.
func (m *members) add(pid int) {
	m.count++
	if len(m.pids) < MaxPIDs {
		m.pids = append(m.pids, pid)
		return
	}
	if last := slices.Max(m.pids); pid < last {
		m.pids[slices.Index(m.pids, last)] = pid
	}
}

// ID identifies a network namespace on one running host.
type ID struct {
	// Cookie is the kernel's number for the namespace (SO_NETNS_COOKIE),
	// unique within one boot. It is 0 where it cannot be read: before Linux
	// 5.14, and without the privilege to enter the namespace.
	Cookie uint64
	// Inode is the inode number of the namespace's file, as shown in the
	// link /proc/PID/ns/net. It is reused once the namespace is gone.
	Inode uint64
}

// String gives the spelling of /proc/PID/ns/net, for instance net:[4026531833].
func (id ID) String() string { return fmt.Sprintf("net:[%d]", id.Inode) }

// Handle is an open network namespace. It keeps the namespace alive, and its
// identity true, until Close. A Handle is safe for concurrent use.
type Handle struct {
	file *os.File
	id   ID
	self bool

	mu      sync.Mutex // guards what may change
	name    string
	members members
}

// members are the processes of one namespace: the smallest IDs, and how many
// there are.
type members struct {
	pids  []int
	count int
}

// ID returns what identifies the namespace.
func (h *Handle) ID() ID { return h.id }

// Name returns the name under which the namespace is known: the file name of a
// namespace bound in one of the usual folders, the whole path of one bound
// elsewhere, and nothing for one that only its processes keep alive.
func (h *Handle) Name() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.name
}

func (h *Handle) setName(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.name = name
}

// IsSelf reports whether this is the namespace of the calling process.
func (h *Handle) IsSelf() bool { return h.self }

// PIDs returns the processes found in the namespace, smallest first and at most
// [MaxPIDs], without threads of the kernel. [All] and [Lister.List] fill it for
// every namespace, [Open] of a process ID with that one, and [Handle.LoadPIDs] on
// request. Do not change the slice.
func (h *Handle) PIDs() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.members.pids
}

// PIDCount returns how many processes were found, including those that PIDs
// leaves out.
func (h *Handle) PIDCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.members.count
}

// Same reports whether both handles refer to one namespace. It is exact, since
// both hold their namespace alive.
func (h *Handle) Same(other *Handle) bool { return h.id.Inode == other.id.Inode }

// Fd returns the descriptor that holds the namespace open, to hand to the kernel
// in a request that names a namespace. It is good until Close.
func (h *Handle) Fd() int { return int(h.file.Fd()) }

// Close lets go of the namespace.
func (h *Handle) Close() error { return h.file.Close() }

// setMembers keeps what was found of the namespace's processes.
func (h *Handle) setMembers(m members) {
	slices.Sort(m.pids)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = m
}
