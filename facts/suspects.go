package facts

import "slices"

const (
	// suspectGroups is how many of the largest groups of connections have
	// their owners named.
	suspectGroups = 64
	// suspectsMax bounds the sockets to be attributed in one namespace.
	suspectsMax = 65536
)

// Suspects returns the inodes of the sockets whose processes are worth naming,
// ascending: every listener, the samples of every class, some owners of the
// largest groups of connections, and the holders of bound ports. The number is
// bounded; what is left out first is what matters least.
func (n *NamespaceWindow) Suspects() []uint32 {
	c := &n.End.Census
	s := suspects{seen: make(map[uint32]struct{})}
	for i := range c.Listeners {
		s.add(c.Listeners[i].Inode)
	}
	for i := range c.Destinations[:min(len(c.Destinations), suspectGroups)] {
		s.add(c.Destinations[i].Inodes...)
	}
	for i := range c.Locals[:min(len(c.Locals), suspectGroups)] {
		s.add(c.Locals[i].Passers...)
	}
	s.add(c.Bound.Inodes...)
	for i := range classRules { // in a fixed order, the telling classes first
		for _, sample := range c.Classes[classRules[i].name].Samples {
			s.add(sample.Inode)
		}
	}
	slices.Sort(s.list)
	return s.list
}

type suspects struct {
	seen map[uint32]struct{}
	list []uint32
}

func (s *suspects) add(inodes ...uint32) {
	for _, inode := range inodes {
		if _, ok := s.seen[inode]; ok || inode == 0 || len(s.list) >= suspectsMax {
			continue
		}
		s.seen[inode] = struct{}{}
		s.list = append(s.list, inode)
	}
}

// ownerlessFrom is how many TIME_WAIT a group without any owner must have for
// its namespace's members to be worth looking up.
const ownerlessFrom = 8

// Ownerless reports whether one of the largest groups of outbound connections
// is in TIME_WAIT throughout: no socket of it tells a process, so that only the
// namespace's members can.
func (n *NamespaceWindow) Ownerless() bool {
	dests := n.End.Census.Destinations
	for i := range dests[:min(len(dests), suspectGroups)] {
		if d := &dests[i]; len(d.Inodes) == 0 && d.States[TimeWait] >= ownerlessFrom {
			return true
		}
	}
	return false
}
