package fix

import (
	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Reading is one figure that a window shows.
type Reading struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
	// Harm says that it is what is wrong: less of it is better.
	Harm bool `json:"harm,omitempty"`
	// Load says that it is what the host has to bear: without it a change proves
	// nothing.
	Load bool `json:"load,omitempty"`
}

// The names of readings that no prediction is about.
const (
	readingSeverity = "severity" // 0 to 3, of findings that have no figure of their own
	readingLoad     = "load"     // connections per second
)

// measure reads one figure off a namespace; it is unknown where the window does not
// show it.
type measure struct {
	name, unit string
	harm, load bool
	of         func(*model.Namespace, rules.Subject) (float64, bool)
}

// measures returns the figures of a finding by its ID; none for a finding that has
// no figures of its own.
func measures(id string) []measure {
	switch id {
	case "accept-queue-overflow":
		return acceptMeasures()
	case "syn-flood", "syn-queue-overflow":
		return synMeasures()
	case "time-wait-overflow":
		return timeWaitMeasures()
	case "ephemeral-port-exhaustion":
		return portMeasures()
	}
	return nil
}

func acceptMeasures() []measure {
	of := func(get func(*model.Namespace, *model.Listener) float64) func(*model.Namespace, rules.Subject) (float64, bool) {
		return func(n *model.Namespace, s rules.Subject) (float64, bool) {
			l := listenerOf(n, s)
			if l == nil || n.Start == nil {
				return 0, false
			}
			return get(n, l), true
		}
	}
	return []measure{
		{model.FigureDrops, "/s", true, false, of(func(n *model.Namespace, l *model.Listener) float64 { return n.AcceptLoad(l).DropsPerSecond })},
		{model.FigureResets, "/s", true, false, of(func(n *model.Namespace, _ *model.Listener) float64 {
			return n.PerSecond(n.Rose("TcpExt.EmbryonicRsts"))
		})},
		{model.FigureQueuePeak, "connections", false, false, of(func(_ *model.Namespace, l *model.Listener) float64 { return float64(l.HighWater()) })},
		{model.FigureQueueLimit, "connections", false, false, of(func(_ *model.Namespace, l *model.Listener) float64 {
			return float64(model.AcceptCapacity(int(l.Limit)))
		})},
		// Of the whole namespace: what is refused comes again, so arrivals say little.
		{readingLoad, "/s", false, true, of(func(n *model.Namespace, _ *model.Listener) float64 {
			return n.PerSecond(n.Rose("Tcp.PassiveOpens"))
		})},
	}
}

func synMeasures() []measure {
	of := func(get func(model.SynLoad) float64) func(*model.Namespace, rules.Subject) (float64, bool) {
		return func(n *model.Namespace, s rules.Subject) (float64, bool) {
			l := listenerOf(n, s)
			if l == nil || n.Start == nil {
				return 0, false
			}
			return get(n.SynLoad(l)), true
		}
	}
	return []measure{
		{model.FigureDrops, "/s", true, false, of(func(l model.SynLoad) float64 { return l.DropsPerSecond })},
		{model.FigureHalfOpen, "entries", false, false, of(func(l model.SynLoad) float64 { return float64(l.HalfOpen) })},
		{readingLoad, "/s", false, true, of(func(l model.SynLoad) float64 { return l.UnansweredPerSecond + l.CompletedPerSecond })},
	}
}

func timeWaitMeasures() []measure {
	of := func(get func(model.TimeWaitLoad) float64) func(*model.Namespace, rules.Subject) (float64, bool) {
		return func(n *model.Namespace, _ rules.Subject) (float64, bool) {
			return get(n.TimeWaitLoad()), n.Start != nil
		}
	}
	return []measure{
		{model.FigureDrops, "/s", true, false, of(func(l model.TimeWaitLoad) float64 { return l.OverflowPerSecond })},
		{model.FigureTimeWait, "objects", false, false, of(func(l model.TimeWaitLoad) float64 { return float64(l.Count) })},
		{readingLoad, "/s", false, true, of(func(l model.TimeWaitLoad) float64 { return l.ClosesPerSecond })},
	}
}

// portMeasures has no load: ports that are taken are the harm itself, whoever took
// them when. A destination that nothing is connected to any more takes none.
func portMeasures() []measure {
	usable := func(n *model.Namespace) float64 {
		return float64(model.PortCapacity(n.Settings.PortRange, n.Settings.ReservedPorts, int(n.End.Census.Bound.Ports)))
	}
	return []measure{
		{model.FigureUsed, "%", true, false, func(n *model.Namespace, s rules.Subject) (float64, bool) {
			if d := destinationOf(n, s); d != nil {
				return 100 * d.UsedRatio(), true
			}
			return 0, n.End.Census.Complete
		}},
		{model.FigurePorts, "ports", false, false, func(n *model.Namespace, _ rules.Subject) (float64, bool) { return usable(n), true }},
	}
}

// Take reads the figures of a finding off the namespace it is about. For a finding
// without figures of its own that is how severe it is.
func Take(n *model.Namespace, f rules.Finding) []Reading {
	all := measures(f.ID)
	if all == nil {
		return severityOf(f)
	}
	var out []Reading
	for _, m := range all {
		if v, ok := m.of(n, f.Subject); ok {
			out = append(out, Reading{Name: m.name, Unit: m.unit, Value: v, Harm: m.harm, Load: m.load})
		}
	}
	return out
}

// TakeAgain reads the figures of a finding off a later window and its findings.
func TakeAgain(v *model.View, later []rules.Finding, f rules.Finding) []Reading {
	n := namespaceOf(v, f.Netns)
	switch {
	case n == nil:
		return nil
	case measures(f.ID) != nil:
		return Take(n, f)
	}
	if g, ok := still(later, f); ok {
		return severityOf(g)
	}
	if _, missing := n.Missing(facts.SourceSockets); missing {
		return nil
	}
	return []Reading{{Name: readingSeverity, Harm: true}}
}

// severityOf is the reading of a finding that has no figures.
func severityOf(f rules.Finding) []Reading {
	out := []Reading{{Name: readingSeverity, Value: float64(f.Severity.Rank()), Harm: true}}
	for _, e := range f.Evidence {
		if e.Rate != nil {
			out = append(out, Reading{Name: e.Name, Unit: "/s", Value: *e.Rate})
		}
	}
	return out
}

// Still says whether a finding is found again.
func Still(later []rules.Finding, f rules.Finding) bool {
	_, ok := still(later, f)
	return ok
}

// still finds a finding among later ones. A process may have another pid by then.
func still(later []rules.Finding, f rules.Finding) (rules.Finding, bool) {
	for _, g := range later {
		a, b := g.Subject, f.Subject
		same := a.Kind == b.Kind && a.Local == b.Local && a.Port == b.Port && a.Peer == b.Peer && a.PeerPort == b.PeerPort
		if a.Kind == rules.SubjectProcess {
			same = same && a.Comm == b.Comm
		}
		if g.ID == f.ID && same && g.Netns.Cookie == f.Netns.Cookie && g.Netns.Inode == f.Netns.Inode {
			return g, true
		}
	}
	return rules.Finding{}, false
}
