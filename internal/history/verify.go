package history

import (
	"bytes"
	"encoding/binary"
)

// tally is how much a bucket holds.
type tally struct {
	n     int
	bytes int64
}

// verify looks at every page in use, and returns how much each bucket holds. Of
// a file that it finds nothing wrong with, bbolt reads no page twice, none that
// is free, none beyond the end, and no entry beyond its page.
func (p *pages) verify(fileBytes int64) (map[string]tally, error) {
	if least := int64(p.meta.end) * p.size; p.meta.end > uint64(fileBytes) || fileBytes < least {
		return nil, damaged("its end is missing: it has %d bytes of %d", fileBytes, least)
	}
	c := checker{p: p, used: make([]bool, p.meta.end)}
	c.used[0], c.used[1] = true, true
	top, err := c.enter(p.meta.root)
	if err != nil {
		return nil, err
	}
	tallies := make(map[string]tally)
	_, err = c.tree(top, nil, 0, func(k, v []byte, bucket bool) error {
		if !bucket {
			return damaged("a value beside the buckets")
		}
		t, err := c.bucket(v)
		tallies[string(k)] = t
		return err
	})
	if err != nil {
		return nil, err
	}
	return tallies, c.freelist()
}

// checker remembers which pages are in use.
type checker struct {
	p    *pages
	used []bool
}

// take marks pages as used; each has one use.
func (c *checker) take(id, count uint64) error {
	for i := id; i < id+count; i++ {
		if c.used[i] {
			return damaged("page %d is used twice", i)
		}
		c.used[i] = true
	}
	return nil
}

// enter reads a page of a tree and marks it as used.
func (c *checker) enter(id uint64) (node, error) {
	n, err := c.p.node(id)
	if err != nil {
		return node{}, err
	}
	return n, c.take(id, n.pages)
}

// bucket checks the tree of a bucket, which holds values only.
func (c *checker) bucket(value []byte) (tally, error) {
	var t tally
	var top node
	var err error
	if len(value) >= bucketHead && binary.NativeEndian.Uint64(value) != 0 {
		top, err = c.enter(binary.NativeEndian.Uint64(value))
	} else {
		top, err = c.p.root(value)
	}
	if err != nil {
		return t, err
	}
	_, err = c.tree(top, nil, 0, func(k, v []byte, bucket bool) error {
		if bucket {
			return damaged("a bucket within a bucket")
		}
		t.n++
		t.bytes += int64(len(k) + len(v))
		return nil
	})
	return t, err
}

// tree checks that keys rise, each above the one before, and returns the last.
func (c *checker) tree(n node, last []byte, depth int, do func(key, value []byte, bucket bool) error) ([]byte, error) {
	if depth > depthMax {
		return nil, damaged("its tree is more than %d deep", depthMax)
	}
	for i := range n.count {
		if n.leaf {
			key, value, bucket, err := n.entry(i)
			if err != nil {
				return nil, err
			}
			if len(key) == 0 || last != nil && bytes.Compare(last, key) >= 0 {
				return nil, damaged("its keys are out of order")
			}
			if err := do(key, value, bucket); err != nil {
				return nil, err
			}
			last = key
			continue
		}
		key, id, err := n.child(i)
		if err != nil {
			return nil, err
		}
		// The key of a branch may be lower than the first one below it, never higher.
		if last != nil && bytes.Compare(last, key) >= 0 {
			return nil, damaged("its branches are out of order")
		}
		below, err := c.enter(id)
		if err != nil {
			return nil, err
		}
		if first, err := below.first(); err != nil || first != nil && bytes.Compare(first, key) < 0 {
			return nil, damaged("a branch leads to the wrong page")
		}
		if last, err = c.tree(below, last, depth+1, do); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// first returns the first key of a node.
func (n node) first() ([]byte, error) {
	if n.count == 0 {
		return nil, nil
	}
	if n.leaf {
		key, _, _, err := n.entry(0)
		return key, err
	}
	key, _, err := n.child(0)
	return key, err
}

// freelist checks that what is listed as free is not in use.
func (c *checker) freelist() error {
	id, p := c.p.meta.freelist, c.p
	if id < 2 || id >= p.meta.end {
		return damaged("the list of free pages is page %d of %d", id, p.meta.end)
	}
	var head [pageHeader + 8]byte
	if err := readFull(p.r, head[:], int64(id)*p.size); err != nil {
		return err
	}
	order := binary.NativeEndian
	count, more := uint64(order.Uint16(head[10:])), uint64(order.Uint32(head[12:]))
	at := int64(pageHeader)
	if count == 0xffff { // more than fit into 16 bits: the first entry counts them
		count = order.Uint64(head[pageHeader:])
		at += 8
	}
	room := (more+1)*uint64(p.size) - uint64(at)
	if order.Uint64(head[:]) != id || order.Uint16(head[8:]) != flagFreelist || id+more >= p.meta.end || count > room/8 {
		return damaged("the list of free pages is none")
	}
	if err := c.take(id, more+1); err != nil {
		return err
	}
	ids := make([]byte, 8*count)
	if err := readFull(p.r, ids, int64(id)*p.size+at); err != nil {
		return err
	}
	for ; len(ids) > 0; ids = ids[8:] {
		free := order.Uint64(ids)
		if free < 2 || free >= p.meta.end {
			return damaged("page %d of %d is listed as free", free, p.meta.end)
		}
		if err := c.take(free, 1); err != nil {
			return err
		}
	}
	return nil
}

// free is how many pages are free.
func (p *pages) free() (int64, error) {
	var head [pageHeader + 8]byte
	if err := readFull(p.r, head[:], int64(p.meta.freelist)*p.size); err != nil {
		return 0, err
	}
	n := int64(binary.NativeEndian.Uint16(head[10:]))
	if n == 0xffff {
		n = int64(binary.NativeEndian.Uint64(head[pageHeader:]))
	}
	return n, nil
}
