package sockdiag

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// keptFiles keeps the files open that are read again and again: the kernel makes
// their content anew whenever they are read from the beginning. Once a file of a
// network namespace is open it is read from any thread, so that nobody has to enter
// the namespace any more.
//
// A nil one keeps nothing.
type keptFiles struct {
	budget *atomic.Int64 // how many more all of them may keep open

	mu      sync.Mutex
	files   map[string]*os.File // nil: there is no such file
	settled bool                // whatever is asked for is among them
	lacking bool                // there was no room for one
	closed  bool
}

// errNotOpen is why a file cannot be read from outside its namespace.
var errNotOpen = errors.New("not open yet")

// complete reports whether everything can be read from any thread.
func (k *keptFiles) complete() bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settled
}

// settle notes that everything was asked for once.
func (k *keptFiles) settle() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled, k.lacking = !k.lacking, false
}

// lookAgain has the files that did not exist looked for once more: modules come and
// go.
func (k *keptFiles) lookAgain() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for path, f := range k.files {
		if f == nil {
			delete(k.files, path)
			k.settled = false
		}
	}
}

func (k *keptFiles) close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, f := range k.files {
		if f != nil {
			_ = f.Close()
			k.budget.Add(1)
		}
	}
	k.files = nil
}

// append appends a file to b. Only inside the namespace may it be opened.
func (k *keptFiles) append(b []byte, path string, inside bool) ([]byte, error) {
	if k == nil {
		return appendFile(b, path)
	}
	f, err := k.file(path, inside)
	switch {
	case errors.Is(err, errNoRoom):
		return appendFile(b, path)
	case err != nil:
		return b, err
	}
	var at int64
	return appendAll(b, path, func(piece []byte) (int, error) {
		n, err := f.ReadAt(piece, at)
		at += int64(n)
		if n > 0 && errors.Is(err, io.EOF) { // it fitted in with room to spare
			err = nil
		}
		return n, err
	})
}

// errNoRoom is why a file is not kept open.
var errNoRoom = errors.New("too many files are open")

// file returns an open file.
func (k *keptFiles) file(path string, inside bool) (*os.File, error) {
	k.mu.Lock()
	f, known := k.files[path]
	k.mu.Unlock()
	switch {
	case f != nil:
		return f, nil
	case known:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case !inside:
		k.mu.Lock()
		k.settled = false // so that the next one enters
		k.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", path, errNotOpen)
	case k.budget.Load() <= 0:
		k.mu.Lock()
		k.lacking = true
		k.mu.Unlock()
		return nil, errNoRoom
	}
	f, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return k.keep(path, f, err)
}

func (k *keptFiles) keep(path string, f *os.File, failed error) (*os.File, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	other := k.files[path]
	if k.closed || other != nil { // meanwhile
		if f != nil {
			_ = f.Close()
		}
		if other == nil {
			return nil, fs.ErrClosed
		}
		return other, nil
	}
	if k.files == nil {
		k.files = make(map[string]*os.File)
	}
	k.files[path] = f
	if f != nil {
		k.budget.Add(-1)
	}
	return f, failed
}
