package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// fixTry is one change that is tried.
type fixTry struct {
	attempt fix.Attempt
	plan    *applyPlan
	result  applyResult
	// judged is what came of each case, in their order; nil before.
	judged []fix.Judgement
	// undone are parameters that were not put back, and why.
	left []string
	// refused says why the change was not made, or not kept.
	refused string
}

// made says whether the change was made and is still in force.
func (t *fixTry) made() bool {
	return t.result.ChangeID != "" && (t.result.Phase == sysctl.PhasePending || t.result.Phase == sysctl.PhaseApplied)
}

// has says whether a case came out in one of these ways.
func (t *fixTry) has(outcomes ...fix.Outcome) bool {
	return slices.ContainsFunc(t.judged, func(j fix.Judgement) bool { return slices.Contains(outcomes, j.Outcome) })
}

// keep says whether the change may stay: it made nothing worse, and did something,
// or may still do.
func (t *fixTry) keep() bool {
	return !t.has(fix.Worse) && slices.ContainsFunc(t.judged, func(j fix.Judgement) bool { return j.Outcome.Keep() })
}

// fixWork is one run of `fix`.
type fixWork struct {
	o        *fixOptions
	s        *applySite
	attempts []*fixTry
	hopeless []fix.Hopeless
	// fresh are findings that were not there before the change.
	fresh    []string
	declined bool
	resumed  bool
}

func newFixWork(o *fixOptions, s *applySite) *fixWork { return &fixWork{o: o, s: s} }

// propose plans the attempts.
func (w *fixWork) propose(attempts []fix.Attempt) error {
	for _, a := range attempts {
		p, err := w.s.plan(applyRequest{title: a.Title(), wants: a.Wants()})
		if err != nil {
			return err
		}
		t := &fixTry{attempt: a, plan: p, result: w.s.result(p)}
		switch err := p.Err(); {
		case err != nil:
			t.refused = message(err)
		case p.idle() && len(p.Refused) > 0:
			t.refused = p.Refused[0].Text
		case p.idle():
			t.refused = "the settings are as wanted already"
		}
		w.attempts = append(w.attempts, t)
	}
	return nil
}

// open are the attempts that can be made.
func (w *fixWork) open() []*fixTry {
	return slices.DeleteFunc(slices.Clone(w.attempts), func(t *fixTry) bool { return t.refused != "" })
}

// carryOut asks, makes the changes, measures again and decides. What was made and
// not decided upon is undone, whatever happens.
func (w *fixWork) carryOut(ctx context.Context, before *seen) error {
	if len(w.open()) == 0 {
		return nil
	}
	if w.o.dryRun {
		for _, t := range w.open() {
			t.result.Changed = true
		}
		return nil
	}
	if !w.o.yes {
		ok, err := w.o.consent(ctx, "fix it?")
		if err != nil {
			return err
		}
		if w.declined = !ok; w.declined {
			return nil
		}
	}
	err := w.make(ctx)
	var after *seen
	if err == nil {
		after, err = w.again(ctx)
	}
	if err != nil {
		return w.takeBack(ctx, err)
	}
	w.fresh = after.fresh(before.findings)
	return w.decide(ctx, after)
}

// make carries out the attempts.
func (w *fixWork) make(ctx context.Context) error {
	agreed := w.o.applyOptions
	agreed.yes = true
	for _, t := range w.open() {
		d, err := agreed.carryOut(ctx, w.s, t.plan)
		t.result = d
		switch {
		case err != nil:
			return err
		case d.Refused != "":
			t.refused = d.Refused
		case w.o.output == "text":
			fmt.Fprintf(w.o.io.Err, "applied change %s; measuring again for %v\n", d.ChangeID, &w.o.window)
		}
	}
	return nil
}

// again measures once more, after the change has settled.
func (w *fixWork) again(ctx context.Context) (*seen, error) {
	if !slices.ContainsFunc(w.attempts, (*fixTry).made) {
		return &seen{}, nil
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, errors.New("interrupted")
	}
	return w.o.measure(ctx, w.s)
}

// patience bounds the undoing of a program that was told to end.
const patience = 30 * time.Second

// takeBack undoes what was made, because of an error, which it returns.
func (w *fixWork) takeBack(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	undone := false
	for _, t := range w.attempts {
		if !t.made() {
			continue
		}
		undone = true
		if undoErr := w.undo(ctx, t); undoErr != nil {
			return fmt.Errorf("%w; change %s is not undone yet: %w", err, t.result.ChangeID, undoErr)
		}
	}
	if undone {
		return fmt.Errorf("%w; what had been changed is undone", err)
	}
	return err
}

// decide judges each attempt and keeps or undoes it.
func (w *fixWork) decide(ctx context.Context, after *seen) error {
	for _, t := range w.attempts {
		if !t.made() {
			continue
		}
		for _, c := range t.attempt.Cases {
			t.judged = append(t.judged, w.judge(c, after))
		}
		if err := w.settleOn(ctx, t); err != nil {
			return w.takeBack(ctx, err)
		}
	}
	return nil
}

// judge compares one case with what was measured after the change.
func (w *fixWork) judge(c fix.Case, after *seen) fix.Judgement {
	f := c.Finding
	found := fix.Still(after.findings, f)
	j := c.Judge(fix.TakeAgain(after.view, after.findings, f), found, w.resumed)
	if why, unread := after.unread(f.ID); unread && !found && j.Outcome == fix.Cured {
		j.Outcome, j.Why = fix.Unproven, "it could not be judged again: "+why
	}
	return j
}

// settleOn keeps, confirms or undoes one change.
func (w *fixWork) settleOn(ctx context.Context, t *fixTry) error {
	id := t.result.ChangeID
	if !t.keep() {
		if err := w.undo(ctx, t); err != nil {
			return err
		}
		return removeFixRecord(w.s.journal.Dir(), id)
	}
	unsettled := t.has(fix.Waiting, fix.Unproven)
	if unsettled {
		rec := fix.Record{ChangeID: id, WindowSeconds: time.Duration(w.o.window).Seconds(), Attempt: t.attempt}
		if err := writeFixRecord(w.s.journal.Dir(), rec); err != nil {
			return err
		}
	}
	// What waits for the application stays, unless a time was set for it; what
	// is not proven has until the deadline to be.
	confirm := t.has(fix.Cured, fix.Better) || t.has(fix.Waiting) && !w.o.bounded && !w.resumed
	if confirm && t.result.Phase == sysctl.PhasePending {
		e, err := w.s.journal.Confirm(ctx, id)
		if err != nil {
			return err
		}
		t.result.Phase, t.result.Deadline = e.Phase, time.Time{}
	}
	if !unsettled {
		return removeFixRecord(w.s.journal.Dir(), id)
	}
	return nil
}

// undo takes one change back.
func (w *fixWork) undo(ctx context.Context, t *fixTry) error {
	e, err := w.s.journal.Rollback(ctx, t.result.ChangeID, w.s.target)
	if err != nil {
		return err
	}
	e = e.Redacted()
	t.result.Phase, t.result.Changed, t.result.Deadline = e.Phase, false, time.Time{}
	for _, out := range e.Outcomes {
		if out.Result == sysctl.ResultForeign || out.Result == sysctl.ResultFailed {
			t.left = append(t.left, fmt.Sprintf("%s%s: %s", out.Key, out.Path, out.Text))
		}
	}
	return nil
}

// cured says whether nothing is wrong, or nothing any more. A dry run cures nothing.
func (w *fixWork) cured() bool {
	if w.declined || len(w.hopeless) > 0 || w.o.dryRun && len(w.attempts) > 0 {
		return false
	}
	return !slices.ContainsFunc(w.attempts, func(t *fixTry) bool {
		return t.refused != "" || slices.ContainsFunc(t.judged, func(j fix.Judgement) bool { return j.Outcome != fix.Cured })
	})
}

// finish says what came of it all and returns the exit code that goes with it.
func (w *fixWork) finish() error {
	var err error
	if w.o.output == "json" {
		err = writeJSON(w.o.io.Out, w.document())
	} else {
		err = w.showOutcome()
	}
	if err == nil && !w.cured() {
		err = exit(codeRefused)
	}
	return err
}

// findings are all that the run is about, for the text and for scripts.
func (w *fixWork) findings() []rules.Finding {
	var out []rules.Finding
	for _, t := range w.attempts {
		for _, c := range t.attempt.Cases {
			out = append(out, c.Finding)
		}
	}
	for _, h := range w.hopeless {
		out = append(out, h.Finding)
	}
	return out
}
