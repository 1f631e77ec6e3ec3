package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Rollback undoes a change: each parameter that still has the value which the
// change left gets its original back, byte for byte; one that somebody else has
// changed meanwhile is left alone and reported in the entry's outcomes. The
// comparison is the last thing before the write. The target must be provably the
// namespace that was changed, else the error wraps [ErrIdentity] and nothing
// happens. Rolling back a change that is undone already does nothing.
func (j *Journal) Rollback(ctx context.Context, id string, t *Target) (Entry, error) {
	unlock, err := j.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	e, err := j.Get(id)
	if err != nil {
		return Entry{}, err
	}
	if e.Phase == PhaseUndone || e.Phase == PhaseLapsed {
		return e, nil
	}
	if err := e.mayUndo(t); err != nil {
		return e, err
	}
	err = j.undo(&e, t, nil)
	return e, err
}

// mayUndo says why the originals must not be written to a namespace.
func (e Entry) mayUndo(t *Target) error {
	if err := e.Identity.Is(t.id); err != nil {
		return fmt.Errorf("sysctl: change %s: %w", e.ID, err)
	}
	// Originals are values of the kernel and the machine that they were read from.
	if e.Identity.BootID != t.id.BootID && (e.Kernel != t.env.Kernel.String() || e.RAMBytes != t.env.RAMBytes) {
		return fmt.Errorf("sysctl: change %s: %w: the originals are those of Linux %s with %d MiB, this is Linux %s with %d MiB",
			e.ID, ErrIdentity, e.Kernel, e.RAMBytes>>20, t.env.Kernel, t.env.RAMBytes>>20)
	}
	return nil
}

// undo restores what is still ours, and records it. The record is no condition: on
// a full disk the parameters are restored all the same, and the next run finds
// that nothing is left to do. Rows to be skipped were never written. The caller
// holds the lock.
func (j *Journal) undo(e *Entry, t *Target, skip map[Key]bool) error {
	var errs []error
	u := &undoing{j: j, e: e, t: t, skip: skip, resumed: e.Phase == PhaseApplying || e.Phase == PhaseUndoing}
	if e.Phase != PhaseUndoing {
		e.Phase = PhaseUndoing
		errs = append(errs, j.put(e))
	}
	err := t.ns.Do(u.rows)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	u.file()
	e.Outcomes = u.outcomes
	j.nameLaterChanges(e)
	for _, o := range e.Outcomes {
		if o.Result == ResultFailed {
			errs = append(errs, fmt.Errorf("sysctl: change %s: %s%s is not restored: %s", e.ID, o.Key, o.Path, o.Text))
		}
	}
	if err := errors.Join(errs...); err != nil && slices.ContainsFunc(e.Outcomes, func(o Outcome) bool { return o.Result == ResultFailed }) {
		return errors.Join(err, j.put(e))
	}
	e.Phase = PhaseUndone
	// A first record that failed does not matter once the last one is written.
	return j.put(e)
}

// nameLaterChanges says of foreign values which later change of ours made them.
func (j *Journal) nameLaterChanges(e *Entry) {
	all, err := j.List()
	if err != nil {
		return
	}
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		for _, later := range all {
			r, ok := later.row(o.Key)
			if o.Result == ResultForeign && ok && later.ID != e.ID && later.Created.After(e.Created) && r.isAfter(o.Found) {
				o.Text = "set by the later change " + later.ID
			}
		}
	}
}

// undoing is an undo under way.
type undoing struct {
	j        *Journal
	e        *Entry
	t        *Target
	outcomes []Outcome
	// resumed says that the change, or an earlier undo, was interrupted, so that
	// values on the way may be found as well.
	resumed bool
	skip    map[Key]bool
}

// rows restores the parameters, the last written first. Parameters whose write
// makes the kernel change others come before all, and what they change is judged
// before they are touched. It runs in the namespace.
func (u *undoing) rows() error {
	first := func(r Row) bool { return !r.SideEffect && resets(r.Key) && !u.skip[r.Key] }
	reset := map[Key]string{}
	for _, cause := range u.e.Rows {
		for _, r := range u.e.Rows {
			if first(cause) && affects(cause.Key, r.Key) {
				if raw, err := u.t.tree.ReadRaw(r.Key); err == nil {
					reset[r.Key] = raw
				}
			}
		}
	}
	restore := func(r Row) {
		if u.skip[r.Key] {
			return
		}
		if seen, ok := reset[r.Key]; ok {
			u.restore(r, &seen)
		} else {
			u.restore(r, nil)
		}
	}
	// In the order of writing: the one that changes most comes first, and the later
	// ones repair what it does to them.
	for _, r := range u.e.Rows {
		if first(r) {
			restore(r)
		}
	}
	for _, r := range slices.Backward(u.e.Rows) {
		if !first(r) {
			restore(r)
		}
	}
	return nil
}

// restore gives one parameter its original back if it is still ours. seen is the
// value from before the kernel may have reset it in the course of the undo; a
// foreign value among those is put back as it was seen.
func (u *undoing) restore(r Row, seen *string) {
	target, judged := r.Before, ""
	ours := func(found string) bool { return r.isAfter(found) || u.resumed && r.isLeftover(found) }
	mine := ours
	if seen != nil {
		judged = *seen
		if !r.isBefore(judged) && !ours(judged) {
			target = judged
		}
		mine = func(found string) bool {
			return ours(found) || r.isBefore(found) || r.isVia(found) || normalise(r.Key, found) == normalise(r.Key, judged)
		}
	}
	o := Outcome{Key: r.Key, Original: normalise(r.Key, r.Before)}
	isTarget := func(found string) bool { return normalise(r.Key, found) == normalise(r.Key, target) }
	var s swapped
	err := u.j.o.perform.perform(stepWrite, string(r.Key), func() (err error) {
		s, err = u.t.tree.swap(r.Key, func(found string) bool { return mine(found) && !isTarget(found) }, target)
		return err
	})
	if seen == nil {
		judged = s.found
	}
	o.Found, o.WindowNanos = normalise(r.Key, judged), s.window.Nanoseconds()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !s.wrote:
		o.Result, o.Text = ResultAbsent, "the parameter is gone"
	case err != nil:
		o.Result, o.Text = ResultFailed, err.Error()
	case target != r.Before, !s.wrote && !r.isBefore(s.found):
		o.Result, o.Text = ResultForeign, "somebody else changed it; left alone"
	case !s.wrote && r.isBefore(judged):
		o.Result = ResultAlready
	default:
		o.Result = ResultRestored
		raw, err := u.t.tree.ReadRaw(r.Key)
		switch {
		case err != nil || isTarget(raw):
		case normalise(r.Key, raw) == normalise(r.Key, s.found):
			o.Result, o.Text = ResultFailed, fmt.Sprintf("still reads %q", Shown(r.Key, normalise(r.Key, raw)))
		default:
			o.Result, o.Found, o.Text = ResultForeign, normalise(r.Key, raw), "somebody else changed it right after it was restored"
		}
	}
	if r.SideEffect && o.Result == ResultAlready {
		return
	}
	u.outcomes = append(u.outcomes, o)
}

// file restores the configuration file if it is still ours.
func (u *undoing) file() {
	f := u.e.File
	if f.isNoChange() {
		return
	}
	now, err := readText(f.Path)
	o := Outcome{Path: f.Path}
	switch {
	case err != nil:
	case sameText(now, f.Before):
		o.Result = ResultAlready
	case !sameText(now, f.After):
		o.Result, o.Text = ResultForeign, "somebody else changed the file; left alone"
	case f.Before == nil:
		err = removeFile(u.j.o.perform, f.Path)
		o.Result = ResultRestored
	default:
		err = replaceFile(u.j.o.perform, f.Path, []byte(*f.Before), 0o644)
		o.Result = ResultRestored
	}
	if err != nil {
		o.Result, o.Text = ResultFailed, err.Error()
	}
	u.outcomes = append(u.outcomes, o)
}
