package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Rehearse says why [Plan.Apply] would fail before its first write, and nothing
// where it would not: values that changed since, parameters that cannot be written,
// a file for the next boot or a journal in a folder that cannot. It writes nothing.
// The file may be nil.
func (p Plan) Rehearse(j *Journal, t *Target, file *FileChange) error {
	if err := p.Err(); err != nil {
		return err
	}
	if len(p.Changes) == 0 && file.isNoChange() {
		return nil
	}
	if err := mayCreateIn(j.changes(), true); err != nil {
		return fmt.Errorf("sysctl: journal: %w", err)
	}
	err := t.ns.Do(func() error {
		_, err := t.rows(p)
		return err
	})
	if err != nil {
		return err
	}
	if !file.isNoChange() {
		if err := file.check(); err != nil {
			return err
		}
		if err := mayCreateIn(filepath.Dir(file.Path), false); err != nil {
			return fmt.Errorf("sysctl: prepare %s: %w", file.Path, err)
		}
	}
	return nil
}

// mayCreateIn says why no file can be made in a folder. One that does not exist yet
// is judged by the nearest above it, where it may be made as well.
func mayCreateIn(dir string, makes bool) error {
	info, err := os.Stat(dir)
	for makes && errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")}
	}
	return accessWrite(dir)
}

// Preview returns a change as [Journal.Rollback] would leave it, with what would
// become of each parameter. It writes nothing.
func (j *Journal) Preview(id string, t *Target) (Entry, error) {
	e, err := j.Get(id)
	if err != nil || e.Phase == PhaseUndone || e.Phase == PhaseLapsed {
		return e, err
	}
	if err := e.mayUndo(t); err != nil {
		return e, err
	}
	e.Outcomes = nil
	err = t.ns.Do(func() error {
		for _, r := range slices.Backward(e.Rows) {
			if o := r.preview(t.tree, e.Phase != PhaseApplied && e.Phase != PhasePending); !r.SideEffect || o.Result != ResultAlready {
				e.Outcomes = append(e.Outcomes, o)
			}
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	if f := e.File; !f.isNoChange() {
		o := Outcome{Path: f.Path, Result: ResultRestored}
		switch now, err := readText(f.Path); {
		case err != nil:
			o.Result, o.Text = ResultFailed, err.Error()
		case sameText(now, f.Before):
			o.Result = ResultAlready
		case !sameText(now, f.After):
			o.Result, o.Text = ResultForeign, "somebody else changed the file; left alone"
		}
		e.Outcomes = append(e.Outcomes, o)
	}
	j.nameLaterChanges(&e)
	e.Phase = PhaseUndone
	return e, nil
}

// PreviewConfirm returns a change as [Journal.Confirm] would leave it. It writes
// nothing.
func (j *Journal) PreviewConfirm(id string) (Entry, error) {
	e, err := j.Get(id)
	if err != nil {
		return Entry{}, err
	}
	if err := j.mayConfirm(e); err != nil || e.Phase == PhaseApplied {
		return e, err
	}
	if f := e.File; !f.isNoChange() {
		now, err := readText(f.Path)
		if err == nil && !sameText(now, f.After) {
			err = f.check()
		}
		if err != nil {
			return e, err
		}
	}
	e.Phase = PhaseApplied
	return e, nil
}

// preview says what an undo would make of one parameter.
func (r Row) preview(tree *Dir, resumed bool) Outcome {
	o := Outcome{Key: r.Key, Original: normalise(r.Key, r.Before)}
	raw, err := tree.ReadRaw(r.Key)
	o.Found = normalise(r.Key, raw)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Found, o.Result, o.Text = "", ResultAbsent, "the parameter is gone"
	case err != nil:
		o.Found, o.Result, o.Text = "", ResultFailed, err.Error()
	case r.isBefore(raw):
		o.Result = ResultAlready
	case !r.isAfter(raw) && !(resumed && r.isLeftover(raw)):
		o.Result, o.Text = ResultForeign, "somebody else changed it; left alone"
	default:
		if o.Result = ResultRestored; !r.SideEffect {
			if err := tree.writable(r.Key); err != nil {
				o.Result, o.Text = ResultFailed, err.Error()
			}
		}
	}
	return o
}
