//go:build !linux

package sysctl

import (
	"errors"
	"fmt"
)

func currentBoot() string { return "" }

// FindTarget is only possible on Linux.
func FindTarget(*Dir) Finder {
	return func(Identity) (*Target, func(), error) {
		return nil, nil, fmt.Errorf("sysctl: find a namespace: %w", errors.ErrUnsupported)
	}
}
