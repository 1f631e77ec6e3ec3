package sockdiag

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

func TestKeptFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other, none := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "none")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "first")
	write(other, "other")
	budget := new(atomic.Int64)
	budget.Store(1)
	k := &keptFiles{budget: budget}
	read := func(path string, inside bool) (string, error) {
		b, err := k.append(make([]byte, 0, 2), path, inside)
		return string(b), err
	}
	if _, err := read(path, false); !errors.Is(err, errNotOpen) {
		t.Errorf("outside: got %v, want that it is not open", err)
	}
	if _, err := read(none, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
	if got, err := read(path, true); got != "first" || err != nil {
		t.Errorf("got %q and %v", got, err)
	}
	k.settle()
	if !k.complete() {
		t.Error("not complete although all is open")
	}
	write(path, "second")
	write(none, "now")
	if got, err := read(path, false); got != "second" || err != nil {
		t.Errorf("outside: got %q and %v", got, err)
	}
	if _, err := read(none, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist until it is looked for again", err)
	}
	k.lookAgain()
	if got, err := read(none, true); got != "now" || err != nil || k.complete() {
		t.Errorf("got %q and %v", got, err)
	}
	// There is room for one only: the other is read, and the namespace entered for
	// it every time.
	if got, err := read(other, true); got != "other" || err != nil {
		t.Errorf("got %q and %v", got, err)
	}
	if k.settle(); k.complete() {
		t.Error("complete although one was not kept")
	}
	k.close()
	if budget.Load() != 1 {
		t.Errorf("got a budget of %d after the end, want 1", budget.Load())
	}
	if _, err := read(path, true); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v after the end", err)
	}
	var nothing *keptFiles
	if nothing.settle(); nothing.complete() {
		t.Error("one that keeps nothing is complete")
	}
	nothing.lookAgain()
	nothing.close()
}
