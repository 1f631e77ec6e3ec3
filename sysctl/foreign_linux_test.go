package sysctl

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// interleaving is one run with a foreign writer that strikes before random steps.
type interleaving struct {
	b       *bench
	rng     *rand.Rand
	foreign map[Key]string // what the foreign writer last wrote
	strikes int
}

// foreignValues are values that nobody else in the test writes.
var foreignValues = map[Key][]string{
	"net.core.somaxconn":                 {"601", "602", "603"},
	"net.ipv4.tcp_fin_timeout":           {"601", "602", "603"},
	"net.ipv4.tcp_rmem":                  {"4096\t601\t999999", "5000\t602\t888888", "6000\t131072\t33554432"},
	"net.ipv4.ip_local_port_range":       {"20001\t30000", "20003\t40000"},
	"net.ipv4.ip_local_reserved_ports":   {"601", "602-603"},
	"net.ipv4.tcp_keepalive_time":        {"601", "602", "603"},
	"net.ipv4.tcp_slow_start_after_idle": {"61", "62"},
}

// strike lets the foreign writer write one key.
func (i *interleaving) strike() {
	keys := make([]Key, 0, len(foreignValues))
	for k := range foreignValues {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	k := keys[i.rng.IntN(len(keys))]
	v := foreignValues[k][i.rng.IntN(len(foreignValues[k]))]
	// Called from within the step, so already in the namespace or not: enter it.
	if err := i.b.ns.Do(func() error { return i.b.tree.Write(k, v) }); err != nil {
		i.b.t.Fatal(err)
	}
	i.foreign[k] = v
	i.strikes++
}

// No change that a foreign writer makes before the final comparison of a key is
// ever overwritten, in 1,000 random interleavings of apply, failure and rollback.
func TestForeignWriterIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var wants []Want
	for _, w := range twenty() {
		if _, ok := foreignValues[w.Key]; ok {
			wants = append(wants, w)
		}
	}
	keys := make([]Key, 0, len(wants))
	for _, w := range wants {
		keys = append(keys, w.Key)
	}
	before := b.snapshot(keys)
	rng := rand.New(rand.NewPCG(1, 2))
	strikes, refused, undone := 0, 0, 0
	for run := range 1000 {
		i := &interleaving{b: b, rng: rng, foreign: map[Key]string{}}
		applied := i.run(run, wants)
		if applied {
			undone++
		} else {
			refused++
		}
		strikes += i.strikes
		for _, k := range keys {
			want := before[k]
			if f, ok := i.foreign[k]; ok {
				want = f
			}
			if got := b.raw(k); got != want {
				t.Fatalf("run %d: %s: got %q, want %q (foreign: %v)", run, k, got, want, i.foreign)
			}
			b.set(k, before[k])
		}
		b.forget()
	}
	t.Logf("1000 interleavings, %d foreign writes, %d applied and rolled back, %d stopped", strikes, undone, refused)
	if strikes < 500 || undone < 50 || refused < 50 {
		t.Error("the interleavings are too tame")
	}
}

// run applies and rolls back with strikes and perhaps a failure in between, and
// says whether the change came to be applied.
func (i *interleaving) run(number int, wants []Want) bool {
	t, b := i.b.t, i.b
	t.Helper()
	chance := i.rng.Float64() * 0.2
	fail := int64(i.rng.IntN(60))
	j := b.newJournal(&saboteur{before: func(n int64, kind stepKind, _ string) error {
		if i.rng.Float64() < chance {
			i.strike()
		}
		if n == fail && kind == stepWrite {
			return errInjected
		}
		return nil
	}})
	r, err := b.plan(wants).Apply(context.Background(), j, b.target, ApplyOptions{})
	if err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, errInjected) {
		t.Fatalf("run %d: %v", number, err)
	}
	applied := err == nil
	if applied {
		if _, err := r.Rollback(context.Background()); err != nil && !strings.Contains(err.Error(), errInjected.Error()) {
			t.Fatalf("run %d: rollback: %v", number, err)
		}
	}
	if _, err := b.journal.Recover(context.Background(), b.find); err != nil {
		t.Fatalf("run %d: recover: %v", number, err)
	}
	return applied
}

// The time in which a foreign write could be overwritten unnoticed.
func TestWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var windows []int64
	for range 50 {
		r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Rollback(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range e.Outcomes {
			if o.WindowNanos > 0 {
				windows = append(windows, o.WindowNanos)
			}
		}
	}
	slices.Sort(windows)
	at := func(q float64) time.Duration { return time.Duration(windows[int(q*float64(len(windows)-1))]) }
	t.Logf("window over %d undone writes: median %v, 99 %% %v, longest %v", len(windows), at(0.5), at(0.99), at(1))
	if len(windows) < 1000 || at(0.5) > 5*time.Millisecond {
		t.Errorf("got %d windows, median %v", len(windows), at(0.5))
	}
}
