package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Observation is what one tick has seen and judged.
type Observation struct {
	// BootID tells one boot of the host from another.
	BootID string
	// Namespaces are those that were judged, Others those that are there but
	// were not looked at.
	Namespaces, Others []facts.Namespace
	// NamespacesUnsure tells that there may be more namespaces than listed.
	NamespacesUnsure bool
	// Rules are the IDs of the rules that were asked.
	Rules []string
	// Findings are what they found. Unknown are the judgements that could not
	// be made, Partial those that found something but may have missed more.
	Findings         []rules.Finding
	Unknown, Partial []rules.Unknown
}

// NewObservation is what a view and the rules' answer to it amount to. set are
// the rules that were asked; nil means all.
func NewObservation(v *model.View, r rules.Result, set []rules.Rule) Observation {
	if set == nil {
		set = rules.All()
	}
	o := Observation{
		BootID: v.Window.Host.BootID, Findings: r.Findings, Unknown: r.Unknown, Partial: r.Partial,
		Namespaces: make([]facts.Namespace, len(v.Namespaces)), Rules: make([]string, len(set)),
	}
	for i := range v.Namespaces {
		o.Namespaces[i] = v.Namespaces[i].ID
	}
	for i := range set {
		o.Rules[i] = set[i].ID
	}
	o.NamespacesUnsure = slices.ContainsFunc(v.Window.Gaps, func(g facts.Gap) bool { return g.Source == facts.SourceNamespaces })
	return o
}

// netnsKey identifies a namespace across ticks: the boot, and within it the
// cookie, or the inode where there is none.
func netnsKey(boot string, cookie, inode uint64) string {
	const digits = 8
	if len(boot) > digits {
		boot = boot[:digits]
	}
	if cookie == 0 {
		return fmt.Sprintf("%s/i%d", boot, inode)
	}
	return fmt.Sprintf("%s/%d", boot, cookie)
}

// seen is an observation, ready to be asked.
type seen struct {
	Observation
	labels   map[string]string // of the namespaces there are, by key
	judged   map[string]bool   // namespaces
	rules    map[string]bool
	unmade   map[[2]string]bool // by rule and namespace; "" for all of them
	hostNets rules.Netns        // where what concerns the whole host is said to be
}

func newSeen(o Observation) *seen {
	s := &seen{
		Observation: o, labels: make(map[string]string, len(o.Namespaces)+len(o.Others)), judged: make(map[string]bool, len(o.Namespaces)),
		rules: make(map[string]bool, len(o.Rules)), unmade: make(map[[2]string]bool),
	}
	all := slices.Concat(o.Namespaces, o.Others)
	for i, label := range model.NetnsLabels(all) {
		key := netnsKey(o.BootID, all[i].Cookie, all[i].Inode)
		s.labels[key] = label
		s.judged[key] = s.judged[key] || i < len(o.Namespaces)
		if all[i].Self || i == 0 {
			s.hostNets = rules.Netns{Cookie: all[i].Cookie, Inode: all[i].Inode, Name: all[i].Name, Container: all[i].Container}
		}
	}
	for _, id := range o.Rules {
		s.rules[id] = true
	}
	for _, list := range [][]rules.Unknown{o.Unknown, o.Partial} {
		for _, u := range list {
			at := [2]string{u.Rule, ""}
			if u.Netns != nil {
				at[1] = netnsKey(o.BootID, u.Netns.Cookie, u.Netns.Inode)
			}
			s.unmade[at] = true
		}
	}
	return s
}

// made reports whether the judgement that a key would be found by was made, so
// that silence means something.
func (s *seen) made(k Key) bool {
	if k.ID == TooMany {
		return true
	}
	return s.rules[k.ID] && s.judged[k.Netns] && !s.unmade[[2]string{k.ID, k.Netns}] && !s.unmade[[2]string{k.ID, ""}]
}

// unsureGrace is how many times longer a namespace must be gone where there may
// be more of them than can be seen: it is hardly that of the one process that
// hides, but it might be.
const unsureGrace = 5

// grace is how long a namespace must be gone for its incidents to end.
func (s *seen) grace(usual time.Duration) time.Duration {
	if s.NamespacesUnsure {
		return unsureGrace * usual
	}
	return usual
}

// gone says why a key cannot be found any more; "" where it can.
func (s *seen) gone(k Key) string {
	_, there := s.labels[k.Netns]
	switch {
	case k.ID == TooMany:
		return ""
	case !s.rules[k.ID]:
		return "the rule is not asked any more"
	case !there:
		return "the namespace is gone"
	}
	return ""
}
