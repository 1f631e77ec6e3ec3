//go:build !linux

package sockdiag

import (
	"errors"
	"fmt"
)

// Dial opens a conversation with the kernel. Only Linux has INET_DIAG.
func Dial() (*Conn, error) {
	return nil, fmt.Errorf("sockdiag: dial: %w", errors.ErrUnsupported)
}
