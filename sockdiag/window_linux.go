package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Collect takes a window: everything that diagnosis judges. What could not be
// read is a gap in it. The error is an [*UnreadableError] where sockets or
// counters of the only namespace (or of all of them) could not be read, and
// wraps ctx's error when that ended first.
func Collect(ctx context.Context, o Options) (facts.Window, error) {
	began, cpu := time.Now(), cpuSeconds()
	o, err := o.withDefaults()
	if err != nil {
		return facts.Window{}, err
	}
	t := hostTree(o.Proc)
	if err := checkProc(t); err != nil {
		return facts.Window{}, err
	}
	dir, err := sysctl.OpenDir(t.sysctl(""))
	if err != nil {
		return facts.Window{}, err
	}
	defer dir.Close()
	if len(o.Namespaces) == 0 {
		self, err := netns.Self()
		if err != nil {
			return facts.Window{}, err
		}
		defer self.Close()
		o.Namespaces = []*netns.Handle{self}
	}
	s := newSession(ctx, t, dir, o, began)
	defer func() {
		for _, m := range s.members {
			m.src.close()
		}
	}()
	if err := s.run(ctx); err != nil {
		return facts.Window{}, err
	}
	s.addProcesses(ctx, t)
	if ctx.Err() != nil {
		return facts.Window{}, cancelled(ctx)
	}
	w := &s.window
	w.Cost.WallSeconds = time.Since(began).Seconds()
	w.Cost.CPUSeconds = cpuSeconds() - cpu
	return *w, nil
}

// checkProc makes sure that proc is what it should be, so that a missing mount
// gives one clear error instead of a dozen gaps.
func checkProc(t tree) error {
	for _, path := range [...]string{t.net("netstat"), t.net("snmp")} {
		if _, err := readSmall(path); err != nil {
			hint := ""
			if errors.Is(err, fs.ErrNotExist) {
				hint = fmt.Sprintf(" (is proc mounted at %s?)", t.proc)
			}
			return &UnreadableError{Namespace: "self", Source: facts.SourceNetstat, Err: fmt.Errorf("%w%s", err, hint)}
		}
	}
	return nil
}

// newSession makes a session over the running kernel.
func newSession(ctx context.Context, t tree, dir *sysctl.Dir, o Options, began time.Time) *session {
	namespaceKeys, hostKeys := sysctl.Relevant()
	s := &session{
		options: o,
		budget:  o.budgetFrom(began),
		workers: min(max(runtime.NumCPU(), 2), 4),
	}
	s.window.Host = readHost(t)
	shows, err := ShowsBound(ctx)
	switch {
	case err != nil:
		s.gap(facts.SourceBoundPorts, "whether this kernel shows sockets that are bound without being connected: %v", err)
	case !shows:
		s.gap(facts.SourceBoundPorts, boundHidden)
	}
	for _, h := range o.Namespaces {
		m := &member{src: newLiveSource(h, t, dir, namespaceKeys, nil)}
		m.window.Namespace = namespaceOf(h)
		m.options.ShowsBound = shows
		s.members = append(s.members, m)
	}
	s.shared = newReader(t, scoped(perHost), nil).shared
	s.atEnd = func(ctx context.Context) { s.readOnce(ctx, t, dir, hostKeys) }
	return s
}

// boundHidden is why bound sockets are a gap.
const boundHidden = "this kernel does not show sockets that are bound without being connected (6.8 and later do)"

func (s *session) gap(source facts.Source, format string, args ...any) {
	s.window.Gaps = append(s.window.Gaps, facts.Gap{Source: source, Reason: fmt.Sprintf(format, args...)})
}

// readOnce reads what is read once per window: the host's settings and the
// kernel log.
func (s *session) readOnce(ctx context.Context, t tree, dir *sysctl.Dir, keys []sysctl.Key) {
	w := &s.window
	var err error
	w.Log, err = bounded(ctx, 2*logLimit, func() ([]facts.LogLine, error) { return readKernelLog(ctx, t) })
	if err != nil {
		s.gap(facts.SourceKernelLog, "%v", err)
	}
	w.HostSettings, err = bounded(ctx, settingsLimit, func() (map[string]string, error) { return readSettings(dir, keys) })
	if err != nil {
		s.gap(facts.SourceHostSettings, "%v", err)
		return
	}
	w.Gaps = append(w.Gaps, hiddenGap(hiddenSettings(w.HostSettings, keys, w.Host.Kernel))...)
}

// addProcesses names who holds the suspects, and the containers of the
// namespaces.
func (s *session) addProcesses(ctx context.Context, t tree) {
	w := &s.window
	w.Host.Root = seesOthers(t)
	if s.options.NoProcesses {
		s.gap(facts.SourceProcesses, "not asked for")
		return
	}
	s.done = 0
	s.progress(PhaseProcesses, s.options.Window)
	var inodes []uint32
	for i := range w.Namespaces {
		n := &w.Namespaces[i]
		inodes = append(inodes, n.Suspects()...)
		s.addMembers(t, n)
	}
	limited, cancel := context.WithDeadlineCause(ctx, s.budget.processes, errDeadline)
	defer cancel()
	found, err := attribute(limited, t, inodes)
	if err != nil {
		s.gap(facts.SourceProcesses, "%v", err)
		return
	}
	w.Processes = found.processes
	w.Gaps = append(w.Gaps, found.gaps(os.Geteuid() == 0, inOwnPIDNamespace(t))...)
	s.addOnlyMembers(limited, t)
}

// addMembers names the container of a namespace, and says when whoever lived in
// it left during the window: the open handle keeps the namespace readable, but
// what it shows then is only what they left behind.
func (s *session) addMembers(t tree, n *facts.NamespaceWindow) {
	pids := n.Namespace.PIDs
	if len(pids) == 0 || n.Namespace.Self {
		return
	}
	if pids[0] != 1 { // the host's first process is in no container
		n.Namespace.Container = containerOf(t, pids[0])
	}
	if s.options.Window > 0 && deserted(t, n.Namespace.Inode, pids) {
		n.Gaps = append(n.Gaps, facts.Gap{
			Source: facts.SourceNamespaces, Reason: "every process that was seen in this namespace at first has left it during the window",
		})
	}
}

// cpuSeconds is the processor time this process has used.
func cpuSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
