package fix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Case is a finding that settings can do something about.
type Case struct {
	Finding rules.Finding `json:"finding"`
	// Cures are the prescriptions to be carried out, in their order.
	Cures []rules.Prescription `json:"cures"`
	// Restart says that they have no effect before the application acts.
	Restart bool `json:"restart,omitempty"`
	// Expected is what the model says of the figures, with its range.
	Expected []Expected `json:"expected"`
	// Before is what the figures were.
	Before []Reading `json:"before"`
}

// Hopeless is a finding that no setting helps against.
type Hopeless struct {
	Finding rules.Finding `json:"finding"`
	// Instead are the prescriptions that are no settings and that help, or may.
	Instead []rules.Prescription `json:"instead"`
	// Useless are settings that people reach for.
	Useless []rules.Prescription `json:"useless,omitempty"`
}

// Choose divides findings into those that settings help against and the others.
// A prescription is a cure when the model says that it helps, at once or after a
// restart, and still does once the cures before it are in force.
func Choose(v *model.View, findings []rules.Finding) ([]Case, []Hopeless) {
	var cases []Case
	var others []Hopeless
	for _, f := range findings {
		n := namespaceOf(v, f.Netns)
		var c Case
		if n != nil {
			c = newCase(n, f)
		}
		if len(c.Cures) > 0 {
			cases = append(cases, c)
			continue
		}
		h := Hopeless{Finding: f}
		for _, p := range f.Prescriptions {
			switch {
			case p.Kind == rules.PrescribeNone:
				h.Useless = append(h.Useless, p)
			case p.Kind != rules.PrescribeSysctl && p.Effect.Verdict != model.NoEffect && p.Effect.Verdict != model.Harmful:
				h.Instead = append(h.Instead, p)
			}
		}
		others = append(others, h)
	}
	return cases, others
}

// namespaceOf finds the namespace of a finding in a view.
func namespaceOf(v *model.View, id rules.Netns) *model.Namespace {
	for i := range v.Namespaces {
		if n := &v.Namespaces[i]; n.ID.Cookie == id.Cookie && n.ID.Inode == id.Inode {
			return n
		}
	}
	return nil
}

// cures says whether a prescription is a setting that the model recommends.
func cures(p rules.Prescription) bool {
	return p.Kind == rules.PrescribeSysctl && (p.Effect.Verdict == model.Helps || p.Effect.Verdict == model.NeedsRestart)
}

// newCase chooses the cures of one finding.
func newCase(n *model.Namespace, f rules.Finding) Case {
	c := Case{Finding: f}
	var figures []model.Figure
	later, changed := *n, false // with the settings that the cures so far would leave
	for _, p := range f.Prescriptions {
		if !cures(p) {
			continue
		}
		e := p.Effect
		if changed && p.Key != model.KeyReservedPorts {
			if e = again(&later, f.Subject, p); e.Verdict == model.NoEffect || e.Verdict == model.Harmful {
				continue
			}
		}
		c.Cures = append(c.Cures, p)
		c.Restart = c.Restart || p.Effect.Verdict == model.NeedsRestart
		figures = merge(figures, e.Figures)
		if after, err := later.Settings.With(p.Key, p.Proposed); err == nil && p.Key != model.KeyReservedPorts {
			later.Settings, changed = after, true
		}
	}
	// Ports are set aside for the sake of a wider range alone.
	if !slices.ContainsFunc(c.Cures, func(p rules.Prescription) bool { return p.Key == model.KeyPortRange }) {
		c.Cures = slices.DeleteFunc(c.Cures, func(p rules.Prescription) bool { return p.Key == model.KeyReservedPorts })
	}
	if len(c.Cures) == 0 {
		return c
	}
	c.Before = Take(n, f)
	for _, fig := range figures {
		c.Expected = append(c.Expected, expect(fig, c.Restart))
	}
	return c
}

// again predicts a prescription once others are in force. Where the model cannot
// tell, its first word stands.
func again(later *model.Namespace, s rules.Subject, p rules.Prescription) model.Effect {
	e := model.Predict(later, model.Change{
		Key: p.Key, Value: p.Proposed, Listener: listenerOf(later, s), Destination: destinationOf(later, s),
	})
	if e.Verdict == model.Unknown {
		return p.Effect
	}
	return e
}

// merge joins the figures of cures that follow each other: from where the first
// began to where the last ends.
func merge(all, more []model.Figure) []model.Figure {
	for _, f := range more {
		if i := slices.IndexFunc(all, func(o model.Figure) bool { return o.Name == f.Name }); i >= 0 {
			all[i].After = f.After
		} else {
			all = append(all, f)
		}
	}
	return all
}

// listenerOf returns the listener of a subject: of several at one address, the one
// over its limit most.
func listenerOf(n *model.Namespace, s rules.Subject) *model.Listener {
	if s.Kind != rules.SubjectListener {
		return nil
	}
	at, err := netip.ParseAddr(s.Local)
	if err != nil {
		return nil
	}
	var out *model.Listener
	for i := range n.Listeners {
		l := &n.Listeners[i]
		if l.Local == netip.AddrPortFrom(at, s.Port) && (out == nil || l.FullShare() > out.FullShare()) {
			out = l
		}
	}
	return out
}

// destinationOf returns the destination of a subject.
func destinationOf(n *model.Namespace, s rules.Subject) *model.Destination {
	if s.Kind != rules.SubjectDestination {
		return nil
	}
	for i := range n.Destinations {
		d := &n.Destinations[i]
		if d.Source.String() == s.Local && d.Dest.Addr().String() == s.Peer && d.Dest.Port() == s.PeerPort {
			return d
		}
	}
	return nil
}

// Wants returns what the cures ask of the kernel.
func (c Case) Wants() []sysctl.Want {
	var out []sysctl.Want
	for _, p := range c.Cures {
		op, err := sysctl.ParseOp(p.Constraint)
		if err != nil {
			op = 0 // the plan will refuse it, by name
		}
		out = append(out, sysctl.Want{
			Key: sysctl.Key(p.Key), Field: p.Field, Op: op, Value: p.Proposed, Lower: true,
			Reason: fmt.Sprintf("fix %s: %s", c.Finding.ID, c.Finding.Summary),
		})
	}
	return out
}

// About says what the finding is about, for a list.
func (c Case) About() string {
	if c.Finding.Cause == "" {
		return c.Finding.ID
	}
	return c.Finding.ID + " (" + c.Finding.Cause + ")"
}

// Attempt is one change: cases that want something of the same parameters.
type Attempt struct {
	Cases []Case `json:"cases"`
}

// Group puts cases that share a parameter into one attempt, so that each attempt
// can be undone without the others. With together all are one.
func Group(cases []Case, together bool) []Attempt {
	var out []Attempt
	for _, c := range cases {
		at := -1
		var apart []Attempt
		for _, a := range out {
			switch {
			case !together && !a.shares(c):
				apart = append(apart, a)
			case at < 0:
				at = len(apart)
				apart = append(apart, a)
			default: // what the case joins is one from now on
				apart[at].Cases = append(apart[at].Cases, a.Cases...)
			}
		}
		if at < 0 {
			at = len(apart)
			apart = append(apart, Attempt{})
		}
		apart[at].Cases = append(apart[at].Cases, c)
		out = apart
	}
	return out
}

func (a Attempt) shares(c Case) bool {
	for _, w := range a.Wants() {
		if slices.ContainsFunc(c.Wants(), func(o sysctl.Want) bool { return o.Key == w.Key }) {
			return true
		}
	}
	return false
}

// Wants returns what the attempt asks of the kernel.
func (a Attempt) Wants() []sysctl.Want {
	var out []sysctl.Want
	for _, c := range a.Cases {
		out = append(out, c.Wants()...)
	}
	return out
}

// Title names the attempt in the journal: "fix accept-queue-overflow".
func (a Attempt) Title() string {
	var ids []string
	for _, c := range a.Cases {
		if !slices.Contains(ids, c.Finding.ID) {
			ids = append(ids, c.Finding.ID)
		}
	}
	return "fix " + strings.Join(ids, ", ")
}
