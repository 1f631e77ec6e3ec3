package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// View is what a window means: per namespace, the settings in force, the rates
// of counters, and the listeners and destinations with all that is known of
// each. It is a pure function of the window, so a recording and a live host
// are judged alike.
type View struct {
	Window *facts.Window
	// Namespaces are judged one by one.
	Namespaces []Namespace

	byInode map[uint32][]*facts.Process
}

// Namespace is what a window means for one network namespace.
type Namespace struct {
	ID facts.Namespace
	// Label names it in metrics, alerts and series, as [NetnsLabel] does.
	Label    string
	Host     facts.Host
	Dialect  Dialect
	Settings Settings
	// Seconds is the time between the two readings of the counters; 0 where
	// only one instant was seen, and then nothing has a rate.
	Seconds float64
	// CensusSeconds is the time between the two walks over the sockets, which may
	// be far longer than Seconds; 0 where there is no earlier walk, and then
	// nothing is known of growth or of what stood still.
	CensusSeconds float64
	Start, End    *facts.Snapshot
	Shared        SharedDelta
	Log           []facts.LogLine

	Listeners    []Listener
	Destinations []Destination
	CloseWait    []CloseWaitHolder

	window *facts.NamespaceWindow
	gaps   []facts.Gap
	view   *View
}

// SharedDelta is the readings of what all namespaces share at both ends.
type SharedDelta struct{ Start, End facts.Shared }

// NewView builds the view of a window. Settings that cannot be understood
// become gaps of their namespace.
func NewView(w facts.Window) *View {
	v := &View{Window: &w, byInode: make(map[uint32][]*facts.Process)}
	for i := range w.Processes {
		p := &w.Processes[i]
		for _, inode := range p.HoldsInodes {
			v.byInode[inode] = append(v.byInode[inode], p)
		}
	}
	v.Namespaces = make([]Namespace, len(w.Namespaces))
	for i := range w.Namespaces {
		v.Namespaces[i] = v.namespace(&w.Namespaces[i])
	}
	v.labels()
	return v
}

func (v *View) namespace(nw *facts.NamespaceWindow) Namespace {
	w := v.Window
	n := Namespace{
		ID: nw.Namespace, Host: w.Host, End: &nw.End, Log: w.Log, window: nw, view: v,
		Shared: SharedDelta{w.SharedStart, w.SharedEnd},
		gaps:   append(slices.Clone(w.Gaps), nw.Gaps...),
	}
	if !nw.Start.IsZero() {
		n.Start = &nw.Start
		n.Seconds = nw.End.AtSeconds - nw.Start.AtSeconds
		if walked(&nw.Start.Census) {
			n.CensusSeconds = nw.End.CensusAt() - nw.Start.CensusAt()
		}
	}
	values := maps.Clone(w.HostSettings)
	if values == nil {
		values = make(map[string]string)
	}
	maps.Copy(values, nw.Settings)
	n.Dialect = NewDialect(probeOf(w.Host, w.Gaps, nw, values))
	s, err := ParseSettings(values, n.Dialect, w.Host.MemoryBytes)
	if err != nil {
		n.gaps = append(n.gaps, facts.Gap{Source: facts.SourceSettings, Reason: err.Error()})
	}
	n.Settings = s
	n.Listeners = n.listeners()
	n.Destinations = n.destinations()
	n.CloseWait = n.closeWaitHolders()
	return n
}

// walked reports whether a census comes from a walk over all sockets. Between two
// walks there are only the listeners that a poll saw.
func walked(c *facts.Census) bool {
	return c.Complete || len(c.Classes) > 0 || len(c.Locals) > 0 || len(c.Destinations) > 0
}

// before returns the census of the earlier walk, nil where there is none.
func (n *Namespace) before() *facts.Census {
	if n.CensusSeconds <= 0 {
		return nil
	}
	return &n.Start.Census
}

// walkedInTime reports whether the earlier walk was made about when the window
// began, so that what it saw and what the counters say belong together.
func (n *Namespace) walkedInTime() bool {
	return n.CensusSeconds > 0 && n.CensusSeconds <= 2*n.Seconds
}

// probeOf tells what the window shows of the kernel. A key or counter that was
// looked for and not found is absent; where nothing was read at all, nothing
// is said.
func probeOf(h facts.Host, windowGaps []facts.Gap, nw *facts.NamespaceWindow, values map[string]string) Probe {
	p := Probe{Release: h.Kernel, Sysctls: map[string]bool{}, Counters: map[string]bool{}}
	unread := slices.ContainsFunc(append(slices.Clone(windowGaps), nw.Gaps...),
		func(g facts.Gap) bool {
			return g.Source == facts.SourceSettings || g.Source == facts.SourceHostSettings
		})
	for _, k := range SettingKeys() {
		if _, has := values[k]; has || !unread && len(nw.Settings) > 0 {
			p.Sysctls[k] = has
		}
	}
	for name := range nw.End.Counters {
		p.Counters[name] = true
	}
	return p
}

// Missing reports whether a source could not be read here, and why.
func (n *Namespace) Missing(source facts.Source) (reason string, missing bool) {
	for _, g := range n.gaps {
		if g.Source == source {
			return g.Reason, true
		}
	}
	return "", false
}

// Gaps returns what could not be read of this namespace or of the host.
func (n *Namespace) Gaps() []facts.Gap { return n.gaps }

// Delta returns how much a counter rose over the window. It is unknown for a
// single instant and for a counter this kernel does not have.
func (n *Namespace) Delta(counter string) (uint64, bool) {
	if n.Start == nil {
		return 0, false
	}
	return facts.Delta(n.Start.Counters, n.End.Counters, counter)
}

// Rose returns how much a counter rose, and 0 where that is unknown: for
// sums in which an unknown part must not speak.
func (n *Namespace) Rose(counter string) uint64 {
	d, _ := n.Delta(counter)
	return d
}

// Rate returns by how much a counter rose per second.
func (n *Namespace) Rate(counter string) (float64, bool) {
	d, ok := n.Delta(counter)
	if !ok || n.Seconds <= 0 {
		return 0, false
	}
	return float64(d) / n.Seconds, true
}

// PerSecond spreads a count over the window; 0 for a single instant.
func (n *Namespace) PerSecond(count uint64) float64 {
	if n.Seconds <= 0 {
		return 0
	}
	return float64(count) / n.Seconds
}

// Owners returns the processes that hold a socket, by its inode.
func (n *Namespace) Owners(inodes ...uint32) []*facts.Process {
	var out []*facts.Process
	for _, i := range inodes {
		for _, p := range n.view.byInode[i] {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b *facts.Process) int { return a.PID - b.PID })
	return out
}

// Setting returns the text of a setting as it was read.
func (n *Namespace) Setting(key string) (string, bool) {
	if v, ok := n.window.Settings[key]; ok {
		return v, true
	}
	v, ok := n.view.Window.HostSettings[key]
	return v, ok
}

// String names the namespace for messages.
func (n *Namespace) String() string {
	switch {
	case n.ID.Name != "":
		return n.ID.Name
	case n.ID.Container != "":
		return n.ID.Container
	case n.ID.Self:
		return "this namespace"
	}
	return fmt.Sprintf("net:[%d]", n.ID.Inode)
}
