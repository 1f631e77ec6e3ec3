package sockdiag

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// keptMost bounds how many files are kept open to be read again, some six for each
// namespace. The kernel holds a buffer of some pages for each.
const keptMost = 4096

// keptFor returns how many files to keep open where a process may have so many: a
// quarter at most.
func keptFor(limit uint64) int64 { return int64(min(limit/4, keptMost)) }

// descriptorLimit returns how many descriptors this process may have.
func descriptorLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}

// NewWatcher makes a watcher. It watches nothing until its first Refresh.
func NewWatcher(o WatchOptions) (*Watcher, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t := hostTree(o.Proc)
	t.files, t.names = &buffers{}, &columnNames{}
	if err := checkProc(t); err != nil {
		return nil, err
	}
	dir, err := sysctl.OpenDir(t.sysctl(""))
	if err != nil {
		return nil, err
	}
	owners, err := newOwners(t, o.OwnerShare, o.OwnerDeadline)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	namespaceKeys, hostKeys := sysctl.Relevant()
	dumps := &buffers{size: bufferLen}
	keep := new(atomic.Int64)
	keep.Store(keptFor(descriptorLimit()))
	log := &followedLog{tree: t}
	h := &hostReader{tree: t, dir: dir, keys: hostKeys}
	return &Watcher{
		o:    o,
		list: lister(t, o.Namespaces),
		newSource: func(p place) source {
			l := newLiveSource(p.handle, t, dir, namespaceKeys, dumps)
			l.kept = &keptFiles{budget: keep}
			return l
		},
		letGo:  func(p place) { _ = p.handle.Close() },
		host:   h.read,
		shared: newReader(t, scoped(perHost), nil).shared,
		log:    log.read,
		owners: owners,
		cpu:    cpuSeconds,
		closing: func() {
			log.close()
			_ = dir.Close()
		},
	}, nil
}

// lister lists the namespaces to watch.
func lister(t tree, given func(context.Context) ([]*netns.Handle, []error)) func(context.Context) ([]place, bool, []error) {
	known := netns.NewLister(t.proc)
	return func(ctx context.Context) ([]place, bool, []error) {
		var handles []*netns.Handle
		var complete bool
		var errs []error
		if given != nil {
			handles, errs = given(ctx)
			complete = len(handles) > 0 || len(errs) == 0
		} else {
			handles, complete, errs = known.List()
		}
		places := make([]place, len(handles))
		for i, h := range handles {
			places[i] = place{namespace: memberNamespace(t, h), handle: h}
		}
		return places, complete, errs
	}
}

// memberNamespace tells what is known of a namespace, with the container of its
// first process. The watcher itself is nobody's member.
func memberNamespace(t tree, h *netns.Handle) facts.Namespace {
	n := namespaceOf(h)
	n.PIDs = slices.DeleteFunc(n.PIDs, func(pid int) bool { return pid == os.Getpid() })
	if len(n.PIDs) > 0 && n.PIDs[0] != 1 && !n.Self {
		n.Container = containerOf(t, n.PIDs[0])
	}
	return n
}

// hostReader reads what is read of the host at every Refresh.
type hostReader struct {
	tree tree
	dir  *sysctl.Dir
	keys []sysctl.Key

	probed   bool // whether it is known what the kernel shows
	shows    bool
	settings lane
}

func (h *hostReader) read(ctx context.Context) hostFacts {
	out := hostFacts{host: readHost(h.tree)}
	out.host.Root = seesOthers(h.tree)
	gap := func(source facts.Source, reason string) {
		out.gaps = append(out.gaps, facts.Gap{Source: source, Reason: reason})
	}
	if !h.probed {
		shows, err := ShowsBound(ctx)
		h.shows, h.probed = shows, err == nil
	}
	if out.showsBound = h.shows; !h.shows {
		gap(facts.SourceBoundPorts, boundHidden)
	}
	var err error
	out.settings, err = inLane(ctx, &h.settings, patience{limit: settingsLimit}, func() (map[string]string, error) {
		return readSettings(h.dir, h.keys)
	}, nil)
	if err != nil {
		gap(facts.SourceHostSettings, err.Error())
	} else {
		out.gaps = append(out.gaps, hiddenGap(hiddenSettings(out.settings, h.keys, out.host.Kernel))...)
	}
	return out
}

// followedLog follows the kernel's log; one that could not be opened is tried
// again.
type followedLog struct {
	tree    tree
	log     *kernelLog
	reading lane
}

func (f *followedLog) read(ctx context.Context) ([]facts.LogLine, error) {
	return inLane(ctx, &f.reading, patience{limit: 2 * logLimit}, func() ([]facts.LogLine, error) {
		if f.log == nil {
			log, err := openKernelLog(f.tree)
			if err != nil {
				return nil, err
			}
			f.log = log
		}
		return f.log.read(ctx)
	}, nil)
}

func (f *followedLog) close() {
	f.reading.close(func() {
		if f.log != nil {
			_ = f.log.close()
		}
	})
}
