package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// schemaVersion is the form of what is in the file. It rises when an older
	// program would read it wrongly.
	schemaVersion = 1

	bucketMeta = "meta"
	keySchema  = "schema"

	// growBytes is by how much the file grows at once.
	growBytes = 1 << 20
	// lockPatience is how long bbolt waits for its own lock, which nobody holds
	// who respects ours.
	lockPatience = time.Second
)

// disk is the file of a store. It is written by bbolt and read by [pages].
type disk struct {
	path     string
	maxBytes int64
	lock     *os.File

	db    *bbolt.DB // nil while it is broken
	held  *os.File  // what bbolt has open
	file  *os.File
	pages *pages
	// tallies is how much there was when it was opened.
	tallies map[string]tally
	// aside says which file was moved aside last, and why.
	aside *MovedAsideError
}

// openDisk locks and opens a file, or begins one.
func openDisk(path string, maxBytes int64) (*disk, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := acquire(strings.TrimSuffix(path, ".db") + ".lock")
	if err != nil {
		return nil, err
	}
	d := &disk{path: path, maxBytes: maxBytes, lock: lock}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, releaseLock(lock))
	}
	return d, nil
}

// load opens the file. One that is damaged is moved aside.
func (d *disk) load() error {
	if err := removeIfThere(d.fresh()); err != nil {
		return err
	}
	info, err := os.Lstat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.begin()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", d.path)
	}
	err = d.inspect()
	if err == nil && d.wasteful() {
		// Where there is no room for the copy, the file stays as large as it is.
		_ = d.rewrite()
		err = d.inspect()
	}
	if err == nil {
		err = d.attach()
	}
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, syscall.EIO) {
		return err
	}
	d.release()
	aside := d.path + ".damaged"
	if failed := os.Rename(d.path, aside); failed != nil {
		return errors.Join(fmt.Errorf("%s: %w", d.path, err), failed)
	}
	d.aside = &MovedAsideError{Path: d.path, Aside: aside, Err: err}
	return d.begin()
}

// fresh is the name of a file that is not finished yet.
func (d *disk) fresh() string { return d.path + ".new" }

// begin makes an empty file. It appears under its name as a whole.
func (d *disk) begin() error {
	err := d.make(nothing{})
	if err == nil {
		err = d.appear()
	}
	if err == nil {
		err = d.inspect()
	}
	if err == nil {
		err = d.attach()
	}
	if err != nil {
		d.release()
		return errors.Join(err, removeIfThere(d.fresh()))
	}
	return nil
}

// appear gives the finished file its name.
func (d *disk) appear() error {
	if err := os.Rename(d.fresh(), d.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.path))
}

// inspect opens the file for reading and looks at all of it.
func (d *disk) inspect() error {
	d.release()
	f, p, err := openFile(d.path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		d.tallies, err = p.verify(info.Size())
	}
	if err == nil {
		err = checkSchema(p, d.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.file, d.pages = f, p
	return nil
}

// openFile opens a file for reading.
func openFile(path string) (*os.File, *pages, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	p, err := openPages(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, p, nil
}

// checkSchema refuses what another program or a newer version wrote.
func checkSchema(v view, path string) error {
	stored, err := v.get(bucketMeta, []byte(keySchema))
	if err != nil {
		return err
	}
	_, text, err := unframe(stored)
	if err != nil {
		return damaged("it does not say that it is a history")
	}
	schema, err := strconv.Atoi(string(text))
	switch {
	case err != nil || schema < 1:
		return damaged("its schema is %q", text)
	case schema > schemaVersion:
		return &NewerSchemaError{Path: path, Schema: schema, Newest: schemaVersion}
	}
	return nil
}

// attach has bbolt open the file, for writing.
func (d *disk) attach() error {
	db, err := d.bolt(d.path, bbolt.Options{MaxSize: int(d.maxBytes), OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		d.held, err = os.OpenFile(name, flag, mode)
		return d.held, err
	}})
	if err != nil {
		return err
	}
	d.db = db
	return nil
}

// bolt opens a file with bbolt.
func (d *disk) bolt(path string, o bbolt.Options) (db *bbolt.DB, err error) {
	o.Timeout, o.NoStatistics = lockPatience, true
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &o)
		return err
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = int(min(growBytes, d.maxBytes/16))
	return db, nil
}

// guarded does something with a mapped file. A page that is not what it should
// be makes bbolt panic, one that is gone is a fault; here both are errors.
func guarded(do func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if p := recover(); p != nil {
			err = damaged("%v", p)
		}
	}()
	return do()
}

// release closes what is open, but for the lock.
func (d *disk) release() {
	if d.db != nil {
		_ = guarded(d.db.Close) // everything committed is on the disk
		d.db = nil
	}
	if d.file != nil {
		_ = d.file.Close()
		d.file, d.pages = nil, nil
	}
}

// abandon gives up a file at which bbolt stopped in the middle, with its locks
// held: closing it would wait for ever. What was mapped of it stays mapped.
func (d *disk) abandon() {
	d.db = nil
	_ = d.held.Close()
	d.release()
}

// close releases the lock too.
func (d *disk) close() error {
	d.release()
	return releaseLock(d.lock)
}

// removeIfThere removes a file.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes renames in a folder last.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
