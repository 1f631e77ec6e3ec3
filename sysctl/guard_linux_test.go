package sysctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

const childWithin = "TCPDOCTOR_TEST_WITHIN"

// fixed is a Finder for one target.
func fixed(t *Target) Finder {
	return func(id Identity) (*Target, func(), error) {
		if id.Is(t.id) != nil {
			return nil, nil, nil
		}
		return t, nil, nil
	}
}

// runGuardChild is a process that stands guard, or one that applies under guard.
func runGuardChild(mode string, j *Journal, target *Target) error {
	within, err := time.ParseDuration(os.Getenv(childWithin))
	if err != nil {
		return err
	}
	switch id, isGuard := strings.CutPrefix(mode, "guard "); {
	case isGuard:
		_, err := j.RunGuard(context.Background(), id, fixed(target))
		return err
	case mode == "guarded":
		p, err := target.Plan(twenty())
		if err != nil {
			return err
		}
		_, err = p.Apply(context.Background(), j, target, ApplyOptions{ConfirmWithin: within, Guard: guardFromTest(j)})
		if err != nil {
			return err
		}
		// The caller dies without a word.
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return fmt.Errorf("no such child: %s", mode)
}

// guardFromTest starts guards that are this test program. The child learns what to
// do from its environment, which a guard inherits; env(1) sets what differs.
func guardFromTest(j *Journal) func(context.Context, Entry) error {
	return StartGuard(j, GuardOptions{Executable: "/usr/bin/env", Args: guardArgs})
}

func guardArgs(e Entry) []string {
	exe, err := os.Executable()
	if err != nil {
		return []string{"false"}
	}
	return []string{childEnv + "=guard " + e.ID, childStep + "=0", exe}
}

// guardBench is a bench whose guards can find its namespace.
func guardBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	_, file := b.nsPath()
	t.Cleanup(func() { _ = file.Close() })
	b.env = []string{
		childNetns + "=" + fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), childDir + "=" + b.dir, childWithin + "=1500ms",
	}
	return b
}

// guard starts a guard with the environment of the bench.
func (b *bench) guard() func(context.Context, Entry) error {
	return StartGuard(b.journal, GuardOptions{Executable: "/usr/bin/env", Args: func(e Entry) []string {
		return append(append([]string{}, b.env...), guardArgs(e)...)
	}})
}

// await polls a condition with a deadline.
func await(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

func (b *bench) phase(id string) Phase {
	e, err := b.journal.Get(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return e.Phase
}

func TestConfirmedChangeStays(t *testing.T) {
	t.Parallel()
	b := guardBench(t)
	ctx := context.Background()
	file := b.confFile()
	r, err := b.plan(twenty()).Apply(ctx, b.journal, b.target, ApplyOptions{ConfirmWithin: time.Minute, Guard: b.guard(), File: file})
	if err != nil {
		t.Fatal(err)
	}
	pid := b.journal.GuardPID(r.Entry.ID)
	if r.Entry.Phase != PhasePending || pid == 0 {
		t.Fatalf("got %v with guard %d, want it pending and guarded", r.Entry.Phase, pid)
	}
	if session, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || !strings.Contains(string(session), fmt.Sprintf(" %d %d ", pid, pid)) {
		t.Errorf("the guard is not in a session of its own: %s, %v", session, err)
	}
	if text, err := readText(file.Path); err != nil || text != nil {
		t.Errorf("the file is written before the confirmation: %v", err)
	}
	for range 2 {
		if e, err := b.journal.Confirm(ctx, r.Entry.ID); err != nil || e.Phase != PhaseApplied {
			t.Fatalf("confirm: got %v, %v", e.Phase, err)
		}
	}
	if text, err := readText(file.Path); err != nil || !sameText(text, file.After) {
		t.Errorf("the file is not written at confirmation: %v", err)
	}
	await(t, "the guard ends", 10*time.Second, func() bool { return b.journal.GuardPID(r.Entry.ID) == 0 })
	if got := b.raw("net.core.somaxconn"); got != "8192" {
		t.Errorf("got %s, want 8192", got)
	}
	if _, err := r.Rollback(ctx); err != nil {
		t.Error(err)
	}
	if text, err := readText(file.Path); err != nil || text != nil {
		t.Errorf("the file is still there after the rollback: %v", err)
	}
}

func TestUnconfirmedChangeIsUndone(t *testing.T) {
	t.Parallel()
	b := guardBench(t)
	before := b.snapshot(touched())
	r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{ConfirmWithin: 1200 * time.Millisecond, Guard: b.guard()})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.raw("net.core.somaxconn"); got != "8192" {
		t.Errorf("got %s, want the change in force until its deadline", got)
	}
	await(t, "the change is undone", 20*time.Second, func() bool { return b.phase(r.Entry.ID) == PhaseUndone })
	b.checkRestored("unconfirmed", before)
	if e, err := b.journal.Confirm(context.Background(), r.Entry.ID); err == nil {
		t.Errorf("confirmed after it was undone: %v", e.Phase)
	}
}

// The caller is killed after the change: its guard undoes it all the same.
func TestGuardOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	b := guardBench(t)
	before := b.snapshot(touched())
	if !b.childWith("guarded", 0) {
		t.Fatal("the caller was not killed")
	}
	all, err := b.journal.List()
	if err != nil || len(all) != 1 || all[0].Phase != PhasePending {
		t.Fatalf("got %+v, %v, want one pending change", all, err)
	}
	await(t, "the change is undone", 20*time.Second, func() bool { return b.phase(all[0].ID) == PhaseUndone })
	b.checkRestored("caller killed", before)
}

// The caller is killed in the middle of the writes: its guard undoes them at once,
// long before the deadline.
func TestGuardUndoesAnInterruptedApply(t *testing.T) {
	t.Parallel()
	b := guardBench(t)
	b.env = append(b.env, childWithin+"=10m")
	before := b.snapshot(touched())
	if !b.childWith("guarded", 14) {
		t.Fatal("the caller was not killed")
	}
	all, err := b.journal.List()
	if err != nil || len(all) != 1 {
		t.Fatalf("got %+v, %v, want one change", all, err)
	}
	await(t, "the change is undone", 20*time.Second, func() bool { return b.phase(all[0].ID) == PhaseUndone })
	b.checkRestored("caller killed while writing", before)
}

// childWith runs a child with the environment of the bench and says whether it was
// killed.
func (b *bench) childWith(mode string, step int64) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(append(os.Environ(), b.env...), childEnv+"="+mode, fmt.Sprintf("%s=%d", childStep, step))
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status, ok := exit.Sys().(syscall.WaitStatus)
		return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return false
}

func TestApplyWithoutGuardChangesNothing(t *testing.T) {
	t.Parallel()
	b := guardBench(t)
	before := b.snapshot(touched())
	dead := StartGuard(b.journal, GuardOptions{Executable: "/bin/false", Args: func(Entry) []string { return nil }})
	missing := StartGuard(b.journal, GuardOptions{Executable: "/nonexistent", Args: func(Entry) []string { return nil }})
	for name, guard := range map[string]func(context.Context, Entry) error{"none": nil, "dead": dead, "missing": missing} {
		_, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{ConfirmWithin: time.Minute, Guard: guard})
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want an error in one line", name, err)
		}
		b.checkRestored(name, before)
		if all, err := b.journal.List(); err != nil || len(all) != 0 {
			t.Errorf("%s: journal: %v, %v, want it empty", name, all, err)
		}
	}
}

// Where systemd runs, the guard is a transient unit; where its manager does not
// answer, a session of its own does.
func TestGuardUnderSystemd(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, first string }{
		{"manager answers", "#!/bin/sh\necho \"$@\" >\"$0.log\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nsetsid \"$@\" </dev/null >/dev/null 2>&1 &\n", "--quiet --collect --service-type=exec --unit=tcpdoctor-guard-"},
		{"manager does not answer", "#!/bin/sh\necho \"$@\" >\"$0.log\"\necho 'Failed to connect to bus' >&2\nexit 1\n", "--quiet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := guardBench(t)
			script := filepath.Join(t.TempDir(), "systemd-run")
			if err := os.WriteFile(script, []byte(tt.script), 0o755); err != nil {
				t.Fatal(err)
			}
			guard := StartGuard(b.journal, GuardOptions{Executable: "/usr/bin/env", SystemdRun: script, Args: func(e Entry) []string {
				return append(append([]string{}, b.env...), guardArgs(e)...)
			}})
			r, err := b.plan(twenty()).Apply(context.Background(), b.journal, b.target, ApplyOptions{ConfirmWithin: time.Minute, Guard: guard})
			if err != nil {
				t.Fatal(err)
			}
			if log, err := os.ReadFile(script + ".log"); err != nil || !strings.HasPrefix(string(log), tt.first) || !strings.Contains(string(log), r.Entry.ID) {
				t.Errorf("got arguments %q, %v", log, err)
			}
			if b.journal.GuardPID(r.Entry.ID) == 0 {
				t.Error("no guard")
			}
			if _, err := r.Rollback(context.Background()); err != nil {
				t.Error(err)
			}
			await(t, "the guard ends", 10*time.Second, func() bool { return b.journal.GuardPID(r.Entry.ID) == 0 })
		})
	}
}

// With the guard dead as well, the next run undoes a change whose deadline has
// passed, and a confirmation comes too late.
func TestNextRunUndoesAfterTheDeadline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.snapshot(touched())
	now := time.Unix(1_800_000_000, 0)
	j := NewJournal(JournalOptions{Dir: b.dir, Now: func() time.Time { return now }})
	none := func(context.Context, Entry) error { return nil }
	r, err := b.plan(twenty()).Apply(context.Background(), j, b.target, ApplyOptions{ConfirmWithin: time.Minute, Guard: none})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := j.Recover(context.Background(), b.find); err != nil || len(got) != 0 {
		t.Errorf("before the deadline: got %v, %v, want nothing done", got, err)
	}
	now = now.Add(time.Minute)
	if _, err := j.Confirm(context.Background(), r.Entry.ID); !errors.Is(err, ErrTooLate) {
		t.Errorf("got %v, want ErrTooLate", err)
	}
	got, err := j.Recover(context.Background(), b.find)
	if err != nil || len(got) != 1 || got[0].Entry.Phase != PhaseUndone || got[0].Entry.Failure != "not confirmed in time" {
		t.Errorf("after the deadline: got %+v, %v", got, err)
	}
	b.checkRestored("after the deadline", before)
}

// A namespace that only a process keeps alive is found by its identity.
func TestFindTarget(t *testing.T) {
	t.Parallel()
	tree := openProc(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	h, err := netns.Open(fmt.Sprint(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	want, err := NewTarget(TargetOptions{Tree: tree, Namespace: h})
	if err != nil {
		t.Fatal(err)
	}
	find := FindTarget(tree)
	got, release, err := find(want.Identity())
	if err != nil || got == nil || got.Identity().Cookie != want.Identity().Cookie {
		t.Fatalf("got %+v, %v", got, err)
	}
	release()
	self, err := netns.Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	initial, err := NewTarget(TargetOptions{Tree: tree, Namespace: self})
	if err != nil {
		t.Fatal(err)
	}
	if got, release, err := find(initial.Identity()); err != nil || got == nil || got.Identity().Initial != initial.Identity().Initial {
		t.Errorf("own namespace: got %+v, %v", got, err)
	} else {
		release()
	}
	nobody := want.Identity()
	nobody.Cookie = 1 << 60
	if got, _, err := find(nobody); got != nil || err != nil {
		t.Errorf("got %+v, %v, want none", got, err)
	}
}
