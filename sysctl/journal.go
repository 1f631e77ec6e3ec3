package sysctl

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultStateDir is where changes are recorded unless told otherwise.
const DefaultStateDir = "/var/lib/tcpdoctor"

// ErrNoChange is the error for a change that the journal does not have.
var ErrNoChange = errors.New("no such change")

// JournalOptions says where and how changes are recorded. The zero value is good.
type JournalOptions struct {
	// Dir is the state folder; empty means [DefaultStateDir].
	Dir string
	// Command is what the lock and the entries say about this process; empty means
	// the name of the program.
	Command string
	// Now is the clock; nil means the real one.
	Now func() time.Time
	// Random is where the names of changes come from; nil means crypto/rand.
	Random io.Reader
	// LockWait is how long to wait while another process holds the lock.
	LockWait time.Duration

	perform performer
}

// Journal is the record of changes on disk: one file for each, replaced at once at
// each turn, written ahead of what it records.
type Journal struct {
	o JournalOptions
}

// NewJournal returns the journal in a folder. Nothing is made or read until it is
// used.
func NewJournal(o JournalOptions) *Journal {
	o.Dir = cmp.Or(o.Dir, DefaultStateDir)
	o.Command = cmp.Or(o.Command, filepath.Base(os.Args[0]))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.perform == nil {
		o.perform = direct{}
	}
	return &Journal{o: o}
}

// Dir returns the state folder.
func (j *Journal) Dir() string { return j.o.Dir }

func (j *Journal) changes() string { return filepath.Join(j.o.Dir, "changes") }

func (j *Journal) path(id string) string { return filepath.Join(j.changes(), id+".json") }

// prepare makes the folders, for good.
func (j *Journal) prepare() error {
	if _, err := os.Stat(j.changes()); err == nil {
		return nil
	}
	if err := os.MkdirAll(j.changes(), 0o700); err != nil {
		return fmt.Errorf("sysctl: journal: %w", err)
	}
	return errors.Join(syncDir(j.o.perform, j.o.Dir), syncDir(j.o.perform, filepath.Dir(j.o.Dir)))
}

// put writes an entry, for good.
func (j *Journal) put(e *Entry) error {
	e.Updated = j.o.Now().UTC()
	b, err := e.encode()
	if err != nil {
		return err
	}
	return replaceFile(j.o.perform, j.path(e.ID), b, 0o600)
}

// newID draws a name that no change has: four digits, more where those are taken.
func (j *Journal) newID() (string, error) {
	for size := 2; size <= 8; size++ {
		b := make([]byte, size)
		if _, err := io.ReadFull(j.o.Random, b); err != nil {
			return "", fmt.Errorf("sysctl: name a change: %w", err)
		}
		id := hex.EncodeToString(b)
		if _, err := os.Stat(j.path(id)); errors.Is(err, fs.ErrNotExist) {
			return id, nil
		}
	}
	return "", errors.New("sysctl: name a change: every name drawn is taken")
}

// Get returns one change.
func (j *Journal) Get(id string) (Entry, error) {
	if !validID(id) {
		return Entry{}, fmt.Errorf("sysctl: %w: %q", ErrNoChange, id)
	}
	b, err := os.ReadFile(j.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, fmt.Errorf("sysctl: %w: %s", ErrNoChange, id)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("sysctl: journal: %w", err)
	}
	e, err := decodeEntry(b)
	if err == nil && e.ID != id {
		err = fmt.Errorf("sysctl: journal entry %s: it says that it is %s", id, e.ID)
	}
	return e, err
}

// List returns all changes, the oldest first. An entry that cannot be read makes an
// error beside the others.
func (j *Journal) List() ([]Entry, error) {
	names, err := os.ReadDir(j.changes())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sysctl: journal: %w", err)
	}
	var out []Entry
	var errs []error
	for _, n := range names {
		id, ok := strings.CutSuffix(n.Name(), ".json")
		if !ok || !validID(id) {
			continue
		}
		e, err := j.Get(id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return out, errors.Join(errs...)
}

// Prune removes the oldest finished changes until at most keep of them are left.
// Changes that are in force, or under way, stay.
func (j *Journal) Prune(ctx context.Context, keep int) error {
	unlock, err := j.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := j.List()
	finished := slices.DeleteFunc(all, func(e Entry) bool { return e.Phase != PhaseUndone && e.Phase != PhaseLapsed })
	for len(finished) > max(keep, 0) {
		if removeErr := removeFile(j.o.perform, j.path(finished[0].ID)); removeErr != nil {
			return errors.Join(err, removeErr)
		}
		finished = finished[1:]
	}
	return err
}

// LockedError says who is changing parameters already.
type LockedError struct {
	Path    string
	PID     int
	Command string
	Since   time.Time
}

// Error names the process and how long it has been at it.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("sysctl: another process is changing parameters (%s is locked)", e.Path)
	}
	return fmt.Sprintf("sysctl: process %d (%s) has been changing parameters since %s; try again when it is done",
		e.PID, e.Command, e.Since.Local().Format(time.TimeOnly))
}
