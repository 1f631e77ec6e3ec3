package history

import (
	"bytes"
	"errors"
	"maps"
	"slices"
)

// overlay is what is to be written over a view, and shows it as if it were
// written already. One over another is a transaction: it is merged as a whole or
// forgotten.
type overlay struct {
	base  view
	diffs map[string]*diff
	bytes int64 // of keys and values in the diffs
	// tallies is how much each bucket holds with the base.
	tallies map[string]tally
}

// diff is what changes in a bucket. A nil value deletes the key.
type diff struct {
	keys    []string // in order
	changes map[string][]byte
	// dropped tells that of the base nothing counts any more.
	dropped bool
}

// newOverlay begins a transaction over a view that holds so much.
func newOverlay(base view, tallies map[string]tally) *overlay {
	return &overlay{base: base, diffs: make(map[string]*diff), tallies: maps.Clone(tallies)}
}

// empty tells whether there is nothing to write.
func (o *overlay) empty() bool { return len(o.diffs) == 0 }

// at returns the changes to a bucket, for writing.
func (o *overlay) at(bucket string) *diff {
	d := o.diffs[bucket]
	if d == nil {
		d = &diff{changes: make(map[string][]byte)}
		o.diffs[bucket] = d
	}
	return d
}

// set records a change.
func (o *overlay) set(bucket, key string, value []byte) {
	d := o.at(bucket)
	old, known := d.changes[key]
	if !known {
		at, _ := slices.BinarySearch(d.keys, key)
		d.keys = slices.Insert(d.keys, at, key)
		o.bytes += int64(len(key))
	}
	o.bytes += int64(len(value) - len(old))
	d.changes[key] = value
}

// put sets a key. The value belongs to the overlay from now on.
func (o *overlay) put(bucket string, key, value []byte) error {
	return o.change(bucket, key, value)
}

// remove deletes a key, if it is there.
func (o *overlay) remove(bucket string, key []byte) error {
	return o.change(bucket, key, nil)
}

func (o *overlay) change(bucket string, key, value []byte) error {
	old, err := o.get(bucket, key)
	if err != nil {
		return err
	}
	if old == nil && value == nil {
		return nil
	}
	t := o.tallies[bucket]
	if old != nil {
		t.n--
		t.bytes -= int64(len(key) + len(old))
	}
	if value != nil {
		t.n++
		t.bytes += int64(len(key) + len(value))
	}
	if o.tallies == nil {
		o.tallies = make(map[string]tally)
	}
	o.tallies[bucket] = t
	o.set(bucket, string(key), value)
	return nil
}

// drop deletes a bucket with all that it holds.
func (o *overlay) drop(bucket string) {
	if d := o.diffs[bucket]; d != nil {
		for _, k := range d.keys {
			o.bytes -= int64(len(k) + len(d.changes[k]))
		}
	}
	o.diffs[bucket] = &diff{changes: make(map[string][]byte), dropped: true}
	delete(o.tallies, bucket)
}

// merge takes over everything that a transaction over this one changed.
func (o *overlay) merge(tx *overlay) {
	for bucket, d := range tx.diffs {
		if d.dropped {
			o.drop(bucket)
		}
		o.at(bucket)
		for _, k := range d.keys {
			o.set(bucket, k, d.changes[k])
		}
	}
	o.tallies = tx.tallies
}

// get implements [view].
func (o *overlay) get(bucket string, key []byte) ([]byte, error) {
	if d := o.diffs[bucket]; d != nil {
		if v, ok := d.changes[string(key)]; ok || d.dropped {
			return v, nil
		}
	}
	return o.base.get(bucket, key)
}

// walk implements [view]: it merges the keys of both.
func (o *overlay) walk(bucket string, from []byte, down bool, do func(key, value []byte) error) error {
	d := o.diffs[bucket]
	if d == nil {
		return o.base.walk(bucket, from, down, do)
	}
	rest := d.from(from, down)
	stopped := false
	give := func(key, value []byte) error {
		if value == nil {
			return nil
		}
		err := do(key, value)
		stopped = errors.Is(err, errStop)
		return err
	}
	// upTo gives the changes that come before a key of the base.
	upTo := func(key []byte) error {
		for len(rest) > 0 {
			order := bytes.Compare([]byte(rest[0]), key)
			if down {
				order = -order
			}
			if key != nil && order >= 0 {
				return nil
			}
			next := rest[0]
			rest = rest[1:]
			if err := give([]byte(next), d.changes[next]); err != nil {
				return err
			}
		}
		return nil
	}
	if !d.dropped {
		err := o.base.walk(bucket, from, down, func(key, value []byte) error {
			if err := upTo(key); err != nil {
				return err
			}
			if _, changed := d.changes[string(key)]; changed {
				return nil // given by the next upTo
			}
			return give(key, value)
		})
		if err != nil || stopped {
			return err
		}
	}
	err := upTo(nil)
	if stopped {
		return nil
	}
	return err
}

// from lists the changed keys in the order of a walk.
func (d *diff) from(key []byte, down bool) []string {
	at, found := slices.BinarySearch(d.keys, string(key))
	if !down {
		return d.keys[at:]
	}
	if found {
		at++
	}
	if key == nil {
		at = len(d.keys)
	}
	rest := slices.Clone(d.keys[:at])
	slices.Reverse(rest)
	return rest
}

// buckets implements [view].
func (o *overlay) buckets() ([]string, error) {
	all, err := o.base.buckets()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, b := range all {
		if d := o.diffs[b]; d == nil || !d.dropped {
			names = append(names, b)
		}
	}
	for b, d := range o.diffs {
		if len(d.keys) > 0 && !slices.Contains(names, b) {
			names = append(names, b)
		}
	}
	slices.Sort(names)
	return names, nil
}
