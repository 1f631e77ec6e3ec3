package conformance

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// kernelRelease is what `uname -r` and `uname -v` say.
func kernelRelease() (release, build string, err error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", "", fmt.Errorf("conformance: %w", os.NewSyscallError("uname", err))
	}
	return unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Version[:]), nil
}
