package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// bench is a namespace of its own with a journal of its own.
type bench struct {
	t       testing.TB
	ns      *netns.Handle
	tree    *Dir
	target  *Target
	journal *Journal
	dir     string
	env     []string // what guards and callers need to find the bench
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, ns: freshNetns(t), tree: openProc(t), dir: fastDir(t)}
	target, err := NewTarget(TargetOptions{Tree: b.tree, Namespace: b.ns, Name: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	if target.id.Cookie == 0 || target.id.Initial || target.id.BootID == "" {
		t.Fatalf("identity: got %+v, want a cookie in a namespace that is not the initial one", target.id)
	}
	b.target = target
	b.journal = b.newJournal(nil)
	return b
}

// fastDir returns a temporary folder in memory where there is one: the tests sync
// thousands of files.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tcpdoctor-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// newJournal is what a new process would open.
func (b *bench) newJournal(p performer) *Journal {
	return NewJournal(JournalOptions{Dir: b.dir, Command: "test", perform: p})
}

// find is a Finder for the one namespace of the bench.
func (b *bench) find(id Identity) (*Target, func(), error) {
	if id.Is(b.target.id) != nil {
		return nil, nil, nil
	}
	return b.target, nil, nil
}

func (b *bench) raw(k Key) string {
	b.t.Helper()
	var out string
	err := b.ns.Do(func() (err error) {
		out, err = b.tree.ReadRaw(k)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) set(k Key, value string) {
	b.t.Helper()
	if err := b.ns.Do(func() error { return b.tree.Write(k, value) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) snapshot(keys []Key) map[Key]string {
	b.t.Helper()
	out := map[Key]string{}
	for _, k := range keys {
		out[k] = b.raw(k)
	}
	return out
}

func (b *bench) plan(wants []Want) Plan {
	b.t.Helper()
	p, err := b.target.Plan(wants)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := p.Err(); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// twenty is a profile of twenty keys, one of which makes the kernel change others.
func twenty() []Want {
	var out []Want
	for line := range strings.SplitSeq(`net.core.somaxconn 8192
net.ipv4.tcp_fin_timeout 30
net.ipv4.tcp_rmem 4096 131072 67108864
net.ipv4.tcp_wmem 4096 16384 67108864
net.ipv4.tcp_keepalive_time 600
net.ipv4.tcp_keepalive_intvl 30
net.ipv4.tcp_keepalive_probes 5
net.ipv4.tcp_syn_retries 3
net.ipv4.tcp_synack_retries 3
net.ipv4.tcp_slow_start_after_idle 0
net.ipv4.tcp_notsent_lowat 131072
net.ipv4.tcp_mtu_probing 1
net.ipv4.tcp_tw_reuse 1
net.ipv4.tcp_retries2 8
net.ipv4.ip_local_port_range 16384 65535
net.ipv4.ip_local_reserved_ports 30000-32767
net.ipv4.ip_unprivileged_port_start 1000
net.ipv4.ip_forward 1
net.ipv4.conf.all.rp_filter 2
net.ipv4.tcp_max_tw_buckets 400000`, "\n") {
		key, value, _ := strings.Cut(line, " ")
		out = append(out, Want{Key: Key(key), Op: Exactly, Value: value, Lower: true, Reason: "twenty"})
	}
	return out
}

// touched are all keys that twenty changes, directly or not.
func touched() []Key {
	keys := []Key{"net.ipv4.conf.all.forwarding", "net.ipv4.conf.default.forwarding", "net.ipv4.conf.lo.forwarding", keyRedirectsAll}
	for _, w := range twenty() {
		keys = append(keys, w.Key)
	}
	slices.Sort(keys)
	return keys
}

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
