package history

import (
	"bytes"
	"errors"
	"sort"
)

// view is what can be read: buckets of keys in order, as they are in a file or
// as they will be in it.
type view interface {
	// get returns the value of a key; nil where there is none. It is not to be
	// changed.
	get(bucket string, key []byte) ([]byte, error)
	// walk calls do for the keys from one on, upwards or downwards; with from
	// nil, from the end that it begins at. errStop ends it without an error.
	walk(bucket string, from []byte, down bool, do func(key, value []byte) error) error
	// buckets lists the buckets there are.
	buckets() ([]string, error)
}

// errStop ends a walk.
var errStop = errors.New("stop")

// nothing is the view of an empty file.
type nothing struct{}

func (nothing) get(string, []byte) ([]byte, error) { return nil, nil }

func (nothing) walk(string, []byte, bool, func(key, value []byte) error) error { return nil }

func (nothing) buckets() ([]string, error) { return nil, nil }

// get implements [view].
func (p *pages) get(bucket string, key []byte) ([]byte, error) {
	top, ok, err := p.bucket(bucket)
	if err != nil || !ok {
		return nil, err
	}
	var found []byte
	err = p.descend(top, key, false, 0, func(k, v []byte, bucket bool) error {
		if bytes.Equal(k, key) && !bucket {
			found = v
		}
		return errStop
	})
	return found, stopped(err)
}

// walk implements [view].
func (p *pages) walk(bucket string, from []byte, down bool, do func(key, value []byte) error) error {
	top, ok, err := p.bucket(bucket)
	if err != nil || !ok {
		return err
	}
	return stopped(p.descend(top, from, down, 0, func(k, v []byte, bucket bool) error {
		if bucket {
			return nil
		}
		return do(k, v)
	}))
}

// buckets implements [view].
func (p *pages) buckets() ([]string, error) {
	top, err := p.node(p.meta.root)
	if err != nil {
		return nil, err
	}
	var names []string
	err = p.descend(top, nil, false, 0, func(k, _ []byte, bucket bool) error {
		if bucket {
			names = append(names, string(k))
		}
		return nil
	})
	return names, err
}

// bucket returns the top of a bucket.
func (p *pages) bucket(name string) (top node, ok bool, err error) {
	all, err := p.node(p.meta.root)
	if err != nil {
		return node{}, false, err
	}
	err = p.descend(all, []byte(name), false, 0, func(k, v []byte, bucket bool) error {
		if bucket && string(k) == name {
			top, err = p.root(v)
			ok = err == nil
			if err != nil {
				return err
			}
		}
		return errStop
	})
	return top, ok, stopped(err)
}

// stopped is the error of a walk that may have been ended.
func stopped(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// descend calls do for the entries at and below a node, from a key on.
func (p *pages) descend(n node, from []byte, down bool, depth int, do func(key, value []byte, bucket bool) error) error {
	if depth > depthMax {
		return damaged("its tree is more than %d deep", depthMax)
	}
	if n.leaf {
		return n.each(from, down, do)
	}
	// The child that may hold from is the last one whose first key is not above it.
	i, step := 0, 1
	if down {
		i, step = n.count-1, -1
	}
	if from != nil {
		var wrong error
		i = sort.Search(n.count, func(j int) bool {
			key, _, err := n.child(j)
			wrong = errors.Join(wrong, err)
			return bytes.Compare(key, from) > 0
		}) - 1
		if wrong != nil {
			return wrong
		}
		if i < 0 && down {
			return nil
		}
		i = max(i, 0)
	}
	for ; i >= 0 && i < n.count; i += step {
		_, id, err := n.child(i)
		if err != nil {
			return err
		}
		below, err := p.node(id)
		if err != nil {
			return err
		}
		if err := p.descend(below, from, down, depth+1, do); err != nil {
			return err
		}
		from = nil // all that follows is beyond it
	}
	return nil
}

// each calls do for the entries of a leaf, from a key on.
func (n node) each(from []byte, down bool, do func(key, value []byte, bucket bool) error) error {
	i, step := 0, 1
	if down {
		i, step = n.count-1, -1
	}
	if from != nil {
		var wrong error
		i = sort.Search(n.count, func(j int) bool {
			key, _, _, err := n.entry(j)
			wrong = errors.Join(wrong, err)
			if down {
				return bytes.Compare(key, from) > 0
			}
			return bytes.Compare(key, from) >= 0
		})
		if wrong != nil {
			return wrong
		}
		if down {
			i--
		}
	}
	for ; i >= 0 && i < n.count; i += step {
		key, value, bucket, err := n.entry(i)
		if err != nil {
			return err
		}
		if err := do(key, value, bucket); err != nil {
			return err
		}
	}
	return nil
}
