package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

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
	// note returns what is to be shown under a change, such as what is still to be
	// done afterwards; nil for nothing.
	note func(sysctl.Change) []string
}

// applyLeft is a parameter that is left out, and why.
type applyLeft struct {
	key sysctl.Key
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
	before, after := p.file.Before, p.file.After
	return (before == nil) != (after == nil) || before != nil && *before != *after
}

// plan reads the namespace and says what is to be done to meet a request.
func (s *applySite) plan(r applyRequest) (*applyPlan, error) {
	st, err := s.target.State(r.wants)
	if err != nil {
		return nil, err
	}
	p := &applyPlan{request: r, state: st, Plan: sysctl.NewPlan(r.wants, st)}
	if s.o.persist {
		path := filepath.Join(s.o.root, sysctl.PersistPath)
		if s.o.root == "" {
			path = sysctl.PersistPath
		}
		if p.file, err = sysctl.PlanFile(path, p.Lines(st), r.forget); err != nil {
			return nil, err
		}
	}
	var conf sysctl.Conf
	if s.keepsFiles {
		if conf, err = sysctl.LoadConf(s.o.root); err != nil {
			return nil, err
		}
	}
	if p.file != nil {
		p.overrides = conf.Overrides(sysctl.PersistPath, p.file.After)
	}
	p.rows = p.list(conf)
	return p, nil
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
		add(l.key, applyRow{Desired: l.wanted, Source: l.source, Action: actionLeft, Reason: l.why})
	}
	return out
}

// keeps says whether the file for the next boot is to have a parameter.
func (p *applyPlan) keeps(k sysctl.Key) bool {
	return slices.ContainsFunc(p.Lines(p.state), func(l sysctl.Line) bool { return l.Key == k })
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

// run plans a request, shows the plan, asks, carries it out and says what came of
// it.
func (o *applyOptions) run(ctx context.Context, s *applySite, r applyRequest) error {
	p, err := s.plan(r)
	if err != nil {
		return err
	}
	if o.output == "text" {
		if err := o.showPlan(s, p); err != nil {
			return err
		}
	}
	d, err := o.carryOut(ctx, s, p)
	if err != nil {
		return err
	}
	return o.finish(d)
}

// carryOut asks unless told not to, and applies the plan. That it was refused,
// declined or undone is no error but told in the result.
func (o *applyOptions) carryOut(ctx context.Context, s *applySite, p *applyPlan) (applyResult, error) {
	d := s.result(p)
	if err := p.Err(); err != nil {
		d.Refused = message(err)
		return d, nil
	}
	if d.Changed = !p.idle(); p.idle() || o.dryRun {
		return d, nil
	}
	if !o.yes {
		ok, err := o.consent(ctx, "apply?")
		if err != nil || !ok {
			d.Changed, d.Refused = false, "declined; nothing was changed"
			return d, err
		}
	}
	receipt, err := p.Apply(ctx, s.journal, s.target, sysctl.ApplyOptions{
		Title: p.request.title, File: p.file, ConfirmWithin: time.Duration(o.confirmWithin), Guard: s.guard(),
	})
	undone, wasUndone := errors.AsType[*sysctl.UndoneError](err)
	switch {
	case wasUndone:
		d.Changed, d.ChangeID, d.Phase, d.Refused = false, undone.ID, sysctl.PhaseUndone, message(err)
		return d, nil
	case errors.Is(err, sysctl.ErrStale):
		d.Changed, d.Refused = false, message(err)
		return d, nil
	case err != nil:
		return d, err
	}
	d.receipt(receipt)
	return d, nil
}

// finish says what came of a plan and returns the exit code that goes with it.
func (o *applyOptions) finish(d applyResult) error {
	if o.output == "json" {
		if err := o.writeJSON(d); err != nil {
			return err
		}
	} else if err := o.showResult(d); err != nil {
		return err
	}
	if d.Refused != "" {
		return exit(codeRefused)
	}
	return nil
}

func (o *applyOptions) writeJSON(v any) error {
	e := json.NewEncoder(o.io.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
