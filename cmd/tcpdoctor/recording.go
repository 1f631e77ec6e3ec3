package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// errInterrupted is what the user hears who has had enough.
var errInterrupted = errors.New("interrupted: nothing was judged")

// readRecording reads a recorded window; "-" is standard input. A pipe that
// nothing comes from does not keep it from being interrupted.
func readRecording(ctx context.Context, path string, in io.Reader) (facts.Window, error) {
	name := path
	if path == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return facts.Window{}, err
		}
		defer f.Close()
		in = f
	}
	var w facts.Window
	read := make(chan error, 1)
	go func() {
		var err error
		w, err = facts.Decode(in)
		read <- err
	}()
	select {
	case <-ctx.Done():
		return facts.Window{}, errInterrupted
	case err := <-read:
		if err != nil {
			return facts.Window{}, fmt.Errorf("%s: %w", name, errors.Unwrap(err))
		}
		return w, nil
	}
}

// target is where a recording goes: a file is replaced as a whole, anything
// else (a pipe, a device) is written to.
func target(path string) (resolved string, replace bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, true, nil
	case err != nil:
		return "", false, err
	case info.IsDir():
		return "", false, fmt.Errorf("%s is a folder", path)
	case !info.Mode().IsRegular():
		return path, false, nil
	}
	resolved, err = filepath.EvalSymlinks(path) // replace the file, not the link
	return resolved, true, err
}

// checkRecording finds out before sampling whether a recording can be kept.
func checkRecording(path string) error {
	path, replace, err := target(path)
	if err != nil || !replace {
		return err
	}
	f, err := temporary(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// temporary makes a file beside the one to be written, readable to its owner
// alone: a recording tells much about a host.
func temporary(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tcpdoctor-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("cannot keep a recording in %s: %w", filepath.Dir(path), cause(err))
	}
	return f, nil
}

// cause is the bare reason of a file error, whose path says nothing here.
func cause(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// writeRecording keeps a window. The file is there as a whole or not at all.
func writeRecording(path string, w facts.Window) error {
	path, replace, err := target(path)
	if err != nil {
		return err
	}
	if !replace {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(facts.Encode(f, w), f.Close())
	}
	f, err := temporary(path)
	if err != nil {
		return err
	}
	err = errors.Join(facts.Encode(f, w), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the recording: %w", err), os.Remove(f.Name()))
	}
	return nil
}
