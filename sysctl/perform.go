package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// stepKind is a kind of step that changes something outside the process.
type stepKind string

// The steps. A crash or a failure may come before or after any of them.
const (
	stepWrite   stepKind = "write"    // write a parameter
	stepCreate  stepKind = "create"   // make a file and write it
	stepSync    stepKind = "fsync"    // bring a file to the disk
	stepRename  stepKind = "rename"   // put a file in another's place
	stepRemove  stepKind = "remove"   // remove a file
	stepSyncDir stepKind = "fsyncdir" // bring a folder's entries to the disk
)

// performer carries out steps, so that tests can fail or crash at each of them.
type performer interface {
	perform(kind stepKind, target string, do func() error) error
}

// direct is the performer that just does it.
type direct struct{}

func (direct) perform(_ stepKind, _ string, do func() error) error { return do() }

// stageFile makes a file next to path with the content that path is to get, and
// brings it to the disk. The name is always the same, so that what a crash leaves
// behind is overwritten by the next attempt; it ends in ".tmp", which no reader of
// a configuration folder takes in.
func stageFile(p performer, path string, data []byte, mode fs.FileMode) (string, error) {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("sysctl: prepare %s: %w", path, err)
	}
	var f *os.File
	err := p.perform(stepCreate, tmp, func() (err error) {
		if f, err = os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode); err != nil {
			return err
		}
		_, err = f.Write(data)
		return err
	})
	if f == nil {
		return "", fmt.Errorf("sysctl: prepare %s: %w", path, errOrFault(err))
	}
	if err == nil {
		err = p.perform(stepSync, tmp, f.Sync)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(tmp)
		return "", fmt.Errorf("sysctl: prepare %s: %w", path, err)
	}
	return tmp, nil
}

// errOrFault is for a step that made no file and gave no reason.
func errOrFault(err error) error {
	if err == nil {
		return errors.New("no file was made")
	}
	return err
}

// commitFile puts a staged file in its place, for good.
func commitFile(p performer, tmp, path string) error {
	if err := p.perform(stepRename, path, func() error { return os.Rename(tmp, path) }); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("sysctl: replace %s: %w", path, err)
	}
	return syncDir(p, filepath.Dir(path))
}

// replaceFile gives a file new content at once: whoever reads it, even after a
// crash, finds the old or the new, never a part.
func replaceFile(p performer, path string, data []byte, mode fs.FileMode) error {
	tmp, err := stageFile(p, path, data, mode)
	if err != nil {
		return err
	}
	return commitFile(p, tmp, path)
}

// removeFile removes a file for good; one that is not there is no error.
func removeFile(p performer, path string) error {
	err := p.perform(stepRemove, path, func() error { return os.Remove(path) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sysctl: remove %s: %w", path, err)
	}
	return syncDir(p, filepath.Dir(path))
}

// syncDir brings the entries of a folder to the disk.
func syncDir(p performer, path string) error {
	err := p.perform(stepSyncDir, path, func() error {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	})
	if err != nil {
		return fmt.Errorf("sysctl: sync folder %s: %w", path, err)
	}
	return nil
}
