//go:build !linux

package sockdiag

import (
	"context"
	"errors"
	"fmt"
)

// ShowsBound reports whether this kernel lists sockets that are bound without
// being connected. Only Linux has INET_DIAG.
func ShowsBound(context.Context) (bool, error) {
	return false, fmt.Errorf("sockdiag: probe: %w", errors.ErrUnsupported)
}
