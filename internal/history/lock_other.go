//go:build !linux

package history

import (
	"errors"
	"fmt"
	"os"
)

// acquire is not needed where the agent does not run.
func acquire(path string) (*os.File, error) {
	return nil, fmt.Errorf("lock %s: %w on this platform", path, errors.ErrUnsupported)
}

// releaseLock gives the lock up.
func releaseLock(f *os.File) error { return f.Close() }
