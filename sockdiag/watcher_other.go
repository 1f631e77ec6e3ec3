//go:build !linux

package sockdiag

import (
	"errors"
	"fmt"
)

// NewWatcher makes a watcher. Only Linux can be watched.
func NewWatcher(WatchOptions) (*Watcher, error) {
	return nil, fmt.Errorf("sockdiag: watch: %w", errors.ErrUnsupported)
}
