//go:build !linux

package sysctl

import (
	"context"
	"errors"
	"fmt"
)

// StartGuard is only possible on Linux.
func StartGuard(*Journal, GuardOptions) func(context.Context, Entry) error {
	return func(context.Context, Entry) error {
		return fmt.Errorf("sysctl: start a guard: %w", errors.ErrUnsupported)
	}
}

func (j *Journal) takeGuard(string) (func(), error) {
	return nil, fmt.Errorf("sysctl: stand guard: %w", errors.ErrUnsupported)
}

// GuardPID returns 0: there are no guards.
func (j *Journal) GuardPID(string) int { return 0 }
