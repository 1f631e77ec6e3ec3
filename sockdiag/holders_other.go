//go:build !linux

package sockdiag

import (
	"context"
	"errors"
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Holders finds the processes that have the sockets of the given inodes open.
// Only Linux has INET_DIAG and with it inodes.
func Holders(context.Context, []uint32) ([]facts.Process, []facts.Gap, error) {
	return nil, nil, fmt.Errorf("sockdiag: holders: %w", errors.ErrUnsupported)
}
