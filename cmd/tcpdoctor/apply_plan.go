package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// applyRequest is what a command wants of a namespace.
type applyRequest struct {
	// title says what was asked for, such as "profile web-server".
	title string
	wants []sysctl.Want
	// left are parameters that the command itself leaves out.
	left []applyLeft
	// forget are parameters whose lines go from the file for the next boot, with
	// --persist.
	forget []sysctl.Key
	// restores says that what was there before is wanted back: no line is kept for
	// it, and what other files set at boot holds.
	restores bool
	// keep are lines for that file which take the place of what others had there.
	keep []sysctl.Line
	// note returns what is to be shown under a change, such as what is still to be
	// done afterwards; nil for nothing.
	note func(sysctl.Change) []string
}

// applyLeft is a parameter that is left out, and why.
type applyLeft struct {
	key   sysctl.Key
	field string
	// wanted is what would have been asked for, source who would have asked.
	wanted, source string
	why            string
}

// applyPlan is what is going to be done.
type applyPlan struct {
	sysctl.Plan
	request applyRequest
	state   sysctl.State
	// file is what becomes of the file for the next boot; nil without --persist.
	file *sysctl.FileChange
	// kept are the lines of that file that are the plan's own.
	kept []sysctl.Line
	// overrides are lines of other files that would win over its.
	overrides []sysctl.Override
	rows      []applyRow
}

// idle says whether there is nothing to do.
func (p *applyPlan) idle() bool { return len(p.Changes) == 0 && !p.writesFile() }

// writesFile says whether the file for the next boot becomes another.
func (p *applyPlan) writesFile() bool {
	if p.file == nil {
		return false
	}
	return !sameText(p.file.Before, p.file.After)
}

// plan reads the namespace and says what is to be done to meet a request.
func (s *applySite) plan(r applyRequest) (*applyPlan, error) {
	looked := slices.Clone(r.wants)
	for _, l := range r.left {
		looked = append(looked, sysctl.Want{Key: l.key}) // to show what it has
	}
	st, err := s.target.State(looked)
	if err != nil {
		return nil, err
	}
	p := &applyPlan{request: r, state: st, Plan: sysctl.NewPlan(r.wants, st)}
	var conf sysctl.Conf
	if s.keepsFiles {
		if conf, err = sysctl.LoadConf(s.o.root); err != nil {
			return nil, err
		}
	}
	if s.o.persist {
		keep, drop := p.keep(conf)
		path := sysctl.PersistPath
		if s.o.root != "" {
			if path, err = filepath.Abs(filepath.Join(s.o.root, path)); err != nil {
				return nil, err
			}
		}
		if p.file, err = sysctl.PlanFile(path, keep, append(drop, r.forget...)); err != nil {
			return nil, err
		}
		p.kept = keep
		p.overrides = conf.Overrides(sysctl.PersistPath, p.file.After)
	}
	p.rows = p.list(conf)
	return p, nil
}

// keep returns the lines that the file for the next boot needs, and the parameters
// whose lines it does not need any more. One that is to have the kernel's own
// default needs a line only where another file sets something else.
func (p *applyPlan) keep(conf sysctl.Conf) (lines []sysctl.Line, drop []sysctl.Key) {
	if p.request.restores {
		return p.request.keep, p.planned()
	}
	lines = p.Lines(p.state)
	others := conf.With(sysctl.PersistPath, nil)
	for _, k := range p.planned() {
		if slices.ContainsFunc(lines, func(l sysctl.Line) bool { return l.Key == k }) {
			continue
		}
		drop = append(drop, k)
		spec, _ := sysctl.Lookup(k)
		want := p.desired(k)
		for _, r := range sysctl.Readers() {
			if e := others.Expect(r, k); e.Set && e.Value != want && !spec.Secret {
				lines = append(lines, sysctl.Line{Key: k, Value: want, Reason: p.why(k) + "\n" + e.File + " sets another value than the kernel's own"})
				break
			}
		}
	}
	return lines, drop
}

// planned returns the parameters that the plan changes or finds as wanted.
func (p *applyPlan) planned() []sysctl.Key {
	var out []sysctl.Key
	for _, c := range p.Changes {
		out = append(out, c.Key)
	}
	for _, w := range p.Already {
		out = append(out, w.Key)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// why says who wants a planned parameter and why.
func (p *applyPlan) why(k sysctl.Key) string {
	var wants []sysctl.Want
	for _, c := range p.Changes {
		if c.Key == k {
			wants = append(wants, c.Wants...)
		}
	}
	for _, w := range p.Already {
		if w.Key == k {
			wants = append(wants, w)
		}
	}
	return reasons(wants...)
}

// desired returns the value that a planned parameter ends with, in normal form.
func (p *applyPlan) desired(k sysctl.Key) string {
	for _, c := range p.Changes {
		if c.Key == k {
			return c.After
		}
	}
	spec, _ := sysctl.Lookup(k)
	v, err := spec.Normalise(p.state.Raw[k])
	if err != nil {
		return p.state.Raw[k]
	}
	return v
}

// The actions of a row.
const (
	actionChange  = "change"  // the running value is written
	actionPersist = "persist" // only the file for the next boot is
	actionNone    = "none"    // it is as wanted
	actionRefused = "refused" // the engine leaves it out, see the reason
	actionLeft    = "left"    // the command leaves it out, see the reason
)

// applyRow is one parameter of a plan, under the names that scripts rely on.
type applyRow struct {
	Key sysctl.Key `json:"key"`
	// Field is the element of a vector that is left out.
	Field string `json:"field,omitempty"`
	// Runtime is the value before the change, Persisted what the next boot would
	// set before it, Desired the value wanted.
	Runtime   string `json:"runtime"`
	Persisted string `json:"persisted,omitempty"`
	Desired   string `json:"desired"`
	// Source says who wants it and why.
	Source string `json:"source"`
	Action string `json:"action"`
	Reason string `json:"reason,omitempty"`
	Risk   string `json:"risk,omitempty"`
}

// list makes the rows: the changes in the order of writing, then the rest.
func (p *applyPlan) list(conf sysctl.Conf) []applyRow {
	var out []applyRow
	add := func(k sysctl.Key, r applyRow) {
		r.Key = k
		if now, ok := p.state.Raw[k]; ok && r.Runtime == "" {
			r.Runtime = sysctl.Shown(k, strings.Join(strings.Fields(now), " "))
		}
		if e := conf.Expect(sysctl.ReaderSystemd, k); e.Set {
			r.Persisted = sysctl.Shown(k, e.Value)
		}
		out = append(out, r)
	}
	for _, c := range p.Changes {
		add(c.Key, applyRow{
			Runtime: sysctl.Shown(c.Key, c.Before), Desired: sysctl.Shown(c.Key, c.After),
			Source: reasons(c.Wants...), Action: actionChange, Reason: c.Why, Risk: c.Risk.String(),
		})
	}
	for _, w := range p.Already {
		if slices.ContainsFunc(out, func(r applyRow) bool { return r.Key == w.Key }) {
			continue // another element of the vector is written, or it is listed already
		}
		add(w.Key, applyRow{Source: reasons(w), Action: actionNone})
		r := &out[len(out)-1]
		if r.Desired = r.Runtime; p.file != nil && p.keeps(w.Key) && r.Persisted != r.Desired {
			r.Action = actionPersist
		}
	}
	for _, r := range p.Refused {
		add(r.Want.Key, applyRow{Field: r.Want.Field, Desired: sysctl.Shown(r.Want.Key, r.Want.Value), Source: reasons(r.Want),
			Action: actionRefused, Reason: r.Text})
	}
	for _, c := range p.Conflicts {
		add(c.Key, applyRow{Field: c.Field, Source: reasons(c.Wants...), Action: actionRefused, Reason: c.String()})
	}
	for _, l := range p.request.left {
		add(l.key, applyRow{Field: l.field, Desired: l.wanted, Source: l.source, Action: actionLeft, Reason: l.why})
	}
	return out
}

// keeps says whether the file for the next boot is to have a parameter.
func (p *applyPlan) keeps(k sysctl.Key) bool {
	return slices.ContainsFunc(p.kept, func(l sysctl.Line) bool { return l.Key == k })
}

// reasons puts who wants something into one line.
func reasons(wants ...sysctl.Want) string {
	var out []string
	for _, w := range wants {
		for line := range strings.SplitSeq(w.Reason, "\n") {
			if line != "" && !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return strings.Join(out, "; ")
}
