package sysctl

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApplyAndRollback(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	// A state that only an exact restore brings back: an interface that forwards
	// although the namespace does not.
	b.set("net.ipv4.conf.lo.forwarding", "1")
	b.set(keyRedirectsAll, "0")
	before := b.snapshot(touched())

	p := b.plan(twenty())
	if len(p.Changes) != 20 {
		t.Fatalf("got %d changes, want 20: %+v", len(p.Changes), p)
	}
	r, err := p.Apply(ctx, b.journal, b.target, ApplyOptions{Title: "twenty"})
	if err != nil || !r.Changed || r.Entry.Phase != PhaseApplied {
		t.Fatalf("got %+v, %v", r, err)
	}
	for _, w := range twenty() {
		if got := normalise(w.Key, b.raw(w.Key)); got != w.Value {
			t.Errorf("%s: got %q, want %q", w.Key, got, w.Value)
		}
	}

	again := b.plan(twenty())
	r2, err := again.Apply(ctx, b.journal, b.target, ApplyOptions{Title: "twenty"})
	if err != nil || r2.Changed || len(again.Already) < 20 {
		t.Errorf("second time: got changed %v, %v, %d already", r2.Changed, err, len(again.Already))
	}

	// By a process that knows nothing but the journal.
	e, err := b.newJournal(nil).Rollback(ctx, r.Entry.ID, b.target)
	if err != nil || e.Phase != PhaseUndone {
		t.Fatalf("got %+v, %v", e, err)
	}
	if diff := cmp.Diff(before, b.snapshot(touched())); diff != "" {
		t.Errorf("after the rollback:\n%s", diff)
	}
	restored := 0
	for _, o := range e.Outcomes {
		if o.Result == ResultRestored {
			restored++
		}
	}
	if restored < 20 {
		t.Errorf("got %d restored, want at least 20: %+v", restored, e.Outcomes)
	}
	if e, err = b.journal.Rollback(ctx, r.Entry.ID, b.target); err != nil || e.Phase != PhaseUndone {
		t.Errorf("rollback again: got %v, %v", e.Phase, err)
	}
}

func TestRollbackLeavesForeignChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	before := b.snapshot(touched())
	r, err := b.plan(twenty()).Apply(ctx, b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	foreign := map[Key]string{
		"net.core.somaxconn": "777", "net.ipv4.tcp_rmem": "4096\t87380\t6291456",
		keyRedirectsAll: "1", "net.ipv4.conf.lo.forwarding": "0",
	}
	for k, v := range foreign {
		b.set(k, v)
	}
	e, err := r.Rollback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := b.snapshot(touched())
	for k, v := range before {
		want := v
		if f, ok := foreign[k]; ok {
			want = f
		}
		if got[k] != want {
			t.Errorf("%s: got %q, want %q", k, got[k], want)
		}
	}
	for _, o := range e.Outcomes {
		if v, ok := foreign[o.Key]; ok && normalise(o.Key, v) != o.Original && o.Result != ResultForeign {
			t.Errorf("%s: got %+v, want it reported as foreign", o.Key, o)
		}
	}
}

// Writing the default of the interfaces changes those that nobody has set; undoing
// it changes them back, and leaves alone what somebody else has set meanwhile.
func TestInterfaceDefaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	const lo, def, all Key = "net.ipv4.conf.lo.rp_filter", "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.all.rp_filter"
	keys := []Key{lo, def, all, "net.ipv4.conf.lo.forwarding", "net.ipv4.conf.default.forwarding", keyForward, keyForwardAll, keyRedirectsAll}
	before := b.snapshot(keys)
	wants := []Want{
		{Key: def, Op: Exactly, Value: "2"},
		{Key: keyForward, Op: Exactly, Value: "1"},
		{Key: "net.ipv4.conf.default.forwarding", Op: Exactly, Value: "0"},
	}
	r, err := b.plan(wants).Apply(ctx, b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if b.raw(lo) != "2" || b.raw(all) != before[all] || b.raw(keyForward) != "1" || b.raw("net.ipv4.conf.default.forwarding") != "0" {
		t.Errorf("applied: got %v", b.snapshot(keys))
	}
	if _, err := r.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.snapshot(keys)); diff != "" {
		t.Errorf("after the rollback:\n%s", diff)
	}
	if r, err = b.plan(wants).Apply(ctx, b.journal, b.target, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	b.set(lo, "1")
	b.set("net.ipv4.conf.default.forwarding", "1")
	if _, err := r.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	want := before
	want[lo], want["net.ipv4.conf.default.forwarding"] = "1", "1"
	if diff := cmp.Diff(want, b.snapshot(keys)); diff != "" {
		t.Errorf("after the rollback with foreign values:\n%s", diff)
	}
}

func TestRollbackNamesTheLaterChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	first, err := b.plan([]Want{{Key: "net.core.somaxconn", Op: AtLeast, Value: "8192"}}).Apply(ctx, b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.plan([]Want{{Key: "net.core.somaxconn", Op: AtLeast, Value: "16384"}}).Apply(ctx, b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := first.Rollback(ctx)
	if err != nil || len(e.Outcomes) != 1 || !strings.Contains(e.Outcomes[0].Text, second.Entry.ID) {
		t.Errorf("got %+v, %v, want the later change %s named", e.Outcomes, err, second.Entry.ID)
	}
	if got := b.raw("net.core.somaxconn"); got != "16384" {
		t.Errorf("got %s, want 16384", got)
	}
}

// The kernel takes the beginning of a vector before it refuses the rest.
func TestHalfWrittenVectorIsUndone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const key = "net.ipv4.tcp_rmem"
	before := b.raw(key)
	for _, bad := range []string{"4096 87380 2147483648", "8192 87380 99999999999"} {
		// Validation would refuse it, so the plan is made by hand.
		p := Plan{Changes: []Change{
			{Key: "net.core.somaxconn", Before: b.raw("net.core.somaxconn"), After: "5000"},
			{Key: key, Before: normalise(key, before), After: bad},
		}}
		_, err := p.Apply(context.Background(), b.journal, b.target, ApplyOptions{})
		var undone *UndoneError
		var refused *KeyError
		if !errors.As(err, &undone) || !errors.As(err, &refused) || refused.Kind != FailedRefused {
			t.Fatalf("got %v, want the kernel's refusal and an undo", err)
		}
		if got := b.raw(key); got != before {
			t.Errorf("%s: got %q, want %q", key, got, before)
		}
		if got := b.raw("net.core.somaxconn"); got != "4096" {
			t.Errorf("somaxconn: got %q, want 4096", got)
		}
		if !strings.Contains(err.Error(), "nothing remains changed") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got message %q, want one line that says nothing remains changed", err)
		}
	}
}

func TestApplyRefusesStalePlan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.plan(twenty())
	b.set("net.ipv4.tcp_retries2", "9")
	if _, err := p.Apply(context.Background(), b.journal, b.target, ApplyOptions{}); !errors.Is(err, ErrStale) {
		t.Errorf("got %v, want ErrStale", err)
	}
	if all, err := b.journal.List(); err != nil || len(all) != 0 {
		t.Errorf("journal: got %v, %v, want it empty", all, err)
	}
}

func TestTicksAreRounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, err := b.plan([]Want{{Key: "net.ipv4.tcp_invalid_ratelimit", Op: Exactly, Value: "1501"}}).Apply(context.Background(), b.journal, b.target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1501 ms became %s", b.raw("net.ipv4.tcp_invalid_ratelimit"))
	if _, err := r.Rollback(context.Background()); err != nil || b.raw("net.ipv4.tcp_invalid_ratelimit") != "500" {
		t.Errorf("got %q, %v, want 500", b.raw("net.ipv4.tcp_invalid_ratelimit"), err)
	}
}

func TestSecretsStayInTheJournal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := Want{Key: "net.ipv4.tcp_fastopen_key", Op: Exactly, Value: "00000001-00000002-00000003-00000004"}
	if _, err := b.plan([]Want{want}).Apply(context.Background(), b.journal, b.target, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && path != b.dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want none for others", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
