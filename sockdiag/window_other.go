//go:build !linux

package sockdiag

import (
	"context"
	"errors"
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Collect takes a window. Only Linux can be sampled; recordings taken there are
// judged anywhere.
func Collect(context.Context, Options) (facts.Window, error) {
	return facts.Window{}, fmt.Errorf("sockdiag: collect: %w", errors.ErrUnsupported)
}
