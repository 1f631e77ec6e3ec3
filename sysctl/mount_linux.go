package sysctl

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ReadOnly says whether the tree is mounted read-only, as it is in most
// containers. Parts of it may be writable all the same.
func (d *Dir) ReadOnly() (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return false, fmt.Errorf("sysctl: %s: %w", d.path, err)
	}
	return st.Flags&unix.ST_RDONLY != 0, nil
}
