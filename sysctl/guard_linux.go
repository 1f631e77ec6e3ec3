package sysctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// systemdRunning is the folder that exists where systemd runs the host
// (sd_booted(3)).
const systemdRunning = "/run/systemd/system"

// StartGuard returns the function for [ApplyOptions.Guard]: it starts a process
// that outlives the caller, its session and its terminal, and returns once that
// process stands guard. Under systemd it is a transient unit, so that it also
// outlives the caller's service or login session.
func StartGuard(j *Journal, o GuardOptions) func(context.Context, Entry) error {
	return func(ctx context.Context, e Entry) error {
		if o.Executable == "" {
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("sysctl: guard: %w", err)
			}
			o.Executable = exe
		}
		if err := os.MkdirAll(filepath.Dir(j.guardPath(e.ID)), 0o700); err != nil {
			return fmt.Errorf("sysctl: guard: %w", err)
		}
		run := o.SystemdRun
		if run == "" {
			if _, err := os.Stat(systemdRunning); err == nil {
				run, _ = exec.LookPath("systemd-run")
			}
		}
		if run != "" {
			unitErr := startUnit(ctx, run, o, e)
			if unitErr == nil {
				return j.awaitGuard(ctx, e.ID, o.Ready, nil)
			}
			// A container may show systemd's folder and not its manager.
			if err := j.startSession(ctx, o, e); err != nil {
				return errors.Join(unitErr, err)
			}
			return nil
		}
		return j.startSession(ctx, o, e)
	}
}

// startUnit starts the guard as a transient unit.
func startUnit(ctx context.Context, run string, o GuardOptions, e Entry) error {
	args := []string{
		"--quiet", "--collect", "--service-type=exec", "--unit=tcpdoctor-guard-" + e.ID,
		"--description=undo of change " + e.ID + " unless it is confirmed", "--", o.Executable,
	}
	cmd := exec.CommandContext(ctx, run, append(args, o.Args(e)...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sysctl: guard: %s: %w: %s", run, err, bytes.TrimSpace(out))
	}
	return nil
}

// startSession starts the guard in a session of its own, without the caller's
// terminal, folder or output.
func (j *Journal) startSession(ctx context.Context, o GuardOptions, e Entry) error {
	// Not CommandContext: the guard must not end with the caller's context.
	cmd := exec.Command(o.Executable, o.Args(e)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("sysctl: guard: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return j.awaitGuard(ctx, e.ID, o.Ready, ended)
}

// awaitGuard waits until the guard stands, or has ended.
func (j *Journal) awaitGuard(ctx context.Context, id string, limit time.Duration, ended <-chan error) error {
	if limit == 0 {
		limit = 10 * time.Second
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if j.GuardPID(id) != 0 {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("sysctl: guard: it ended at once: %v", err) //nolint:errorlint // nil where its exit code was 0
		case <-ctx.Done():
			return fmt.Errorf("sysctl: guard: %w", ctx.Err())
		case <-deadline.C:
			return fmt.Errorf("sysctl: guard: not ready after %v", limit)
		case <-tick.C:
		}
	}
}

// takeGuard marks this process as the guard of a change.
func (j *Journal) takeGuard(id string) (func(), error) {
	path := j.guardPath(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("sysctl: guard: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sysctl: guard: %w", err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("sysctl: guard: another process stands guard over change %s: %w", id, err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("sysctl: guard: %w", err)
	}
	return func() {
		_ = os.Remove(path)
		_ = f.Close()
	}, nil
}

// GuardPID returns the process that stands guard over a change, and 0 when none
// does. The kernel drops a guard's lock with its process, and is asked for the lock
// without taking it.
func (j *Journal) GuardPID(id string) int {
	f, err := os.OpenFile(j.guardPath(id), os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return 0
	}
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(string(b[:n]))
	return pid
}
