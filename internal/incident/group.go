package incident

import (
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// TooMany is the ID of the finding that there are more findings than
// [Config].MaxIncidents.
const TooMany = "too-many-findings"

// group is what was found of one subject in one tick.
type group struct {
	key     Key
	place   string // the subject without the program; "" where that tells nothing
	comm    string
	label   string // of the namespace
	finding rules.Finding
	others  []string // the summaries of further findings
}

// hostPlace is the place of what could not be tied to anything narrower.
const hostPlace = string(rules.SubjectHost)

// hostwide reports whether the finding names no culprit.
func (g *group) hostwide() bool { return g.place == hostPlace }

// groups gathers the findings by subject, in their order, those below least left
// out.
func (s *seen) groups(least rules.Severity) []*group {
	var out []*group
	at := make(map[Key]*group)
	for _, f := range s.Findings {
		if f.Severity.Rank() < least.Rank() {
			continue
		}
		g := s.group(f)
		if had := at[g.key]; had != nil {
			had.add(g)
			continue
		}
		at[g.key] = g
		out = append(out, g)
	}
	return out
}

func (s *seen) group(f rules.Finding) *group {
	g := &group{
		key:     Key{ID: f.ID, Netns: netnsKey(s.BootID, f.Netns.Cookie, f.Netns.Inode), Subject: SubjectText(f.Subject)},
		comm:    f.Subject.Comm,
		finding: f,
	}
	if f.Subject.Kind != rules.SubjectProcess {
		g.place = placeText(f.Subject)
	}
	g.label = s.labels[g.key.Netns]
	return g
}

// add merges what was found of the same subject: of another worker of the same
// name, or of the same listener's other family. The worst stands for all.
func (g *group) add(o *group) {
	if o.finding.Severity.Rank() > g.finding.Severity.Rank() {
		g.finding, o.finding = o.finding, g.finding
	}
	s := &g.finding.Subject
	s.PIDs = slices.Clone(s.PIDs)
	for _, pid := range o.finding.Subject.PIDs {
		if !slices.Contains(s.PIDs, pid) {
			s.PIDs = append(s.PIDs, pid)
		}
	}
	g.others = append(append(g.others, o.finding.Summary), o.others...)
}

// merged is the finding that stands for the group.
func (g *group) merged() rules.Finding {
	const shown = 3
	f := g.finding
	if len(g.others) == 0 {
		return f
	}
	f.Summary += fmt.Sprintf(" (and %d more like it)", len(g.others))
	for i, other := range g.others[:min(shown, len(g.others))] {
		if i == 0 {
			f.Explanation += "; also"
		}
		f.Explanation += ": " + other
	}
	return f
}

// leftOut is the finding that count others are not followed.
func (s *seen) leftOut(count, most int) *group {
	g := s.group(rules.Finding{
		ID: TooMany, Severity: rules.Warning, Confidence: rules.Certain, Actor: rules.Operator,
		Netns: s.hostNets, Subject: rules.Subject{Kind: rules.SubjectHost},
		Summary:     fmt.Sprintf("%d findings are not followed: there are more than %d at a time", count, most),
		Explanation: "memory is bounded, so the most urgent are followed and the rest is only counted; tcpdoctor diagnose lists all of them",
		Evidence:    []rules.Evidence{{Name: "left out", Value: float64(count), Unit: "findings", Source: "agent"}},
	})
	return g
}
