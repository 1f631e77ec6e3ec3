package sysctl

import (
	"io"
	"os"
	"strings"
	"time"
)

// swapped is what came of one compare-and-write.
type swapped struct {
	found  string        // the value before the write, as the kernel showed it
	wrote  bool          // whether a write was tried
	window time.Duration // from the end of the reading to the end of the writing
}

// swap reads a parameter and, if decide says so, writes another value at once,
// through the same open file. The kernel offers no atomic exchange: a change that
// somebody makes within the window is overwritten (see the package's comment for
// how long that is).
func (d *Dir) swap(k Key, decide func(found string) bool, value string) (swapped, error) {
	path, err := k.Path()
	if err != nil {
		return swapped{}, err
	}
	f, err := d.root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return swapped{}, keyError(k, "write", err)
	}
	defer f.Close()
	data := []byte(value + "\n")
	raw, err := io.ReadAll(f)
	start := time.Now()
	if err != nil {
		return swapped{}, keyError(k, "read", err)
	}
	out := swapped{found: strings.TrimSuffix(string(raw), "\n")}
	if !decide(out.found) {
		return out, nil
	}
	out.wrote = true
	_, err = f.WriteAt(data, 0)
	out.window = time.Since(start)
	if err != nil {
		return out, keyError(k, "write", err)
	}
	// Files of procfs have size 0; those of an ordinary folder keep what was longer.
	if info, err := f.Stat(); err == nil && info.Size() > int64(len(data)) {
		return out, keyError(k, "write", f.Truncate(int64(len(data))))
	}
	return out, nil
}

// writable says why a parameter could not be written, without writing it.
func (d *Dir) writable(k Key) error {
	path, err := k.Path()
	if err != nil {
		return err
	}
	f, err := d.root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return keyError(k, "write", err)
	}
	return keyError(k, "write", f.Close())
}
