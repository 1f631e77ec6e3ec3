package sysctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EntrySchema names the form of a journal entry on disk.
const EntrySchema = "tcpdoctor.change/v1"

// Phase is how far a change has come.
type Phase string

// The phases. PhaseApplying and PhaseUndoing are found on disk only when a process
// died, or is still at work.
const (
	PhaseApplying Phase = "applying" // writes may have been made
	PhasePending  Phase = "pending"  // applied, to be undone at its deadline unless confirmed
	PhaseApplied  Phase = "applied"  // applied for good
	PhaseUndoing  Phase = "undoing"  // some writes may have been taken back
	PhaseUndone   Phase = "undone"   // everything that was still ours was taken back
	PhaseLapsed   Phase = "lapsed"   // ended by a restart of the host
)

// Open says whether something is still to be done about the change.
func (p Phase) Open() bool {
	return p == PhaseApplying || p == PhasePending || p == PhaseUndoing
}

// Row is one parameter of a change.
type Row struct {
	Key Key `json:"key"`
	// Before is the value to be restored, as the kernel showed it.
	Before string `json:"before"`
	// After is the value that the change ends with, normalised.
	After string `json:"after"`
	// Via are other values that the change itself may leave here on its way.
	Via []string `json:"via,omitempty"`
	// SideEffect says that the kernel changes it on its own when another row is
	// written.
	SideEffect bool `json:"side_effect,omitempty"`
	// Reason says who wants the value and why.
	Reason string `json:"reason,omitempty"`
}

// isBefore says whether a value is the one to be restored.
func (r Row) isBefore(found string) bool {
	return normalise(r.Key, found) == normalise(r.Key, r.Before)
}

// isAfter says whether a value is the one that was written, allowing for what the
// kernel makes of it.
func (r Row) isAfter(found string) bool {
	s, ok := Lookup(r.Key)
	if !ok {
		return normalise(r.Key, found) == r.After
	}
	return s.becomes(r.After, found)
}

// isVia says whether a value is one that the kernel may have given the parameter
// because of another row.
func (r Row) isVia(found string) bool {
	return slices.Contains(r.Via, normalise(r.Key, found))
}

// isLeftover says whether a value is one that an interrupted change may have left
// here: the final one, one on the way, or a vector of which the kernel took only
// the beginning.
func (r Row) isLeftover(found string) bool {
	if r.isAfter(found) || r.isVia(found) {
		return true
	}
	s, ok := Lookup(r.Key)
	if !ok || s.Type != TypeVector {
		return false
	}
	now, errNow := s.Numbers(found)
	before, errBefore := s.Numbers(r.Before)
	after, errAfter := s.Numbers(r.After)
	if errors.Join(errNow, errBefore, errAfter) != nil {
		return false
	}
	cut := 0
	for cut < len(now) && now[cut] == after[cut] {
		cut++
	}
	return cut > 0 && slices.Equal(now[cut:], before[cut:])
}

// becomes says whether found is what the kernel makes of a written value.
func (s Spec) becomes(written, found string) bool {
	if s.equalValues(written, found) {
		return true
	}
	if s.TickMillis == 0 {
		return false
	}
	a, errA := s.Number(written, "")
	b, errB := s.Number(found, "")
	return errA == nil && errB == nil && b >= a && b-a < s.TickMillis
}

// FileChange is what a change does to a configuration file.
type FileChange struct {
	Path string `json:"path"`
	// Before and After are the whole contents; nil means that there is no file.
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// Result is what came of undoing one row.
type Result string

// The results.
const (
	ResultRestored Result = "restored" // the original value is back
	ResultAlready  Result = "already"  // the original value was there already
	ResultForeign  Result = "foreign"  // somebody else changed it meanwhile; it was left alone
	ResultAbsent   Result = "absent"   // the parameter is gone, for instance with its interface
	ResultFailed   Result = "failed"   // the original value could not be restored
)

// Outcome is what became of one parameter, or of the file, in an undo.
type Outcome struct {
	// Key names the parameter; Path the file, where it is about that.
	Key    Key    `json:"key,omitempty"`
	Path   string `json:"path,omitempty"`
	Result Result `json:"result"`
	// Found is what was there, Original what the change had found.
	Found    string `json:"found"`
	Original string `json:"original"`
	// WindowNanos is how long a change by somebody else could have gone unnoticed,
	// from the final comparison to the end of the write.
	WindowNanos int64  `json:"window_nanos,omitempty"`
	Text        string `json:"text,omitempty"`
}

// Writer is the process that made a change.
type Writer struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Entry is one change in the journal.
type Entry struct {
	Schema   string    `json:"schema"`
	ID       string    `json:"id"`
	Title    string    `json:"title,omitempty"`
	Phase    Phase     `json:"phase"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	Deadline time.Time `json:"deadline,omitzero"`
	Writer   Writer    `json:"writer"`
	Identity Identity  `json:"netns"`
	Kernel   string    `json:"kernel"`
	RAMBytes uint64    `json:"ram_bytes"`
	Rows     []Row     `json:"rows"`
	// File is written together with the rows, or at confirmation where one is asked
	// for.
	File *FileChange `json:"file,omitempty"`
	// Failure says why the change was undone, where it was not asked for.
	Failure  string    `json:"failure,omitempty"`
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// encode returns the entry as it is kept on disk.
func (e Entry) encode() ([]byte, error) {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sysctl: encode change %s: %w", e.ID, err)
	}
	return append(b, '\n'), nil
}

// decodeEntry reads an entry and refuses one that does not hold together.
func decodeEntry(b []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("sysctl: journal entry: %w", err)
	}
	if e.Schema != EntrySchema {
		return Entry{}, fmt.Errorf("sysctl: journal entry: schema %q, want %q", e.Schema, EntrySchema)
	}
	if !validID(e.ID) {
		return Entry{}, fmt.Errorf("sysctl: journal entry: %w: %q", ErrNoChange, e.ID)
	}
	known := []Phase{PhaseApplying, PhasePending, PhaseApplied, PhaseUndoing, PhaseUndone, PhaseLapsed}
	if !slices.Contains(known, e.Phase) {
		return Entry{}, fmt.Errorf("sysctl: journal entry %s: phase %q", e.ID, e.Phase)
	}
	for _, r := range e.Rows {
		if _, err := r.Key.Path(); err != nil {
			return Entry{}, fmt.Errorf("sysctl: journal entry %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// validID says whether text can be the name of a change: hexadecimal digits.
func validID(id string) bool {
	return len(id) >= 4 && len(id) <= 16 && strings.Trim(id, "0123456789abcdef") == ""
}

// Redacted returns the entry without secret values, for showing. What is kept on
// disk has them: an undo needs them.
func (e Entry) Redacted() Entry {
	e.Rows = slices.Clone(e.Rows)
	for i := range e.Rows {
		r := &e.Rows[i]
		r.Before, r.After = Shown(r.Key, r.Before), Shown(r.Key, r.After)
		r.Via = slices.Clone(r.Via)
		for v := range r.Via {
			r.Via[v] = Shown(r.Key, r.Via[v])
		}
	}
	e.Outcomes = slices.Clone(e.Outcomes)
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		o.Found, o.Original = Shown(o.Key, o.Found), Shown(o.Key, o.Original)
	}
	return e
}

// row returns the row of a key.
func (e Entry) row(k Key) (Row, bool) {
	i := slices.IndexFunc(e.Rows, func(r Row) bool { return r.Key == k })
	if i < 0 {
		return Row{}, false
	}
	return e.Rows[i], true
}
