package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Self opens the namespace of the calling process: that of its leading thread,
// whichever namespace the calling thread may be in.
func Self() (*Handle, error) {
	h, err := openFile("/proc/self/ns/net", "")
	if err != nil {
		return nil, err
	}
	h.self = true
	h.id.Cookie = h.readCookie()
	return h, nil
}

// Open opens a namespace given as a NAME (a file in /run/netns, /var/run/netns
// or /run/docker/netns), a PID, or a PATH, which must hold a slash. A name wins
// over a process ID of the same spelling. The error for a name that does not
// exist is an [*UnknownError]; no process of that ID wraps [fs.ErrNotExist].
func Open(spec string) (*Handle, error) { return hostFinder("").open(spec) }

// New makes a fresh namespace without a name. Its loopback link is down. It
// lives until the handle is closed and nothing else uses it.
func New() (*Handle, error) {
	var h *Handle
	unshare := func() error {
		return os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNET))
	}
	err := runOnWorker(unshare, func() (err error) {
		h, err = openFile("/proc/thread-self/ns/net", "")
		if err == nil {
			h.id.Cookie = socketCookie()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netns: create: %w", err)
	}
	return h, nil
}

// finder knows where a host keeps its namespaces; tests point it elsewhere.
type finder struct {
	proc  string   // the mount point of proc
	names []string // folders whose files are named namespaces
}

func hostFinder(proc string) finder {
	if proc == "" {
		proc = "/proc"
	}
	return finder{proc: proc, names: []string{"/run/netns", "/var/run/netns", "/run/docker/netns"}}
}

func (f finder) open(spec string) (*Handle, error) {
	h, err := f.openSpec(spec)
	if err != nil {
		return nil, err
	}
	self, err := f.openSelf()
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	defer self.Close()
	h.self = h.Same(self)
	h.id.Cookie = h.readCookie()
	return h, nil
}

func (f finder) openSelf() (*Handle, error) {
	return openFile(filepath.Join(f.proc, "self/ns/net"), "")
}

func (f finder) openSpec(spec string) (*Handle, error) {
	if spec == "" {
		return nil, errors.New("netns: open: empty name")
	}
	if strings.Contains(spec, "/") {
		return openFile(spec, f.nameOf(spec))
	}
	for _, dir := range f.names {
		path := filepath.Join(dir, spec)
		if info, err := os.Lstat(path); err != nil || info.IsDir() {
			continue
		}
		return openFile(path, spec)
	}
	if pid, err := strconv.Atoi(spec); err == nil && pid > 0 {
		return f.openPID(pid)
	}
	known, unreadable := f.knownNames()
	return nil, &UnknownError{Name: spec, Known: known, Unreadable: unreadable}
}

func (f finder) openPID(pid int) (*Handle, error) {
	h, err := openFile(filepath.Join(f.proc, strconv.Itoa(pid), "ns/net"), "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("netns: no process %d, and no namespace of that name: %w", pid, err)
	}
	if err != nil {
		return nil, err
	}
	h.setMembers(members{pids: []int{pid}, count: 1})
	return h, nil
}

// knownNames lists the names that Open would take.
func (f finder) knownNames() (known, unreadable []string) {
	for _, dir := range f.names {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unreadable = append(unreadable, fmt.Sprintf("%s: %v", dir, errors.Unwrap(err)))
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				known = append(known, entry.Name())
			}
		}
	}
	slices.Sort(known)
	return slices.Compact(known), unreadable
}

// nameOf gives the name of a namespace bound at path: short in a usual folder.
func (f finder) nameOf(path string) string {
	dir, file := filepath.Split(filepath.Clean(path))
	if slices.Contains(f.names, filepath.Clean(dir)) {
		return file
	}
	if strings.HasPrefix(path, f.proc+"/") {
		return ""
	}
	return path
}

// errNotNamespace is why something else cannot be opened.
var errNotNamespace = errors.New("is not a namespace")

// openFile opens the namespace that path leads to, and makes sure that it is a
// network namespace. The cookie is left to the caller.
func openFile(path, name string) (*Handle, error) {
	// Without O_NONBLOCK a path that leads to a pipe would block for ever.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	file := os.NewFile(uintptr(fd), path)
	var fsStat unix.Statfs_t
	if err := unix.Fstatfs(fd, &fsStat); err != nil || fsStat.Type != unix.NSFS_MAGIC {
		_ = file.Close()
		return nil, fmt.Errorf("netns: %s %w", path, errNotNamespace)
	}
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		_ = file.Close()
		return nil, fmt.Errorf("netns: %s is not a network namespace", path)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("netns: %w", &fs.PathError{Op: "stat", Path: path, Err: err})
	}
	return &Handle{file: file, name: name, id: ID{Inode: stat.Ino}}, nil
}

// readCookie enters the namespace to ask for its cookie; 0 if it may not.
func (h *Handle) readCookie() uint64 {
	var cookie uint64
	if err := h.Do(func() error { cookie = socketCookie(); return nil }); err != nil {
		return 0
	}
	return cookie
}

// socketCookie asks a throw-away socket for the cookie of the namespace that
// the calling thread is in; 0 before Linux 5.14.
func socketCookie() uint64 {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0
	}
	return cookie
}
