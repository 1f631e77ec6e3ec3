package sysctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// saboteur is the performer that fails: it calls a function before and after each
// step, and what that returns takes the place of the step's own result.
type saboteur struct {
	count  atomic.Int64
	before func(n int64, kind stepKind, target string) error
	after  func(n int64, kind stepKind, target string, err error) error
}

func (s *saboteur) perform(kind stepKind, target string, do func() error) error {
	n := s.count.Add(1)
	if s.before != nil {
		if err := s.before(n, kind, target); err != nil {
			return err
		}
	}
	err := do()
	if s.after != nil {
		err = s.after(n, kind, target, err)
	}
	return err
}

var errInjected = errors.New("injected")

// steps counts the steps of an apply of twenty keys with a file, in a state folder
// that has been used before.
func (b *bench) steps() int64 {
	b.t.Helper()
	if err := b.journal.prepare(); err != nil {
		b.t.Fatal(err)
	}
	s := &saboteur{}
	r, err := b.plan(twenty()).Apply(context.Background(), b.newJournal(s), b.target, ApplyOptions{File: b.confFile()})
	if err != nil {
		b.t.Fatal(err)
	}
	n := s.count.Load()
	if _, err := r.Rollback(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// confFile is a configuration file that a change makes or replaces.
func (b *bench) confFile() *FileChange {
	path, after := b.dir+"/90-test.conf", "net.core.somaxconn = 8192\n"
	before, err := readText(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return &FileChange{Path: path, Before: before, After: &after}
}

// checkRestored makes sure that nothing is changed and nothing is left open, after
// what the next run does.
func (b *bench) checkRestored(what string, before map[Key]string) {
	b.t.Helper()
	recovered, err := b.journal.Recover(context.Background(), b.find)
	if err != nil {
		b.t.Errorf("%s: recover: %v", what, err)
	}
	for _, r := range recovered {
		if r.Err != nil {
			b.t.Errorf("%s: recover: %v", what, r.Err)
		}
	}
	if diff := cmp.Diff(before, b.snapshot(slices.Collect(maps.Keys(before)))); diff != "" {
		b.t.Errorf("%s:\n%s", what, diff)
	}
	if text, err := readText(b.dir + "/90-test.conf"); err != nil || text != nil {
		b.t.Errorf("%s: the file is still there: %v", what, err)
	}
	all, err := b.journal.List()
	if err != nil {
		b.t.Errorf("%s: %v", what, err)
	}
	for _, e := range all {
		if e.Phase.Open() {
			b.t.Errorf("%s: change %s is still %s", what, e.ID, e.Phase)
		}
	}
}

// A failure of any step, once or from then on, before it is done or after, leaves
// nothing changed.
func TestFailureAtEveryStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.snapshot(touched())
	total := b.steps()
	if total < 30 {
		t.Fatalf("got %d steps, want at least 30", total)
	}
	t.Logf("%d steps", total)
	for at := int64(1); at <= total; at++ {
		for _, late := range []bool{false, true} {
			for _, forever := range []bool{false, true} {
				hit := func(n int64, kind stepKind) bool {
					// A failure that stays hits the disk; parameters can still be restored.
					return n == at || forever && n > at && kind != stepWrite
				}
				s := &saboteur{}
				if late {
					s.after = func(n int64, kind stepKind, _ string, err error) error {
						if hit(n, kind) {
							return errors.Join(err, errInjected)
						}
						return err
					}
				} else {
					s.before = func(n int64, kind stepKind, _ string) error {
						if hit(n, kind) {
							return errInjected
						}
						return nil
					}
				}
				what := fmt.Sprintf("step %d, late %v, forever %v", at, late, forever)
				r, err := b.plan(twenty()).Apply(context.Background(), b.newJournal(s), b.target, ApplyOptions{File: b.confFile()})
				if err == nil && errors.Is(r.Warning, errInjected) && at >= total-1 {
					// The last record is in its place, only the report of that failed.
					_, _ = r.Rollback(context.Background()) // may hit the fault again; the journal has the last word
					if again, getErr := b.journal.Get(r.Entry.ID); getErr == nil && again.Phase == PhaseApplied {
						_, getErr = b.journal.Rollback(context.Background(), r.Entry.ID, b.target)
						if getErr != nil {
							t.Errorf("%s: %v", what, getErr)
						}
					}
				} else if !errors.Is(err, errInjected) {
					t.Fatalf("%s: got %v, want the injected failure", what, err)
				}
				b.checkRestored(what, before)
			}
		}
	}
}

// childPlan is what a process that is going to die is told by its environment.
const (
	childEnv   = "TCPDOCTOR_TEST_CHILD"
	childNetns = "TCPDOCTOR_TEST_NETNS"
	childDir   = "TCPDOCTOR_TEST_DIR"
	childStep  = "TCPDOCTOR_TEST_STEP"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		if err := runChild(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild applies twenty keys, or rolls them back, and is killed on the way.
func runChild(mode string) error {
	if mode == "try" {
		return tryChild()
	}
	h, err := netns.Open(os.Getenv(childNetns))
	if err != nil {
		return err
	}
	tree, err := OpenDir("")
	if err != nil {
		return err
	}
	target, err := NewTarget(TargetOptions{Tree: tree, Namespace: h})
	if err != nil {
		return err
	}
	step, err := strconv.ParseInt(os.Getenv(childStep), 10, 64)
	if err != nil {
		return err
	}
	die := func(n int64) {
		if n == step || n == -step {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	s := &saboteur{
		before: func(n int64, _ stepKind, _ string) error { die(n); return nil },
		after:  func(n int64, _ stepKind, _ string, err error) error { die(-n); return err },
	}
	if step > 0 {
		s.after = nil
	} else {
		s.before = nil
	}
	j := NewJournal(JournalOptions{Dir: os.Getenv(childDir), Command: "child", perform: s})
	switch mode {
	case "apply":
		p, err := target.Plan(twenty())
		if err != nil {
			return err
		}
		path, after := os.Getenv(childDir)+"/90-test.conf", "net.core.somaxconn = 8192\n"
		_, err = p.Apply(context.Background(), j, target, ApplyOptions{Title: "child", File: &FileChange{Path: path, After: &after}})
		return err
	case "rollback":
		all, err := j.List()
		if err != nil || len(all) == 0 {
			return fmt.Errorf("journal: %v, %w", all, err)
		}
		_, err = j.Rollback(context.Background(), all[len(all)-1].ID, target)
		return err
	}
	return runGuardChild(mode, j, target)
}

// child starts a process that is to die at a step, before it is done when step is
// positive, after it when negative, and says whether it was killed.
func (b *bench) child(mode string, step int64) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	ns, file := b.nsPath()
	defer file.Close()
	cmd.ExtraFiles = []*os.File{file}
	cmd.Env = append(os.Environ(), childEnv+"="+mode, childNetns+"="+ns, childDir+"="+b.dir, childStep+"="+strconv.FormatInt(step, 10))
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		b.t.Fatalf("%s, step %d: %v: %s", mode, step, err, out)
	}
	return false
}

// nsPath returns an open file of the namespace and the path under which a child
// finds it.
func (b *bench) nsPath() (string, *os.File) {
	b.t.Helper()
	var f *os.File
	err := b.ns.Do(func() (err error) {
		f, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return "/proc/self/fd/3", f
}

// A process killed at every write, fsync and rename of an apply leaves each key as
// it was or as wanted, and the next run puts everything back.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.snapshot(touched())
	wanted := map[Key]string{}
	for _, w := range twenty() {
		wanted[w.Key] = w.Value
	}
	total := b.steps()
	killed := 0
	for n := int64(1); n <= total; n++ {
		for _, step := range []int64{n, -n} {
			if !b.child("apply", step) {
				t.Fatalf("step %d: the process was not killed", step)
			}
			killed++
			what := fmt.Sprintf("killed at step %d of an apply", step)
			b.checkOldOrNew(what, before, wanted)
			b.checkRestored(what, before)
			b.forget()
		}
	}
	t.Logf("%d kills over %d steps", killed, total)
}

// checkOldOrNew makes sure that every key is as it was or as wanted, and that the
// journal knows of it when it is not as it was.
func (b *bench) checkOldOrNew(what string, before map[Key]string, wanted map[Key]string) {
	b.t.Helper()
	all, err := b.journal.List()
	if err != nil || len(all) > 1 {
		b.t.Fatalf("%s: journal: %v, %v", what, all, err)
	}
	if len(all) == 1 && all[0].Phase == PhaseApplied {
		// Killed after the last record: the change is complete.
		for k, v := range wanted {
			if got := normalise(k, b.raw(k)); got != v {
				b.t.Errorf("%s: recorded as applied, but %s is %q", what, k, got)
			}
		}
		if _, err := b.journal.Rollback(context.Background(), all[0].ID, b.target); err != nil {
			b.t.Errorf("%s: %v", what, err)
		}
		return
	}
	for k, old := range before {
		got := b.raw(k)
		if got == old {
			continue
		}
		if len(all) == 0 {
			b.t.Errorf("%s: %s is %q and the journal knows nothing", what, k, got)
			continue
		}
		r, ok := all[0].row(k)
		if !ok || !r.isLeftover(got) || !r.SideEffect && normalise(k, got) != wanted[k] && !slices.Contains(r.Via, normalise(k, got)) {
			b.t.Errorf("%s: %s is %q, neither old nor new", what, k, got)
		}
	}
}

// forget empties the journal.
func (b *bench) forget() {
	b.t.Helper()
	if err := b.journal.Prune(context.Background(), 0); err != nil {
		b.t.Fatal(err)
	}
	if all, err := b.journal.List(); err != nil || len(all) != 0 {
		b.t.Fatalf("journal: %v, %v", all, err)
	}
}

// A process killed at every step of a rollback leaves what the next run completes.
func TestKilledDuringRollback(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.set("net.ipv4.conf.lo.forwarding", "1")
	before := b.snapshot(touched())
	for n := int64(1); ; n++ {
		dead := false
		for _, step := range []int64{n, -n} {
			if _, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			if b.child("rollback", step) {
				dead = true
			}
			what := fmt.Sprintf("killed at step %d of a rollback", step)
			all, err := b.journal.List()
			if err != nil || len(all) != 1 {
				t.Fatalf("%s: journal: %v, %v", what, all, err)
			}
			if all[0].Phase == PhaseApplied {
				// Killed before the first record: still in force, and can be undone.
				if _, err := b.journal.Rollback(context.Background(), all[0].ID, b.target); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			b.checkRestored(what, before)
			b.forget()
		}
		if !dead {
			t.Logf("%d steps", n-1)
			return
		}
	}
}
