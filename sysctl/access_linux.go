package sysctl

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// accessWrite says why a folder cannot be written, without writing it.
func accessWrite(dir string) error {
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return &fs.PathError{Op: "write", Path: dir, Err: err}
	}
	return nil
}
