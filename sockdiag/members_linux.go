package sockdiag

import (
	"context"
	"os"
	"slices"

	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// addOnlyMembers finds who lives in the namespaces that have connections no socket
// names an owner of, and describes the member where there is just one.
func (s *session) addOnlyMembers(ctx context.Context, t tree) {
	w := &s.window
	for i := range w.Namespaces {
		n := &w.Namespaces[i]
		if !n.Ownerless() || ctx.Err() != nil {
			continue
		}
		at := slices.IndexFunc(s.options.Namespaces, func(h *netns.Handle) bool {
			return h.ID() == netns.ID{Cookie: n.Namespace.Cookie, Inode: n.Namespace.Inode}
		})
		if at < 0 {
			continue
		}
		h := s.options.Namespaces[at]
		if err := h.LoadPIDs(); err != nil {
			s.gap(facts.SourceProcesses, "members of namespace %s: %v", h.Name(), err)
			continue
		}
		n.Namespace.PIDs = slices.DeleteFunc(slices.Clone(h.PIDs()), func(pid int) bool { return pid == os.Getpid() })
		if len(n.Namespace.PIDs) == 1 {
			s.addMember(ctx, t, n.Namespace.PIDs[0])
		}
	}
}

func (s *session) addMember(ctx context.Context, t tree, pid int) {
	w := &s.window
	if slices.ContainsFunc(w.Processes, func(p facts.Process) bool { return p.PID == pid }) {
		return
	}
	root, err := procfs.NewFS(t.proc)
	if err != nil {
		s.gap(facts.SourceProcesses, "process %d: %v", pid, err)
		return
	}
	if p, ok := describe(ctx, t, root, holder{pid: pid}); ok {
		p.FDs = facts.Opt[uint64]{} // its descriptors were not counted
		w.Processes = append(w.Processes, p)
	}
}
