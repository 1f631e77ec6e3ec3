package sysctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// holder is what the lock file says about the process that holds the lock.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// lockRetry is how often a held lock is tried again.
const lockRetry = 20 * time.Millisecond

// lock makes this process the only one that changes parameters through this
// journal, until the function returned is called. The kernel releases the lock
// when the process dies. The error is a [*LockedError] when another one holds it.
func (j *Journal) lock(ctx context.Context) (func(), error) {
	if err := j.prepare(); err != nil {
		return nil, err
	}
	path := filepath.Join(j.o.Dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sysctl: lock: %w", err)
	}
	deadline := time.Now().Add(j.o.LockWait)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || !time.Now().Before(deadline) {
			_ = f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, lockedBy(path)
			}
			return nil, fmt.Errorf("sysctl: lock: %w", err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("sysctl: lock: %w", ctx.Err())
		case <-time.After(lockRetry):
		}
	}
	// Who holds it is for people: a failure to say so changes nothing.
	if b, err := json.Marshal(holder{os.Getpid(), j.o.Command, time.Now().UTC()}); err == nil {
		_ = f.Truncate(0)
		_, _ = f.WriteAt(b, 0)
	}
	return func() {
		_ = f.Truncate(0)
		// Closing alone would not do: a child between fork and exec still holds a
		// duplicate of the descriptor, and with it the lock.
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
		_ = f.Close()
	}, nil
}

// lockedBy reads who holds the lock.
func lockedBy(path string) error {
	out := &LockedError{Path: path}
	var h holder
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &h) == nil {
		out.PID, out.Command, out.Since = h.PID, h.Command, h.Since
	}
	return out
}
