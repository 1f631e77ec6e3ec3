//go:build !linux

package sysctl

import (
	"errors"
	"fmt"
)

// HostEnv is only possible on Linux.
func HostEnv(*Dir) (Env, error) {
	return Env{}, fmt.Errorf("sysctl: read the kernel's release: %w", errors.ErrUnsupported)
}
