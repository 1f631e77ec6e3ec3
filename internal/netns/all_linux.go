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

// All opens every distinct namespace that the host shows: those with a name,
// those bound to a path that this process can see, and those of all processes.
// The process's own comes first, then those with a name in order of their
// names, then the rest by their smallest process ID. The caller closes them.
//
// What could not be opened is told in the second value: a [*VanishedError] for
// a namespace that went away meanwhile, an error wrapping [fs.ErrPermission] for
// what only root may see. Both are ordinary; the first value is still good.
func All() ([]*Handle, []error) { return hostFinder().all() }

// LoadPIDs finds the processes of the namespace by reading all of /proc.
// Processes that the caller may not look at are left out and do not count as
// an error.
func (h *Handle) LoadPIDs() error {
	census, err := hostFinder().readProcesses()
	if err != nil {
		return err
	}
	h.setPIDs(census.members[h.id.Inode])
	return nil
}

// collection gathers distinct namespaces; the open handles keep the inode
// numbers that index them from being reused.
type collection struct {
	byInode map[uint64]*Handle
	errs    []error
}

// add keeps a handle if its namespace is new, and otherwise closes it, passing
// on a name that the kept one lacks.
func (c *collection) add(h *Handle, err error) {
	switch {
	case err == nil && c.byInode[h.id.Inode] == nil:
		c.byInode[h.id.Inode] = h
	case err == nil:
		kept := c.byInode[h.id.Inode]
		if kept.name == "" {
			kept.name = h.name
		}
		_ = h.Close()
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH):
		c.errs = append(c.errs, &VanishedError{Namespace: pathOf(err), Err: errors.Unwrap(err)})
	default:
		c.errs = append(c.errs, err)
	}
}

// pathOf names the file that an error is about.
func pathOf(err error) string {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Path
	}
	return "a namespace"
}

func (f finder) all() ([]*Handle, []error) {
	c := &collection{byInode: map[uint64]*Handle{}}
	self, err := f.openSelf()
	if err == nil {
		self.self = true
	}
	c.add(self, err)
	f.addNamed(c)
	f.addBound(c)
	f.addProcesses(c)
	handles := slices.SortedFunc(maps.Values(c.byInode), compare)
	for _, h := range handles {
		h.id.Cookie = h.readCookie()
	}
	return handles, c.errs
}

// compare orders namespaces as All promises.
func compare(a, b *Handle) int {
	switch {
	case a.self != b.self:
		if a.self {
			return -1
		}
		return 1
	case (a.name == "") != (b.name == ""):
		if a.name != "" {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(a.name, b.name),
		slices.Compare(a.pids, b.pids),
		cmp.Compare(a.id.Inode, b.id.Inode),
	)
}

func (f finder) addNamed(c *collection) {
	for _, dir := range f.names {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.errs = append(c.errs, fmt.Errorf("netns: list names: %w", err))
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				c.add(openFile(filepath.Join(dir, entry.Name()), entry.Name()))
			}
		}
	}
}

func (f finder) addBound(c *collection) {
	file, err := os.Open(filepath.Join(f.proc, "self/mountinfo"))
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("netns: list bound namespaces: %w", err))
		return
	}
	defer file.Close()
	mounts, err := readMounts(file)
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("netns: list bound namespaces: %w", err))
	}
	for _, m := range mounts {
		if known := c.byInode[m.inode]; known == nil || known.name == "" {
			c.add(openFile(m.path, f.nameOf(m.path)))
		}
	}
}

func (f finder) addProcesses(c *collection) {
	census, err := f.readProcesses()
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	if census.forbidden > 0 {
		c.errs = append(c.errs, fmt.Errorf("netns: the namespaces of %d of the processes: %w", census.forbidden, fs.ErrPermission))
	}
	for inode, pids := range census.members {
		if c.byInode[inode] == nil {
			f.addMember(c, inode, pids)
		}
	}
	for inode, h := range c.byInode {
		h.setPIDs(census.members[inode])
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
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			break
		}
	}
	if errors.Is(last, fs.ErrPermission) {
		c.errs = append(c.errs, last)
		return
	}
	c.errs = append(c.errs, &VanishedError{Namespace: ID{Inode: inode}.String(), Err: last})
}

// processes is what /proc tells about who lives where.
type processes struct {
	members   map[uint64][]int // process IDs by inode of their namespace
	forbidden int              // processes that the caller may not look at
}

func (f finder) readProcesses() (processes, error) {
	census := processes{members: map[uint64][]int{}}
	proc, err := os.Open(f.proc)
	if err != nil {
		return census, fmt.Errorf("netns: list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return census, fmt.Errorf("netns: list processes: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		link, err := os.Readlink(filepath.Join(f.proc, name, "ns/net"))
		if errors.Is(err, fs.ErrPermission) {
			census.forbidden++
		}
		if inode, ok := parseInode(link); ok {
			census.members[inode] = append(census.members[inode], pid)
		}
	}
	return census, nil
}
