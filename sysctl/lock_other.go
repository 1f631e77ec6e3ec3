//go:build !linux

package sysctl

import (
	"context"
	"errors"
	"fmt"
)

func (j *Journal) lock(context.Context) (func(), error) {
	return nil, fmt.Errorf("sysctl: lock: %w", errors.ErrUnsupported)
}
