package sysctl

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestPreview: a preview tells what the rollback then does, whatever somebody else
// has changed in between, and writes nothing.
func TestPreview(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rng := rand.New(rand.NewPCG(6, 1))
	foreign := map[Result]int{}
	for round := range 40 {
		p := b.plan(twenty())
		r, err := p.Apply(context.Background(), b.journal, b.target, ApplyOptions{File: b.confFile()})
		if err != nil {
			t.Fatal(err)
		}
		for k, values := range foreignValues {
			switch rng.IntN(6) {
			case 0:
				b.set(k, values[rng.IntN(len(values))])
			case 1:
				row, _ := r.Entry.row(k)
				b.set(k, row.Before)
			}
		}
		if rng.IntN(4) == 0 {
			writeText(t, r.Entry.File.Path, "# somebody else\n")
		}
		before := b.snapshot(touched())
		told, err := b.journal.Preview(r.Entry.ID, b.target)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, b.snapshot(touched())); d != "" {
			t.Fatalf("round %d: the preview changed something (-before +after):\n%s", round, d)
		}
		if e, err := b.journal.Get(r.Entry.ID); err != nil || e.Phase != PhaseApplied {
			t.Fatalf("round %d: got %v, %v after the preview, want applied", round, e.Phase, err)
		}
		done, err := b.journal.Rollback(context.Background(), r.Entry.ID, b.target)
		if err != nil {
			t.Fatal(err)
		}
		byName := cmpopts.SortSlices(func(a, b Outcome) bool { return string(a.Key)+a.Path < string(b.Key)+b.Path })
		asked := func(e Entry) []Outcome {
			return slices.DeleteFunc(slices.Clone(e.Outcomes), func(o Outcome) bool {
				row, ok := e.row(o.Key)
				return ok && row.SideEffect
			})
		}
		if d := cmp.Diff(asked(done), asked(told), byName, cmpopts.IgnoreFields(Outcome{}, "WindowNanos", "Text")); d != "" || told.Phase != done.Phase {
			t.Fatalf("round %d: got phase %s, want %s; outcomes (-rollback +preview):\n%s", round, told.Phase, done.Phase, d)
		}
		for _, o := range told.Outcomes {
			foreign[o.Result]++
		}
		again, err := b.journal.Preview(r.Entry.ID, b.target)
		if err != nil || again.Phase != PhaseUndone || again.Updated != done.Updated {
			t.Errorf("round %d: after the end: got %+v, %v", round, again.Phase, err)
		}
		for k, row := range rowsOf(r.Entry) {
			b.set(k, row.Before) // the next round begins where this one did
		}
		_ = os.Remove(r.Entry.File.Path)
	}
	if foreign[ResultForeign] < 20 || foreign[ResultAlready] < 20 || foreign[ResultRestored] < 200 {
		t.Errorf("the rounds are too tame: %v", foreign)
	}
}

func rowsOf(e Entry) map[Key]Row {
	out := map[Key]Row{}
	for _, r := range e.Rows {
		if !r.SideEffect {
			out[r.Key] = r
		}
	}
	return out
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPreviewConfirm: it says what a confirmation would come to, and leaves the
// change to wait.
func TestPreviewConfirm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := time.Now()
	j := NewJournal(JournalOptions{Dir: b.dir, Now: func() time.Time { return now }})
	stand := func(context.Context, Entry) error { return nil }
	r, err := b.plan(twenty()).Apply(context.Background(), j, b.target, ApplyOptions{File: b.confFile(), ConfirmWithin: time.Minute, Guard: stand})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := j.PreviewConfirm(r.Entry.ID); err != nil || e.Phase != PhaseApplied {
		t.Errorf("got %v, %v, want applied", e.Phase, err)
	}
	if e, err := j.Get(r.Entry.ID); err != nil || e.Phase != PhasePending {
		t.Errorf("afterwards: got %v, %v, want pending", e.Phase, err)
	}
	writeText(t, r.Entry.File.Path, "# somebody else\n")
	if _, err := j.PreviewConfirm(r.Entry.ID); !errors.Is(err, ErrStale) {
		t.Errorf("a foreign file: got %v, want %v", err, ErrStale)
	}
	_ = os.Remove(r.Entry.File.Path)
	now = now.Add(2 * time.Minute)
	if _, err := j.PreviewConfirm(r.Entry.ID); !errors.Is(err, ErrTooLate) {
		t.Errorf("late: got %v, want %v", err, ErrTooLate)
	}
	now = now.Add(-2 * time.Minute)
	if _, err := j.Confirm(context.Background(), r.Entry.ID); err != nil {
		t.Fatal(err)
	}
	if e, err := j.PreviewConfirm(r.Entry.ID); err != nil || e.Phase != PhaseApplied {
		t.Errorf("confirmed: got %v, %v, want applied", e.Phase, err)
	}
	if _, err := j.PreviewConfirm("ffff"); !errors.Is(err, ErrNoChange) {
		t.Errorf("no change: got %v, want %v", err, ErrNoChange)
	}
}

// TestRehearse: what would fail before the first write is told, and nothing is
// written, not even a folder.
func TestRehearse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.plan(twenty())
	before := b.snapshot(touched())
	state := b.dir + "/state"
	j := NewJournal(JournalOptions{Dir: state})
	for _, tt := range []struct {
		name string
		err  string
		plan Plan
		j    *Journal
		file *FileChange
	}{
		{name: "fine", plan: p, j: j, file: b.confFile()},
		{name: "nothing to do", j: j},
		{name: "refused", plan: Plan{Refused: []Refusal{{Reason: RefusedUnknown, Text: "no such thing"}}}, j: j, err: "no such thing"},
		{name: "no folder for the file", plan: p, j: j, file: &FileChange{Path: b.dir + "/none/90-test.conf", After: new(string)}, err: "no such file"},
		{name: "a foreign file", plan: p, j: j, file: &FileChange{Path: b.dir + "/90-test.conf", Before: new(string)}, err: "changed by somebody else"},
		{name: "a journal below a file", plan: p, j: NewJournal(JournalOptions{Dir: "/proc/self/comm/x"}), err: "not a directory"},
	} {
		err := tt.plan.Rehearse(tt.j, b.target, tt.file)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
	}
	b.set("net.core.somaxconn", "601")
	if err := p.Rehearse(j, b.target, nil); !errors.Is(err, ErrStale) {
		t.Errorf("a foreign value: got %v, want %v", err, ErrStale)
	}
	b.set("net.core.somaxconn", before["net.core.somaxconn"])
	if d := cmp.Diff(before, b.snapshot(touched())); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rehearsal made %s", state)
	}
}
