package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

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
	if d.await(o, p, s.waiting()) {
		return d, nil
	}
	if d.Changed = !p.idle(); p.idle() {
		return d, nil
	}
	if o.dryRun {
		if err := p.Rehearse(s.journal, s.target, p.file); err != nil {
			d.Obstacle = message(p.elsewhere(err))
		}
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
		d.Changed = false
		return d, p.elsewhere(err)
	}
	d.receipt(receipt)
	return d, nil
}

// elsewhere adds to the error of a parameter tree that is mounted read-only how a
// container's parameters are set instead.
func (p *applyPlan) elsewhere(err error) error {
	failed, ok := errors.AsType[*sysctl.KeyError](err)
	if !ok || failed.Kind != sysctl.FailedMount {
		return err
	}
	return fmt.Errorf("%w; instead, %s", err, sysctl.Elsewhere(failed.Key, p.desired(failed.Key)))
}

// finish says what came of a plan and returns the exit code that goes with it.
func (o *applyOptions) finish(d applyResult) error {
	if o.output == "json" {
		if err := writeJSON(o.io.Out, d); err != nil {
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
