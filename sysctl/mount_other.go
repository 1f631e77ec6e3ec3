//go:build !linux

package sysctl

import (
	"errors"
	"fmt"
)

// ReadOnly is only known on Linux.
func (d *Dir) ReadOnly() (bool, error) {
	return false, fmt.Errorf("sysctl: %s: %w", d.path, errors.ErrUnsupported)
}
