package netns

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Lister lists the namespaces of a host over and over. It remembers what it saw,
// so that a namespace which is still there is not opened again, and a process
// which is still there costs one system call, a thread of the kernel none.
//
// The handles it returns belong to the caller, with one condition: one that is
// still in the latest list must stay open, because the lister knows the namespace
// by it. A Lister must not be used by two goroutines at once.
type Lister struct {
	finder finder
	known  map[uint64]*Handle // by inode; the handles keep their numbers from being reused
	procs  processTable
}

// NewLister makes a lister for the host whose proc is mounted at the given place,
// "" for /proc.
func NewLister(proc string) *Lister { return newLister(hostFinder(proc)) }

func newLister(f finder) *Lister {
	return &Lister{finder: f, known: map[uint64]*Handle{}}
}

// List returns every distinct namespace that the host shows, in the order and
// with the errors of [All]. A namespace that was in an earlier list and still
// exists comes as the same handle, with its name and its processes brought up to
// date. One that is missing, although complete is true, is kept alive by nobody
// but that handle: close it. Where complete is false, a part of the host could
// not be read, and nothing follows from what is missing.
func (l *Lister) List() (handles []*Handle, complete bool, errs []error) {
	c := &collection{byInode: map[uint64]*Handle{}, known: l.known, names: map[uint64]string{}, whole: true}
	l.finder.addSelf(c)
	l.finder.addNamed(c)
	l.finder.addBound(c)
	l.finder.addProcesses(c, &l.procs)
	if c.whole {
		l.known = c.byInode
	} else {
		maps.Copy(l.known, c.byInode)
	}
	for inode, h := range c.byInode {
		h.setName(c.names[inode])
		handles = append(handles, h)
	}
	slices.SortFunc(handles, compare)
	return handles, c.whole, c.errs
}

// All opens every distinct namespace that the host shows: those with a name,
// those bound to a path that this process can see, and those of all processes.
// The process's own comes first, then those with a name in order of their
// names, then the rest by their smallest process ID. The caller closes them.
//
// What could not be opened is told in the second value: a [*VanishedError] for
// a namespace that went away meanwhile, an error wrapping [fs.ErrPermission] for
// what only root may see. Both are ordinary; the first value is still good.
func All() ([]*Handle, []error) { return hostFinder("").all() }

func (f finder) all() ([]*Handle, []error) {
	handles, _, errs := newLister(f).List()
	return handles, errs
}

// collection gathers the distinct namespaces of one list.
type collection struct {
	byInode map[uint64]*Handle
	// known are the handles of earlier lists, and nil where there are none.
	known map[uint64]*Handle
	names map[uint64]string
	errs  []error
	// whole is false where a part of the host could not be read.
	whole bool
}

// has reports whether the namespace of an inode is in the collection, after
// putting it there if it is known from an earlier list.
func (c *collection) has(inode uint64) bool {
	if c.byInode[inode] != nil {
		return true
	}
	h := c.known[inode]
	if h != nil {
		c.byInode[inode] = h
	}
	return h != nil
}

// name notes the name of a namespace, the first that is found.
func (c *collection) name(inode uint64, name string) {
	if c.names[inode] == "" && name != "" {
		c.names[inode] = name
	}
}

// add keeps a handle if its namespace is new, and otherwise closes it.
func (c *collection) add(h *Handle, err error) {
	switch {
	case err == nil:
		c.name(h.id.Inode, h.Name())
		if c.has(h.id.Inode) {
			_ = h.Close()
			return
		}
		h.id.Cookie = h.readCookie()
		c.byInode[h.id.Inode] = h
	case gone(err):
		c.errs = append(c.errs, &VanishedError{Namespace: pathOf(err), Err: errors.Unwrap(err)})
	default:
		c.whole = c.whole && !scarce(err)
		c.errs = append(c.errs, err)
	}
}

// fail notes that a part of the host could not be read.
func (c *collection) fail(what string, err error) {
	c.whole = false
	c.errs = append(c.errs, fmt.Errorf("netns: %s: %w", what, err))
}

// gone reports whether an error says that a file or a process is no more.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// scarce reports whether an error says that this process, or the host, is out of
// what opening a file takes: then nobody knows what is there.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// pathOf names the file that an error is about.
func pathOf(err error) string {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Path
	}
	return "a namespace"
}

// compare orders namespaces as All promises.
func compare(a, b *Handle) int {
	switch {
	case a.self != b.self:
		if a.self {
			return -1
		}
		return 1
	case (a.Name() == "") != (b.Name() == ""):
		if a.Name() != "" {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(a.Name(), b.Name()),
		slices.Compare(a.PIDs(), b.PIDs()),
		cmp.Compare(a.id.Inode, b.id.Inode),
	)
}

func (f finder) addSelf(c *collection) {
	link, err := os.Readlink(filepath.Join(f.proc, "self/ns/net"))
	if inode, ok := parseInode(link); err == nil && ok && c.has(inode) {
		return
	}
	self, err := f.openSelf()
	if err == nil {
		self.self = true
	}
	c.add(self, err)
}

func (f finder) addNamed(c *collection) {
	for _, dir := range f.names {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.fail("list names", err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			path := filepath.Join(dir, entry.Name())
			if inode, ok := boundInode(path); ok && c.has(inode) {
				c.name(inode, entry.Name())
				continue
			}
			c.add(openFile(path, entry.Name()))
		}
	}
}

// boundInode returns the inode number of the namespace that is bound to a path.
// Only the kernel's file system of namespaces gives these numbers.
func boundInode(path string) (uint64, bool) {
	var kind unix.Statfs_t
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil || unix.Statfs(path, &kind) != nil || kind.Type != unix.NSFS_MAGIC {
		return 0, false
	}
	return stat.Ino, true
}

func (f finder) addBound(c *collection) {
	file, err := os.Open(filepath.Join(f.proc, "self/mountinfo"))
	if err != nil {
		c.fail("list bound namespaces", err)
		return
	}
	defer file.Close()
	mounts, err := readMounts(file)
	if err != nil {
		c.fail("list bound namespaces", err)
	}
	for _, m := range mounts {
		if c.has(m.inode) {
			c.name(m.inode, f.nameOf(m.path))
			continue
		}
		h, err := openFile(m.path, f.nameOf(m.path))
		if errors.Is(err, errNotNamespace) { // not bound any more
			c.errs = append(c.errs, &VanishedError{Namespace: m.path, Err: err})
			continue
		}
		c.add(h, err)
	}
}

func (f finder) addProcesses(c *collection, table *processTable) {
	census, err := table.read(f.proc)
	if err != nil {
		c.fail("list processes", err)
		return
	}
	if census.forbidden > 0 {
		c.errs = append(c.errs, fmt.Errorf("netns: the namespaces of %d of the processes: %w", census.forbidden, fs.ErrPermission))
	}
	for inode, m := range census.members {
		if !c.has(inode) {
			f.addMember(c, inode, m.pids)
		}
	}
	for inode, h := range c.byInode {
		h.setMembers(census.members[inode])
	}
}

// addMember opens a namespace through one of its processes. Processes come and
// go, so the next is tried when one is gone; the namespace has vanished only
// when none is left.
func (f finder) addMember(c *collection, inode uint64, pids []int) {
	var last error
	for _, pid := range pids {
		h, err := openFile(filepath.Join(f.proc, strconv.Itoa(pid), "ns/net"), "")
		if err == nil {
			c.add(h, nil)
			return
		}
		last = err
		if !gone(err) {
			break
		}
	}
	if gone(last) {
		c.errs = append(c.errs, &VanishedError{Namespace: ID{Inode: inode}.String(), Err: last})
		return
	}
	c.add(nil, last)
}

// LoadPIDs finds the processes of the namespace by reading all of /proc, threads
// of the kernel left out. Processes that the caller may not look at are left out
// too and do not count as an error.
func (h *Handle) LoadPIDs() error {
	var table processTable
	census, err := table.read(hostFinder("").proc)
	if err != nil {
		return fmt.Errorf("netns: list processes: %w", err)
	}
	h.setMembers(census.members[h.id.Inode])
	return nil
}
