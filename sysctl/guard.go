package sysctl

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// GuardOptions says how the process is started that undoes an unconfirmed change.
type GuardOptions struct {
	// Executable is the program; empty means the one that runs now.
	Executable string
	// Args are its arguments, which have to lead it to [Journal.RunGuard] with the
	// entry's ID and the journal's folder.
	Args func(Entry) []string
	// Ready is how long to wait until the guard stands; zero means ten seconds.
	Ready time.Duration
	// SystemdRun is the program that starts a transient unit; empty means
	// systemd-run where systemd runs the host, and a session of its own elsewhere.
	SystemdRun string
}

// guardPoll is how often a guard looks whether the change was confirmed.
const guardPoll = 500 * time.Millisecond

// guardPath is the file that a guard holds locked as long as it stands.
func (j *Journal) guardPath(id string) string {
	return filepath.Join(j.o.Dir, "guards", id)
}

// RunGuard is the work of the guard process: it waits until the change is
// confirmed or gone, and undoes it when its deadline passes first, or when the
// process that was applying it dies. It returns the entry as it then is.
//
// The deadline counts by whichever clock reaches it first, the wall clock or the
// time since the guard was started, so that neither a sleeping host nor a clock set
// back can keep an unconfirmed change in force.
func (j *Journal) RunGuard(ctx context.Context, id string, find Finder) (Entry, error) {
	e, err := j.Get(id)
	if err != nil {
		return Entry{}, err
	}
	if e.Deadline.IsZero() {
		return e, fmt.Errorf("sysctl: guard: change %s has no deadline", id)
	}
	t, release, err := find(e.Identity)
	if release != nil {
		defer release()
	}
	switch {
	case err != nil:
		return e, err
	case t == nil:
		return e, fmt.Errorf("sysctl: guard: the network namespace of change %s is not to be found", id)
	}
	stand, err := j.takeGuard(id)
	if err != nil {
		return e, err
	}
	defer stand()
	return j.watch(ctx, e, t)
}

// watch waits for the end of a change.
func (j *Journal) watch(ctx context.Context, e Entry, t *Target) (Entry, error) {
	started := time.Now()
	patience := e.Deadline.Sub(j.o.Now())
	tick := time.NewTicker(guardPoll)
	defer tick.Stop()
	for {
		now, err := j.Get(e.ID)
		if errors.Is(err, ErrNoChange) {
			return e, nil // given up before the first write
		}
		if err == nil {
			e = now
			if e.Phase != PhaseApplying && e.Phase != PhasePending {
				return e, nil
			}
		}
		late := time.Since(started) >= patience || !j.o.Now().Before(e.Deadline)
		// Whoever applies holds the lock. Taking it while the change is still being
		// applied means that its process is dead.
		if late || e.Phase == PhaseApplying {
			done, err := j.guardUndo(ctx, e.ID, t, late)
			if done.ID != "" || err != nil && !isLocked(err) {
				return done, err
			}
		}
		select {
		case <-ctx.Done():
			return e, fmt.Errorf("sysctl: guard: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func isLocked(err error) bool {
	var locked *LockedError
	return errors.As(err, &locked)
}

// guardUndo undoes a change that is still open once the lock is free. It returns
// the zero Entry when there is nothing to do yet.
func (j *Journal) guardUndo(ctx context.Context, id string, t *Target, late bool) (Entry, error) {
	unlock, err := j.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	e, err := j.Get(id)
	switch {
	case errors.Is(err, ErrNoChange):
		return Entry{}, nil
	case err != nil:
		return Entry{}, err
	case e.Phase == PhaseApplying:
		e.Failure = "the process that made the change ended before it was done"
	case e.Phase == PhasePending && late:
		e.Failure = "not confirmed in time"
	case e.Phase == PhasePending:
		return Entry{}, nil
	default:
		return e, nil
	}
	if err := e.mayUndo(t); err != nil {
		return e, err
	}
	err = j.undo(&e, t, nil)
	return e, err
}
