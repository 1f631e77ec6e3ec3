package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Options adjusts an evaluation. The zero value judges by the defaults.
type Options struct {
	// Rules are the rules to apply; nil means [All].
	Rules []Rule
	// Thresholds overrides defaults, by "rule-id.threshold".
	Thresholds map[string]float64
	// Around, if given, is called for every judgement and has to call check: for
	// measuring what a rule costs.
	Around func(rule string, check func())
}

// Result is what the rules say of a window.
type Result struct {
	Findings []Finding
	Unknown  []Unknown
	// Partial are the judgements that found something although a source was
	// missing: what they do not name may be wrong all the same.
	Partial []Unknown
	// Checks is how many (rule, namespace) judgements were made.
	Checks int
}

// Eval applies the rules to every namespace of a view. The most urgent finding
// comes first; equal input gives equal output. What is wrong is wrong even
// where other input is missing; only silence needs all of it, and is "unknown"
// otherwise.
func Eval(v *model.View, o Options) Result {
	set := o.Rules
	if set == nil {
		set = All()
	}
	var r Result
	for i := range v.Namespaces {
		for j := range set {
			p := &Pass{View: v, Ns: &v.Namespaces[i], rule: &set[j], thresholds: o.Thresholds}
			r.Checks++
			if o.Around != nil {
				o.Around(set[j].ID, func() { set[j].Check(p) })
			} else {
				set[j].Check(p)
			}
			if reason, missing := p.missing(); missing && len(p.findings) == 0 {
				p.unknown = nil
				p.Unknown(reason)
			} else if missing {
				n := netnsOf(p.Ns.ID)
				r.Partial = append(r.Partial, Unknown{Rule: set[j].ID, Netns: &n, Reason: reason})
			}
			r.Findings = append(r.Findings, p.findings...)
			r.Unknown = append(r.Unknown, p.unknown...)
		}
	}
	r.Findings = withoutExplained(r.Findings, set)
	slices.SortStableFunc(r.Findings, urgency)
	return r
}

// missing names the first needed source that could not be read.
func (p *Pass) missing() (string, bool) {
	for _, s := range p.rule.Needs {
		if s == facts.SourceListeners {
			if p.Ns.End.Census.ListenersOnly {
				continue // they were asked, and nothing else was
			}
			s = facts.SourceSockets // a walk is what else shows them
		}
		if reason, gone := p.Ns.Missing(s); gone {
			return fmt.Sprintf("%s: %s", s, reason), true
		}
	}
	return "", false
}

// withoutExplained drops a finding when another rule that explains it spoke
// about the same namespace and subject.
func withoutExplained(all []Finding, set []Rule) []Finding {
	by := make(map[string][]string, len(set))
	for _, r := range set {
		by[r.ID] = r.ExplainedBy
	}
	return slices.DeleteFunc(all, func(f Finding) bool {
		return slices.ContainsFunc(all, func(g Finding) bool {
			return g.ID != f.ID && slices.Contains(by[f.ID], g.ID) &&
				g.Netns == f.Netns && sameSubject(g.Subject, f.Subject)
		})
	})
}

func sameSubject(a, b Subject) bool {
	return a.Kind == b.Kind && a.Local == b.Local && a.Port == b.Port &&
		a.Peer == b.Peer && a.PeerPort == b.PeerPort && a.PID == b.PID
}

func urgency(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Netns.Cookie, b.Netns.Cookie),
		cmp.Compare(a.Netns.Inode, b.Netns.Inode),
		cmp.Compare(a.Subject.Port, b.Subject.Port),
		cmp.Compare(a.Subject.Local, b.Subject.Local),
		cmp.Compare(a.Subject.Peer, b.Subject.Peer),
		cmp.Compare(a.Subject.PID, b.Subject.PID),
	)
}
