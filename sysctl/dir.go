package sysctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// ProcSys is where the kernel shows its parameters.
const ProcSys = "/proc/sys"

// Failure tells apart why a parameter could not be read or written.
type Failure uint8

// The failures.
const (
	FailedOther   Failure = iota // an unexpected error
	FailedAbsent                 // this kernel, or this namespace, has no such parameter
	FailedDenied                 // not permitted to this process
	FailedMount                  // the parameter tree is mounted read-only
	FailedRefused                // the kernel refuses the value
)

// KeyError is a failure to read or write one parameter.
type KeyError struct {
	Key  Key
	Op   string // "read" or "write"
	Kind Failure
	Err  error
}

// Error says what failed and why.
func (e *KeyError) Error() string {
	why := ""
	switch e.Kind {
	case FailedAbsent:
		why = "no such parameter here: "
	case FailedDenied:
		why = "not permitted to this user: "
	case FailedMount:
		why = "the parameter tree is mounted read-only: "
	case FailedRefused:
		why = "the kernel refuses the value: "
	default:
	}
	return fmt.Sprintf("sysctl: %s %s: %s%v", e.Op, e.Key, why, e.Err)
}

// Unwrap returns the error of the system call.
func (e *KeyError) Unwrap() error { return e.Err }

// keyError classifies the error of a system call; nil stays nil.
func keyError(k Key, op string, err error) error {
	if err == nil {
		return nil
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	kind := FailedOther
	switch {
	case errors.Is(err, syscall.EROFS):
		kind = FailedMount
	case errors.Is(err, fs.ErrPermission):
		kind = FailedDenied
	case op == "write" && (errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ERANGE)):
		kind = FailedRefused
	case errors.Is(err, fs.ErrNotExist):
		kind = FailedAbsent
	}
	return &KeyError{Key: k, Op: op, Kind: kind, Err: err}
}

// Dir is a tree of parameters: /proc/sys, or any folder of the same shape. Names
// cannot lead out of it. The methods act on the calling thread's network
// namespace: whoever wants another one's parameters calls them on a thread that
// has entered it, and one Dir serves all namespaces.
type Dir struct {
	root *os.Root
	path string
}

// OpenDir opens a tree of parameters; an empty path means [ProcSys].
func OpenDir(path string) (*Dir, error) {
	if path == "" {
		path = ProcSys
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("sysctl: open parameter tree: %w", err)
	}
	return &Dir{root: root, path: path}, nil
}

// Close releases the tree.
func (d *Dir) Close() error { return d.root.Close() }

// Path returns the folder that the tree was opened at.
func (d *Dir) Path() string { return d.path }

// ReadRaw returns a parameter's value as the kernel shows it, without the final
// newline. Errors are of type [*KeyError], or wrap [ErrBadKey].
func (d *Dir) ReadRaw(k Key) (string, error) {
	path, err := k.Path()
	if err != nil {
		return "", err
	}
	f, err := d.root.Open(path)
	if err != nil {
		return "", keyError(k, "read", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return "", keyError(k, "read", err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

// Read returns a parameter's value in the form that [Spec.Normalise] gives it. A
// parameter that the catalogue does not know has its white space normalised only.
func (d *Dir) Read(k Key) (string, error) {
	raw, err := d.ReadRaw(k)
	if err != nil {
		return "", err
	}
	return normalise(k, raw), nil
}

// normalise never fails: a value that is not of the catalogue's type is returned
// with its white space normalised.
func normalise(k Key, raw string) string {
	if s, ok := Lookup(k); ok {
		if v, err := s.Normalise(raw); err == nil {
			return v
		}
	}
	return strings.Join(strings.Fields(raw), " ")
}

// Values is what was read of several parameters. Each key asked for is in exactly
// one of the two maps.
type Values struct {
	Value map[Key]string
	Err   map[Key]error
}

// ReadAll reads several parameters and keeps going where one cannot be read.
func (d *Dir) ReadAll(keys []Key) Values {
	v := Values{Value: make(map[Key]string, len(keys)), Err: map[Key]error{}}
	for _, k := range keys {
		value, err := d.Read(k)
		if err != nil {
			v.Err[k] = err
			continue
		}
		v.Value[k] = value
	}
	return v
}

// Write gives a parameter a value, in one system call. It neither checks nor
// journals: [Plan.Apply] does. Errors are of type [*KeyError], or wrap
// [ErrBadKey]. After a failure a vector may be half-written.
func (d *Dir) Write(k Key, value string) error {
	path, err := k.Path()
	if err != nil {
		return err
	}
	f, err := d.root.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return keyError(k, "write", err)
	}
	_, err = f.Write([]byte(value + "\n"))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return keyError(k, "write", err)
}

// Expand returns the keys that a pattern stands for here, one for each interface
// and for "all" and "default" where they exist. A key that is no pattern is
// returned as it is.
func (d *Dir) Expand(k Key) ([]Key, error) {
	if !k.IsPattern() {
		return []Key{k}, nil
	}
	parts := k.Parts()
	at := 0
	for at < len(parts) && parts[at] != "*" {
		at++
	}
	if at == 0 || at >= len(parts)-1 {
		return nil, fmt.Errorf("sysctl: %q: %w: cannot be expanded", string(k), ErrBadKey)
	}
	folder, err := d.root.Open(strings.Join(parts[:at], "/"))
	if err != nil {
		return nil, keyError(k, "read", err)
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return nil, keyError(k, "read", err)
	}
	out := make([]Key, 0, len(names))
	for _, n := range names {
		out = append(out, k.WithInterface(n))
	}
	return out, nil
}
