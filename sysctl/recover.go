package sysctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrTooLate is the error for a confirmation after the deadline.
var ErrTooLate = errors.New("the deadline has passed")

// Finder returns the namespace with an identity, and a function that lets go of
// it. It returns nil when there is none; [FindTarget] is one.
type Finder func(Identity) (*Target, func(), error)

// Recovery is what came of one change that had been left open.
type Recovery struct {
	Entry Entry
	// Err says why it could not be brought to an end; it stays open then.
	Err error
}

// Recover brings every change to an end that its process left open: one that was
// being applied or undone is undone, and so is one whose deadline has passed
// without confirmation. Changes in namespaces that ended with an earlier boot are
// marked as lapsed. Whoever is about to change parameters calls it first.
func (j *Journal) Recover(ctx context.Context, find Finder) ([]Recovery, error) {
	all, listErr := j.List()
	needed := false
	for _, e := range all {
		needed = needed || e.Phase == PhaseApplied || e.Phase.Open()
	}
	if !needed {
		return nil, listErr
	}
	unlock, err := j.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if all, listErr = j.List(); listErr != nil && len(all) == 0 {
		return nil, listErr
	}
	var out []Recovery
	for _, e := range all {
		if r := j.recoverOne(e, find); r != nil {
			out = append(out, *r)
		}
	}
	return out, listErr
}

// recoverOne deals with one change; nil means that there was nothing to do. The
// caller holds the lock.
func (j *Journal) recoverOne(e Entry, find Finder) *Recovery {
	boot := currentBoot()
	restarted := boot != "" && e.Identity.BootID != boot
	switch {
	case e.Phase == PhaseApplied && restarted && !e.Identity.Initial:
		return j.lapse(e)
	case !e.Phase.Open(), e.Phase == PhasePending && !restarted && j.o.Now().Before(e.Deadline):
		return nil
	}
	if e.File != nil {
		_ = os.Remove(filepath.Join(filepath.Dir(e.File.Path), "."+filepath.Base(e.File.Path)+".tmp"))
	}
	t, release, err := find(e.Identity)
	if release != nil {
		defer release()
	}
	if err == nil && t != nil {
		err = e.mayUndo(t)
	}
	switch {
	case restarted && (t == nil || errors.Is(err, ErrIdentity)):
		return j.lapse(e)
	case err != nil:
		return &Recovery{Entry: e, Err: err}
	case t == nil:
		return &Recovery{Entry: e, Err: fmt.Errorf("sysctl: change %s: its network namespace is not to be found", e.ID)}
	}
	if e.Failure == "" {
		e.Failure = "the process that made the change ended before it was done"
		if e.Phase == PhasePending {
			e.Failure = "not confirmed in time"
		}
	}
	err = j.undo(&e, t, nil)
	return &Recovery{Entry: e, Err: err}
}

// lapse marks a change as ended by a restart. The values went with it; a file that
// an open change may have written did not.
func (j *Journal) lapse(e Entry) *Recovery {
	if e.Phase.Open() {
		u := &undoing{j: j, e: &e}
		u.file()
		e.Outcomes = u.outcomes
	}
	e.Phase = PhaseLapsed
	err := j.put(&e)
	return &Recovery{Entry: e, Err: err}
}

// Confirm makes a pending change final, and writes its configuration file if it
// has one. Confirming again changes nothing.
func (j *Journal) Confirm(ctx context.Context, id string) (Entry, error) {
	unlock, err := j.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	e, err := j.Get(id)
	if err != nil {
		return Entry{}, err
	}
	if err := j.mayConfirm(e); err != nil || e.Phase == PhaseApplied {
		return e, err
	}
	if !e.File.isNoChange() {
		if err := j.confirmFile(e.File); err != nil {
			return e, err
		}
	}
	e.Phase = PhaseApplied
	return e, j.put(&e)
}

// mayConfirm says why a change cannot be made final.
func (j *Journal) mayConfirm(e Entry) error {
	switch {
	case e.Phase == PhaseApplied:
		return nil
	case e.Phase != PhasePending:
		return fmt.Errorf("sysctl: change %s cannot be confirmed: it is %s", e.ID, e.Phase)
	case e.Identity.BootID != currentBoot():
		return fmt.Errorf("sysctl: change %s cannot be confirmed: the host was started again since, which undid it", e.ID)
	case !j.o.Now().Before(e.Deadline):
		return fmt.Errorf("sysctl: change %s cannot be confirmed: %w (%s)", e.ID, ErrTooLate, e.Deadline.Local().Format(time.TimeOnly))
	}
	return nil
}

// confirmFile writes the configuration file of a confirmed change.
func (j *Journal) confirmFile(f *FileChange) error {
	now, err := readText(f.Path)
	if err != nil || sameText(now, f.After) {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.After == nil {
		return removeFile(j.o.perform, f.Path)
	}
	return replaceFile(j.o.perform, f.Path, []byte(*f.After), 0o644)
}
