package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// acquire locks a file for this process until it is closed or the process ends,
// and notes in it who has the lock.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		held := &LockedError{Path: path}
		if b, err := os.ReadFile(path); err == nil {
			held.PID, _ = strconv.Atoi(string(bytes.TrimSpace(b))) // 0 where it is not noted yet
		}
		_ = f.Close()
		return nil, held
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// On a full disk the note is missing; the lock holds all the same.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
	return f, nil
}

// releaseLock gives the lock up for good. Closing the file would leave it with a
// process that is being started at this very moment, until that has begun.
func releaseLock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
