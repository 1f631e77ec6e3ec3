package history

import (
	"errors"
	"os"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// fill is how full pages are made. Almost all keys are times, and what is
	// appended leaves the pages before it as they are.
	fill = 0.9
	// copyBytes is how much one transaction copies.
	copyBytes = 1 << 20
)

// errBroken says that the file must be opened anew before it is written again.
var errBroken = errors.New("the file is not open")

// write writes changes in one transaction.
func (d *disk) write(changes map[string]*diff) error {
	if d.db == nil {
		return errBroken
	}
	var tx *bbolt.Tx
	err := guarded(func() (err error) {
		if tx, err = d.db.Begin(true); err != nil {
			return err
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		stuck := errors.Is(err, ErrDamaged)
		if tx != nil { // it may be closed by its failure already
			stuck = errors.Is(guarded(tx.Rollback), ErrDamaged)
		}
		switch {
		case stuck:
			d.abandon()
			return err
		case errors.Is(err, ErrDamaged), errors.Is(err, berrors.ErrInvalidMapping), errors.Is(err, berrors.ErrDatabaseNotOpen):
			d.release()
			return err
		}
	}
	// Should only the last fsync have failed, the new root is there to be seen.
	return errors.Join(err, d.pages.refresh())
}

// apply makes changes within a transaction.
func apply(tx *bbolt.Tx, changes map[string]*diff) error {
	for name, d := range changes {
		if d.dropped {
			if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
				return err
			}
		}
		if len(d.keys) == 0 {
			continue
		}
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		b.FillPercent = fill
		for _, k := range d.keys {
			if v := d.changes[k]; v != nil {
				err = b.Put([]byte(k), v)
			} else {
				err = b.Delete([]byte(k))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// fileBytes is how large the file is.
func (d *disk) fileBytes() int64 {
	if d.file == nil {
		return 0
	}
	info, err := d.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// wasteful tells whether more than half of the file is free: bbolt uses free
// pages again, but never gives them back.
func (d *disk) wasteful() bool {
	size := d.fileBytes()
	free, err := d.pages.free()
	return err == nil && size > 2*growBytes && 2*free*d.pages.size > size || size > d.maxBytes
}

// rewrite replaces the file by a copy without the free pages. What was open is
// closed then, whether it succeeded or not.
func (d *disk) rewrite() error {
	err := d.make(d.pages)
	if err == nil {
		d.release()
		err = d.appear()
	}
	if err != nil {
		return errors.Join(err, removeIfThere(d.fresh()))
	}
	return nil
}

// compact is rewrite for a file in use.
func (d *disk) compact() error {
	failed := d.rewrite()
	d.release()
	err := d.inspect()
	if err == nil {
		err = d.attach()
	}
	return errors.Join(failed, err)
}

// remap has bbolt let go of the file and open it again. Every page that it ever
// wrote counts as memory of this process until then.
func (d *disk) remap() error {
	err := guarded(d.db.Close)
	d.db = nil
	return errors.Join(err, d.attach())
}

// make copies all that a view holds into a new file.
func (d *disk) make(from view) error {
	if err := removeIfThere(d.fresh()); err != nil {
		return err
	}
	db, err := d.bolt(d.fresh(), bbolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	o := newOverlay(nothing{}, nil)
	write := func() error {
		err := guarded(func() error {
			return db.Update(func(tx *bbolt.Tx) error { return apply(tx, o.diffs) })
		})
		o = newOverlay(nothing{}, nil)
		return err
	}
	o.set(bucketMeta, keySchema, frame(formPlain, []byte("1")))
	names, err := from.buckets()
	for _, name := range names {
		if err != nil {
			break
		}
		err = from.walk(name, nil, false, func(k, v []byte) error {
			o.set(name, string(k), v)
			if o.bytes < copyBytes {
				return nil
			}
			return write()
		})
	}
	if err == nil {
		err = write()
	}
	if err == nil {
		err = guarded(db.Sync)
	}
	err = errors.Join(err, guarded(db.Close))
	if err != nil {
		return errors.Join(err, os.Remove(d.fresh()))
	}
	return nil
}
