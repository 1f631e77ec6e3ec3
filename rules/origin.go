package rules

import "slices"

// Origin is another fault of which a finding may be a mere consequence. While
// the other is open nobody needs to hear of this one.
type Origin struct {
	// ID is the rule that finds the root.
	ID string
	// Causes are those that the consequence must have; none means any.
	Causes []string
	// RootCauses are those that the root must have; none means any.
	RootCauses []string
	// Shares is what both must have in common.
	Shares Share
}

// Share is what a fault and its consequence have in common.
type Share string

// What may be shared. A shared process is in the same namespace as well.
const (
	ShareSubject Share = "subject" // the same listener, destination or process
	ShareProcess Share = "process" // a process, or the same program in the same control group
	ShareNetns   Share = "netns"   // the namespace
	ShareHost    Share = "host"    // nothing but the host
)

// ExplainedIn returns the position of the root among the findings of which f is a
// consequence, or -1. Findings of the rule itself are passed over.
func (r *Rule) ExplainedIn(f *Finding, all []*Finding) int {
	for i, root := range all {
		for j := range r.CausedBy {
			if root.ID == r.CausedBy[j].ID && root.ID != r.ID && r.CausedBy[j].explains(root, f) {
				return i
			}
		}
	}
	return -1
}

func (o *Origin) explains(root, f *Finding) bool {
	has := func(list []string, cause string) bool { return len(list) == 0 || slices.Contains(list, cause) }
	return has(o.Causes, f.Cause) && has(o.RootCauses, root.Cause) && o.shared(root, f)
}

func (o *Origin) shared(root, f *Finding) bool {
	a, b := &root.Subject, &f.Subject
	sameNetns := root.Netns.Cookie == f.Netns.Cookie && root.Netns.Inode == f.Netns.Inode
	switch o.Shares {
	case ShareSubject:
		return sameNetns && a.Kind == b.Kind && a.Local == b.Local && a.Port == b.Port &&
			a.Peer == b.Peer && a.PeerPort == b.PeerPort && sameProgram(a, b)
	case ShareProcess:
		return sameNetns && a.Comm+b.Comm != "" && sameProgram(a, b)
	case ShareNetns:
		return sameNetns
	case ShareHost:
		return true
	}
	return false
}

// sameProgram reports whether two subjects have a process in common, or are the
// same program in the same place: workers take turns.
func sameProgram(a, b *Subject) bool {
	common := slices.ContainsFunc(a.PIDs, func(pid int) bool { return slices.Contains(b.PIDs, pid) })
	return common || a.Comm == b.Comm && a.Cgroup == b.Cgroup && a.Container == b.Container
}
