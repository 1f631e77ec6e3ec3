package model

import (
	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Destination is what a window shows of the connections from one source
// address to one destination address and port.
type Destination struct {
	facts.Destination
	// Usable is how many local ports connections to it can choose from: the
	// ephemeral range less the reserved and the bound ports.
	Usable int
	// AtStart is how many ports of the range it used at the walk before.
	AtStart uint64
	Owners  []*facts.Process
	// OwnerGuessed tells that no socket named the owner (TIME_WAIT has none):
	// Owners is then the only process that lives in the namespace.
	OwnerGuessed bool
}

// UsedRatio returns the share of the usable ports that are taken.
func (d *Destination) UsedRatio() float64 {
	if d.Usable <= 0 {
		if d.InRange > 0 {
			return 1
		}
		return 0
	}
	return float64(d.InRange) / float64(d.Usable)
}

func (n *Namespace) destinations() []Destination {
	end := &n.End.Census
	type key struct{ source, dest string }
	before := make(map[key]uint64)
	if c := n.before(); c != nil {
		for _, d := range c.Destinations {
			before[key{d.Source.String(), d.Dest.String()}] = d.InRange
		}
	}
	usable := PortCapacity(n.Settings.PortRange, n.Settings.ReservedPorts, int(end.Bound.Ports))
	out := make([]Destination, len(end.Destinations))
	for i, d := range end.Destinations {
		out[i] = Destination{
			Destination: d, Usable: usable,
			AtStart: before[key{d.Source.String(), d.Dest.String()}],
			Owners:  n.Owners(d.Inodes...),
		}
		if only := n.onlyMember(); len(out[i].Owners) == 0 && only != nil {
			out[i].Owners, out[i].OwnerGuessed = []*facts.Process{only}, true
		}
	}
	return out
}

// onlyMember returns the process of a namespace in which just one lives.
func (n *Namespace) onlyMember() *facts.Process {
	if len(n.ID.PIDs) != 1 {
		return nil
	}
	for i := range n.view.Window.Processes {
		if p := &n.view.Window.Processes[i]; p.PID == n.ID.PIDs[0] {
			return p
		}
	}
	return nil
}
