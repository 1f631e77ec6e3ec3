package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// latestChange stands for the newest change of a namespace.
const latestChange = "latest"

// changeDocument is what `change confirm` and `change rollback` write with -o json.
type changeDocument struct {
	sysctl.Entry
	// Changed says that something was written, or would be in a dry run.
	Changed bool `json:"changed"`
	DryRun  bool `json:"dry_run,omitempty"`
}

// write writes what became of a change for scripts.
func (o *changeOptions) write(e sysctl.Entry, changed bool) error {
	return writeJSON(o.io.Out, changeDocument{e.Redacted(), changed, o.dryRun})
}

// findLatest finds the newest change of the namespace.
func (o *changeOptions) findLatest(ctx context.Context) error {
	look := o.applyOptions
	look.dryRun = true // only to see
	s, err := look.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	all := s.history()
	if len(all) == 0 {
		return fmt.Errorf("%w: nothing was changed in %s", sysctl.ErrNoChange, s.name)
	}
	o.id = all[len(all)-1].ID
	return nil
}

func runChangeConfirm(ctx context.Context, o *changeOptions) error {
	before, err := o.journal().Get(o.id)
	if err != nil {
		return err
	}
	e := before
	if o.dryRun {
		e, err = o.journal().PreviewConfirm(o.id)
	} else {
		e, err = o.journal().Confirm(ctx, o.id)
	}
	switch {
	case err != nil && e.ID == "":
		return err
	case err != nil:
		return o.refuse("%w", err)
	case o.output == "json":
		return o.write(e, before.Phase != e.Phase)
	case o.dryRun:
		return writeText(o.io.Out, fmt.Sprintf("change %s would stay\ndry run: nothing was changed\n", e.ID))
	}
	return writeText(o.io.Out, fmt.Sprintf("change %s stays\n", e.ID))
}

func runChangeRollback(ctx context.Context, o *changeOptions) error {
	tree, err := sysctl.OpenDir("")
	if err != nil {
		return err
	}
	defer tree.Close()
	j := o.journal()
	before, err := j.Get(o.id)
	if err != nil {
		return err
	}
	if !o.dryRun {
		if err := o.settle(ctx, tree); err != nil {
			return err
		}
	}
	e, err := j.Get(o.id) // which may be at its end by now
	if err != nil {
		return err
	}
	t, release, err := sysctl.FindTarget(tree)(e.Identity)
	if release != nil {
		defer release()
	}
	switch {
	case err != nil:
		return err
	case t == nil && e.Phase != sysctl.PhaseUndone && e.Phase != sysctl.PhaseLapsed:
		return o.refuse("change %s: its network namespace is not to be found, so there is nothing left to restore", e.ID)
	case t != nil && o.dryRun:
		e, err = j.Preview(o.id, t)
	case t != nil:
		e, err = j.Rollback(ctx, o.id, t)
	}
	if errors.Is(err, sysctl.ErrIdentity) {
		return o.refuse("%w", err)
	}
	if err != nil && e.ID == "" {
		return err
	}
	if shown := o.showRollback(before, e); shown != nil {
		return shown
	}
	if err != nil {
		return err
	}
	for _, x := range e.Outcomes {
		if x.Result == sysctl.ResultForeign || x.Result == sysctl.ResultFailed {
			return exit(codeRefused)
		}
	}
	return nil
}

// showRollback says what came of a rollback, or would.
func (o *changeOptions) showRollback(before, e sysctl.Entry) error {
	if o.output == "json" {
		return o.write(e, before.Phase != e.Phase)
	}
	e = e.Redacted()
	s := o.sheet()
	switch {
	case o.dryRun && before.Phase != e.Phase:
		s.line(0, fmt.Sprintf("change %s (%s) is %s; rolling it back would do this:", e.ID, e.Title, before.Phase))
	case e.Phase == sysctl.PhaseUndone:
		s.line(0, fmt.Sprintf("change %s (%s) is undone", e.ID, e.Title))
	case e.Phase == sysctl.PhaseLapsed:
		s.line(0, fmt.Sprintf("change %s (%s) ended with a restart of the host", e.ID, e.Title))
	default:
		s.line(0, fmt.Sprintf("change %s (%s) is %s", e.ID, e.Title, e.Phase))
	}
	o.outcomes(s, e)
	if o.dryRun {
		s.line(0, "dry run: nothing was changed")
	}
	return s.end()
}
