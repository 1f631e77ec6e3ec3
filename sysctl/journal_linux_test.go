package sysctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLockNamesItsHolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := NewJournal(JournalOptions{Dir: b.dir, Command: "tcpdoctor profile apply"})
	unlock, err := other.lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || !strings.Contains(err.Error(), "tcpdoctor profile apply") {
		t.Errorf("got %v, want the holder named", err)
	}
	unlock()
	if _, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{}); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	base := Identity{BootID: "a", Cookie: 7, MachineID: "m"}
	initial := Identity{BootID: "a", Cookie: 1, Initial: true, MachineID: "m"}
	tests := []struct {
		name    string
		one, to Identity
		same    bool
	}{
		{"same", base, base, true},
		{"another cookie", base, Identity{BootID: "a", Cookie: 8, MachineID: "m"}, false},
		{"another boot", base, Identity{BootID: "b", Cookie: 7, MachineID: "m"}, false},
		{"no cookie", Identity{BootID: "a", MachineID: "m"}, Identity{BootID: "a", MachineID: "m"}, false},
		{"initial after a restart", initial, Identity{BootID: "b", Cookie: 1, Initial: true, MachineID: "m"}, true},
		{"initial of another machine", initial, Identity{BootID: "b", Cookie: 1, Initial: true, MachineID: "n"}, false},
		{"initial of an unknown machine", Identity{BootID: "a", Initial: true}, Identity{BootID: "b", Initial: true}, false},
		{"initial without cookies", Identity{BootID: "a", Initial: true}, Identity{BootID: "a", Initial: true}, true},
		{"nothing known", Identity{}, Identity{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.one.Is(tt.to)
			if (err == nil) != tt.same || err != nil && !errors.Is(err, ErrIdentity) {
				t.Errorf("got %v, want same %v", err, tt.same)
			}
		})
	}
}

// A namespace with the inode number of the changed one is not taken for it.
func TestRollbackRefusesAnotherNamespace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewTarget(TargetOptions{Tree: b.tree, Namespace: freshNetns(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.journal.Rollback(context.Background(), r.Entry.ID, other); !errors.Is(err, ErrIdentity) {
		t.Errorf("got %v, want ErrIdentity", err)
	}
	if got := b.raw("net.core.somaxconn"); got != "8192" {
		t.Errorf("got %s, want the change still in force", got)
	}
}

// After a restart a change in a namespace of its own has lapsed; one in the
// initial namespace of the same machine can still be undone.
func TestRestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	r, err := b.plan(twenty()).Apply(ctx, b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := r.Entry
	before.Identity.BootID = "an earlier one"
	if err := b.journal.put(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := b.journal.Rollback(ctx, before.ID, b.target); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), "started again") {
		t.Errorf("got %v, want ErrIdentity because of the restart", err)
	}
	before.Identity.Initial = true
	if err := b.journal.put(&before); err != nil {
		t.Fatal(err)
	}
	initial := *b.target
	initial.id.Initial, initial.id.MachineID = true, before.Identity.MachineID
	if before.Identity.MachineID == "" {
		t.Log("no machine-id here; the rule is tested in TestIdentity")
		return
	}
	if e, err := b.newJournal(nil).Rollback(ctx, before.ID, &initial); err != nil || e.Phase != PhaseUndone {
		t.Errorf("initial namespace: got %v, %v", e.Phase, err)
	}
	upgraded := initial
	upgraded.env.Kernel = Release{7, 0, 0}
	before.Phase = PhaseApplied
	if err := b.journal.put(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := b.journal.Rollback(ctx, before.ID, &upgraded); !errors.Is(err, ErrIdentity) {
		t.Errorf("another kernel: got %v, want ErrIdentity", err)
	}
}

func TestRecoverLapsesOldBoots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i, phase := range []Phase{PhaseApplying, PhasePending, PhaseApplied, PhaseUndoing} {
		if err := b.journal.prepare(); err != nil {
			t.Fatal(err)
		}
		e := Entry{Schema: EntrySchema, ID: fmt.Sprintf("000%d", i), Phase: phase, Identity: Identity{BootID: "an earlier one", Cookie: 5}}
		if err := b.journal.put(&e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.journal.Recover(context.Background(), b.find)
	if err != nil || len(got) != 4 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, r := range got {
		if r.Err != nil || r.Entry.Phase != PhaseLapsed {
			t.Errorf("got %+v, want lapsed", r)
		}
	}
}

func TestRecoverKeepsWhatItCannotReach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := r.Entry
	e.Phase = PhaseApplying
	if err := b.journal.put(&e); err != nil {
		t.Fatal(err)
	}
	gone := func(Identity) (*Target, func(), error) { return nil, nil, nil }
	got, err := b.journal.Recover(context.Background(), gone)
	if err != nil || len(got) != 1 || got[0].Err == nil || got[0].Entry.Phase != PhaseApplying {
		t.Errorf("got %+v, %v, want it reported and left open", got, err)
	}
	if _, err := b.plan([]Want{{Key: "net.core.somaxconn", Op: AtLeast, Value: "9000"}}).Apply(context.Background(), b.journal, b.target, ApplyOptions{}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a new change: got %v, want ErrUnfinished", err)
	}
}

func TestJournalNamesAreChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, id := range []string{"", "..", "../x", "zzzz", "12", "0123456789abcdef0"} {
		if _, err := b.journal.Get(id); !errors.Is(err, ErrNoChange) {
			t.Errorf("%q: got %v, want ErrNoChange", id, err)
		}
	}
	if err := b.journal.prepare(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"aaaa": "{", "bbbb": `{"schema":"other"}`, "cccc": `{"schema":"tcpdoctor.change/v1","id":"cccc","phase":"?"}`,
		"dddd": `{"schema":"tcpdoctor.change/v1","id":"dddd","phase":"applied","rows":[{"key":"../../etc.passwd"}]}`,
		"eeee": `{"schema":"tcpdoctor.change/v1","id":"abcd","phase":"applied"}`,
	} {
		if err := os.WriteFile(b.journal.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.journal.Get(name); err == nil {
			t.Errorf("%s: got no error for %s", name, text)
		}
	}
	if all, err := b.journal.List(); err == nil || len(all) != 0 {
		t.Errorf("list: got %v, %v", all, err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.journal.prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		phase := PhaseUndone
		if i == 0 {
			phase = PhaseApplied
		}
		e := Entry{Schema: EntrySchema, ID: fmt.Sprintf("%04d", i), Phase: phase, Created: time.Unix(int64(i), 0)}
		if err := b.journal.put(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.journal.Prune(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	all, err := b.journal.List()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	if diff := cmp.Diff([]string{"0000", "0004", "0005"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "00000001-00000002-00000003-00000004"
	e := Entry{
		Rows: []Row{
			{Key: "net.ipv4.tcp_fastopen_key", Before: secret, After: secret, Via: []string{secret}},
			{Key: "net.core.somaxconn", Before: "128", After: "4096"},
		},
		Outcomes: []Outcome{{Key: "net.ipv4.tcp_fastopen_key", Found: secret, Original: secret}},
	}
	if text := fmt.Sprint(e.Redacted()); strings.Contains(text, "00000002") || !strings.Contains(text, "4096") {
		t.Errorf("got %s", text)
	}
	if e.Rows[0].Before != secret || e.Outcomes[0].Found != secret {
		t.Error("the entry itself was changed")
	}
}

func TestConfirmAfterRestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	none := func(context.Context, Entry) error { return nil }
	r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{ConfirmWithin: time.Hour, Guard: none})
	if err != nil {
		t.Fatal(err)
	}
	e := r.Entry
	e.Identity.BootID = "an earlier one"
	if err := b.journal.put(&e); err != nil {
		t.Fatal(err)
	}
	if _, err := b.journal.Confirm(context.Background(), e.ID); err == nil || !strings.Contains(err.Error(), "started again") {
		t.Errorf("got %v, want a refusal because of the restart", err)
	}
}
