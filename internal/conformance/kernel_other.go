//go:build !linux

package conformance

import (
	"errors"
	"fmt"
)

func kernelRelease() (release, build string, err error) {
	return "", "", fmt.Errorf("conformance: %w", errors.ErrUnsupported)
}
