package facts

import "math/bits"

// recent remembers at least the last size cookies exactly. All entries of one
// connection, from request socket to TIME_WAIT, live in the same bucket of the
// kernel's hash, and the kernel sends an entry twice only when its bucket
// changed between two chunks of a dump, so a duplicate follows its original
// closely.
type recent struct {
	size      int
	now, last cookieSet
}

func newRecent(size int) *recent {
	return &recent{size: size, now: newCookieSet(size), last: newCookieSet(size)}
}

// seen reports whether the cookie, whose hash is given, was among the
// remembered ones, and remembers it.
func (r *recent) seen(cookie, hash uint64) bool {
	if r.last.has(cookie, hash) {
		return true
	}
	if r.now.n >= r.size {
		r.now, r.last = r.last, r.now
		r.now.clear()
		if r.last.has(cookie, hash) {
			return true
		}
	}
	return !r.now.add(cookie, hash)
}

// cookieSet is a set of cookies other than 0 with open addressing, at most
// half full.
type cookieSet struct {
	slots []uint64 // a power of two of them
	n     int
}

func newCookieSet(size int) cookieSet {
	return cookieSet{slots: make([]uint64, 1<<bits.Len(uint(2*size-1)))}
}

func (c *cookieSet) has(cookie, hash uint64) bool { return c.slots[c.slot(cookie, hash)] == cookie }

// add reports whether the cookie was new.
func (c *cookieSet) add(cookie, hash uint64) bool {
	at := &c.slots[c.slot(cookie, hash)]
	if *at == cookie {
		return false
	}
	*at = cookie
	c.n++
	return true
}

// slot finds the cookie, or the place where it belongs.
func (c *cookieSet) slot(cookie, hash uint64) uint64 {
	mask := uint64(len(c.slots) - 1)
	i := hash & mask
	for c.slots[i] != 0 && c.slots[i] != cookie {
		i = (i + 1) & mask
	}
	return i
}

func (c *cookieSet) clear() {
	clear(c.slots)
	c.n = 0
}
