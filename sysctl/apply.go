package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// ErrStale is the error for a value that somebody changed between the planning and
// the write.
var ErrStale = errors.New("changed by somebody else since the plan was made")

// ErrUnfinished is the error for a new change while an earlier one in the same
// namespace was interrupted; [Journal.Recover] brings it to an end.
var ErrUnfinished = errors.New("an earlier change was interrupted")

// ApplyOptions says how a plan is carried out. The zero value applies it at once
// and for good.
type ApplyOptions struct {
	// Title says what was asked for, such as "profile web-server".
	Title string
	// File is a configuration file to be written with the change; nil for none.
	// [Plan.File] makes one. It is written at confirmation where one is asked for, so
	// that a restart undoes an unconfirmed change entirely.
	File *FileChange
	// ConfirmWithin, when not zero, makes the change undo itself unless
	// [Journal.Confirm] comes in time.
	ConfirmWithin time.Duration
	// Guard starts the process that undoes the change at its deadline, and returns
	// once it is ready. It is called before the first write and is needed with
	// ConfirmWithin; see [StartGuard].
	Guard func(context.Context, Entry) error
}

// Receipt is a change that was made, or found unnecessary.
type Receipt struct {
	// Changed says whether anything was written.
	Changed bool
	// Entry is the journal's record; zero when nothing was written.
	Entry Entry
	// Warning says that the change is made and recorded, but that the disk did not
	// promise to keep the record; nil otherwise.
	Warning error

	journal *Journal
	target  *Target
}

// UndoneError says that a change failed and what became of what had been written.
type UndoneError struct {
	ID       string
	Err      error
	Outcomes []Outcome
}

// Error says why the change failed and whether everything is as before.
func (e *UndoneError) Error() string {
	left := 0
	for _, o := range e.Outcomes {
		if o.Result == ResultFailed || o.Result == ResultForeign {
			left++
		}
	}
	if left == 0 {
		return fmt.Sprintf("%v; nothing remains changed", e.Err)
	}
	return fmt.Sprintf("%v; undone but for %d, see change %s", e.Err, left, e.ID)
}

// Unwrap returns why the change failed.
func (e *UndoneError) Unwrap() error { return e.Err }

// application is a change while it is being made.
type application struct {
	j *Journal
	t *Target
	o ApplyOptions
	e Entry

	staged  string // the configuration file, waiting to be put in its place
	tried   map[Key]bool
	warning error
}

// Apply carries the plan out, all or nothing: it records what it is about to do,
// writes each parameter only if it still has the value that the plan saw, reads it
// back, and on any failure undoes everything in reverse. A plan without changes
// and without a file to write does nothing. An error of type [*UndoneError] means
// that writes were made and taken back.
func (p Plan) Apply(ctx context.Context, j *Journal, t *Target, o ApplyOptions) (*Receipt, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	r := &Receipt{journal: j, target: t}
	if len(p.Changes) == 0 && o.File.isNoChange() {
		return r, nil
	}
	if o.ConfirmWithin > 0 && o.Guard == nil {
		return nil, errors.New("sysctl: apply: nothing would undo the change at its deadline: no guard")
	}
	unlock, err := j.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := j.refuseUnfinished(t); err != nil {
		return nil, err
	}
	a := &application{j: j, t: t, o: o, tried: map[Key]bool{}}
	if err := a.begin(p); err != nil {
		return nil, err
	}
	if err := a.run(ctx); err != nil {
		return nil, err
	}
	r.Changed, r.Entry, r.Warning = true, a.e, a.warning
	return r, nil
}

// Rollback undoes the change; see [Journal.Rollback].
func (r *Receipt) Rollback(ctx context.Context) (Entry, error) {
	if !r.Changed {
		return Entry{}, nil
	}
	return r.journal.Rollback(ctx, r.Entry.ID, r.target)
}

// refuseUnfinished makes sure that no interrupted change waits in the namespace.
// The caller holds the lock, so a change found at work has no process any more.
func (j *Journal) refuseUnfinished(t *Target) error {
	all, err := j.List()
	if err != nil {
		return err
	}
	for _, e := range all {
		if (e.Phase == PhaseApplying || e.Phase == PhaseUndoing) && e.Identity.Is(t.id) == nil {
			return fmt.Errorf("sysctl: %w: %s (%s)", ErrUnfinished, e.ID, e.Title)
		}
	}
	return nil
}

// begin finds out what there is to restore, and records it. Nothing is changed
// yet.
func (a *application) begin(p Plan) error {
	id, err := a.j.newID()
	if err != nil {
		return err
	}
	now := a.j.o.Now().UTC()
	a.e = Entry{
		Schema: EntrySchema, ID: id, Title: a.o.Title, Phase: PhaseApplying, Created: now,
		Writer: Writer{PID: os.Getpid(), Command: a.j.o.Command}, Identity: a.t.id,
		Kernel: a.t.env.Kernel.String(), RAMBytes: a.t.env.RAMBytes, File: a.o.File,
	}
	if a.o.ConfirmWithin > 0 {
		a.e.Deadline = now.Add(a.o.ConfirmWithin)
	}
	err = a.t.ns.Do(func() error {
		a.e.Rows, err = a.t.rows(p)
		return err
	})
	if err != nil {
		return err
	}
	if a.o.File != nil {
		if err := a.o.File.check(); err != nil {
			return err
		}
	}
	if err := a.j.put(&a.e); err != nil {
		return a.abandon(err)
	}
	if a.o.ConfirmWithin > 0 {
		if err := a.o.Guard(context.Background(), a.e); err != nil {
			return a.abandon(fmt.Errorf("sysctl: start the guard: %w", err))
		}
	} else if a.o.File != nil && a.o.File.After != nil {
		// A folder that cannot be written is found out before the first parameter is.
		if a.staged, err = stageFile(a.j.o.perform, a.o.File.Path, []byte(*a.o.File.After), 0o644); err != nil {
			return a.abandon(err)
		}
	}
	return nil
}

// abandon takes back the record of a change of which nothing was written.
func (a *application) abandon(err error) error {
	if removeErr := removeFile(a.j.o.perform, a.j.path(a.e.ID)); removeErr != nil {
		err = errors.Join(err, removeErr)
	}
	return err
}

// rows reads the present values, compares them with the plan's, and makes sure
// that each can be written. It runs in the namespace.
func (t *Target) rows(p Plan) ([]Row, error) {
	var out []Row
	for _, c := range p.Changes {
		raw, err := t.tree.ReadRaw(c.Key)
		if err != nil {
			return nil, err
		}
		if found := normalise(c.Key, raw); found != c.Before {
			return nil, fmt.Errorf("sysctl: %s: %w: %q, it was %q", c.Key, ErrStale, Shown(c.Key, found), Shown(c.Key, c.Before))
		}
		if err := t.tree.writable(c.Key); err != nil {
			return nil, err
		}
		var reasons []string
		for _, w := range c.Wants {
			reasons = append(reasons, w.Reason)
		}
		out = append(out, Row{Key: c.Key, Before: raw, After: c.After, Reason: joinReasons(reasons...)})
	}
	return t.addSideEffects(out)
}

// addSideEffects adds the parameters that the kernel will change on its own.
func (t *Target) addSideEffects(rows []Row) ([]Row, error) {
	for _, cause := range slices.Clone(rows) {
		for _, effect := range sideEffects(cause.Key) {
			keys, err := t.tree.Expand(effect.key)
			if err != nil {
				return nil, err
			}
			slices.Sort(keys)
			for _, k := range keys {
				if !affects(cause.Key, k) || cause.Key == keyCongestion && !t.id.Initial {
					continue
				}
				if rows, err = t.addSideEffect(rows, cause, k, effect.value); err != nil {
					return nil, err
				}
			}
		}
	}
	return rows, nil
}

func (t *Target) addSideEffect(rows []Row, cause Row, k Key, value func(written, before string) string) ([]Row, error) {
	raw, err := t.tree.ReadRaw(k)
	if errors.Is(err, fs.ErrNotExist) {
		return rows, nil
	}
	if err != nil {
		return nil, err
	}
	before := normalise(k, raw)
	written := normalise(k, value(cause.After, before))
	undone := normalise(k, value(normalise(cause.Key, cause.Before), before))
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Key == k })
	if i < 0 {
		return append(rows, Row{Key: k, Before: raw, After: written, Via: []string{undone}, SideEffect: true}), nil
	}
	rows[i].Via = append(rows[i].Via, written, undone)
	if rows[i].SideEffect {
		rows[i].After = written
	}
	return rows, nil
}

// run makes the writes and records that they were made; on any failure it undoes
// them.
func (a *application) run(ctx context.Context) error {
	err := a.t.ns.Do(func() error { return a.writeRows(ctx) })
	if err == nil && a.e.Deadline.IsZero() {
		err = a.writeFile()
	}
	if err == nil {
		a.e.Phase = PhaseApplied
		if !a.e.Deadline.IsZero() {
			a.e.Phase = PhasePending
		}
		if err = a.j.put(&a.e); err == nil {
			return nil
		}
		// The record is in its place and only the last sync failed: an undo now could
		// not be recorded either, and would leave a record that is wrong.
		if e, getErr := a.j.Get(a.e.ID); getErr == nil && e.Phase == a.e.Phase {
			a.warning = err
			return nil
		}
	}
	if a.staged != "" {
		_ = os.Remove(a.staged)
	}
	a.e.Failure = err.Error()
	undoErr := a.j.undo(&a.e, a.t, a.untried())
	return errors.Join(&UndoneError{ID: a.e.ID, Err: err, Outcomes: a.e.Outcomes}, undoErr)
}

// untried returns the rows that cannot be ours, because no write of this change
// could have reached them: whatever is there is somebody else's.
func (a *application) untried() map[Key]bool {
	out := map[Key]bool{}
	for _, r := range a.e.Rows {
		reached := a.tried[r.Key]
		for cause := range a.tried {
			reached = reached || affects(cause, r.Key)
		}
		if !reached {
			out[r.Key] = true
		}
	}
	return out
}

// writeRows writes and reads back each parameter. It runs in the namespace.
func (a *application) writeRows(ctx context.Context) error {
	for i := range a.e.Rows {
		r := &a.e.Rows[i]
		if r.SideEffect {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("sysctl: apply: %w", err)
		}
		if err := a.writeRow(r); err != nil {
			return err
		}
	}
	for i := range a.e.Rows {
		r := &a.e.Rows[i]
		if !r.SideEffect {
			continue
		}
		// What the kernel really made of it is what an undo has to recognise.
		if raw, err := a.t.tree.ReadRaw(r.Key); err == nil {
			r.After = normalise(r.Key, raw)
		}
	}
	return nil
}

func (a *application) writeRow(r *Row) error {
	ready := func(found string) bool {
		return r.isBefore(found) || r.isVia(found)
	}
	var s swapped
	err := a.j.o.perform.perform(stepWrite, string(r.Key), func() (err error) {
		s, err = a.t.tree.swap(r.Key, ready, r.After)
		return err
	})
	if s.wrote || err != nil {
		a.tried[r.Key] = true
	}
	if err != nil {
		return err
	}
	if !s.wrote {
		return fmt.Errorf("sysctl: %s: %w: %q, it was %q", r.Key, ErrStale,
			Shown(r.Key, normalise(r.Key, s.found)), Shown(r.Key, normalise(r.Key, r.Before)))
	}
	raw, err := a.t.tree.ReadRaw(r.Key)
	if err != nil {
		return err
	}
	if !r.isAfter(raw) {
		return fmt.Errorf("sysctl: %s: reads back as %q, %q was written", r.Key, Shown(r.Key, normalise(r.Key, raw)), Shown(r.Key, r.After))
	}
	r.After = normalise(r.Key, raw)
	return nil
}

// writeFile puts the configuration file in its place.
func (a *application) writeFile() error {
	switch {
	case a.e.File.isNoChange():
		return nil
	case a.e.File.After == nil:
		return removeFile(a.j.o.perform, a.e.File.Path)
	}
	if err := a.e.File.check(); err != nil {
		return err
	}
	err := commitFile(a.j.o.perform, a.staged, a.e.File.Path)
	a.staged = ""
	return err
}

// isNoChange says whether the file is as it should be, or none is asked for.
func (f *FileChange) isNoChange() bool {
	return f == nil || sameText(f.Before, f.After)
}

func sameText(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// check makes sure that the file is still as it was when the change was planned.
func (f *FileChange) check() error {
	now, err := readText(f.Path)
	if err != nil {
		return err
	}
	if !sameText(now, f.Before) {
		return fmt.Errorf("sysctl: %s: %w", f.Path, ErrStale)
	}
	return nil
}

// readText returns a file's content; nil when there is none.
func readText(path string) (*string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sysctl: %w", err)
	}
	text := string(b)
	return &text, nil
}
