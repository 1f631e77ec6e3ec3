package facts

import "slices"

// heavy counts keys in bounded memory: a Misra-Gries summary over at most
// 2·keep keys at a time. Counts of the keys it returns are exact until the
// first pruning; after that each may lack up to missed() of its total.
type heavy[K comparable, V any] struct {
	keep    int
	entries map[K]*heavyEntry[V]
	lost    uint64
	free    []*heavyEntry[V]
}

type heavyEntry[V any] struct {
	weight uint64
	value  V
}

func newHeavy[K comparable, V any](keep int) *heavy[K, V] {
	return &heavy[K, V]{keep: keep, entries: make(map[K]*heavyEntry[V])}
}

// at returns the value kept for k, counting one more for it.
func (h *heavy[K, V]) at(k K) *V {
	e := h.entries[k]
	if e == nil {
		if len(h.entries) >= 2*h.keep {
			h.prune()
		}
		e = h.fresh()
		h.entries[k] = e
	}
	e.weight++
	return &e.value
}

func (h *heavy[K, V]) fresh() *heavyEntry[V] {
	if n := len(h.free); n > 0 {
		e := h.free[n-1]
		h.free = h.free[:n-1]
		*e = heavyEntry[V]{}
		return e
	}
	return new(heavyEntry[V])
}

// prune takes the weight of the (keep+1)-th heaviest key off every key and
// forgets those left with nothing.
func (h *heavy[K, V]) prune() {
	weights := make([]uint64, 0, len(h.entries))
	for _, e := range h.entries {
		weights = append(weights, e.weight)
	}
	slices.Sort(weights)
	cut := weights[len(weights)-1-h.keep]
	h.lost += cut
	for k, e := range h.entries {
		if e.weight <= cut {
			delete(h.entries, k)
			h.free = append(h.free, e)
			continue
		}
		e.weight -= cut
	}
}

// missed is the most that any count may lack.
func (h *heavy[K, V]) missed() uint64 { return h.lost }

// lowest keeps the k values with the lowest hashes: a uniform sample that does
// not depend on the order of arrival and that two walks draw alike.
type lowest[V any] struct {
	k     int
	limit uint64 // hashes at or above it cannot enter
	items []hashed[V]
}

type hashed[V any] struct {
	hash  uint64
	value V
}

func newLowest[V any](k int) *lowest[V] { return &lowest[V]{k: k, limit: ^uint64(0)} }

// admits reports whether a value of this hash would be kept for now.
func (l *lowest[V]) admits(hash uint64) bool { return hash < l.limit }

func (l *lowest[V]) add(hash uint64, v V) {
	if !l.admits(hash) {
		return
	}
	l.items = append(l.items, hashed[V]{hash, v})
	if len(l.items) >= 2*l.k {
		l.settle()
	}
}

func (l *lowest[V]) settle() {
	slices.SortFunc(l.items, func(a, b hashed[V]) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return 0
	})
	if len(l.items) > l.k {
		l.limit = l.items[l.k].hash
		clear(l.items[l.k:])
		l.items = l.items[:l.k]
	}
}

// values returns the sample, lowest hash first.
func (l *lowest[V]) values() []V {
	l.settle()
	if len(l.items) == 0 {
		return nil
	}
	out := make([]V, len(l.items))
	for i, it := range l.items {
		out[i] = it.value
	}
	return out
}

// mix spreads a cookie over 64 bits (the finaliser of splitmix64), so that the
// lowest hashes are a uniform sample.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// recent remembers at least the last size cookies exactly. The kernel sends an
// entry twice only when its hash bucket changed between two chunks of a dump,
// so a duplicate follows its original closely.
type recent struct {
	size      int
	now, last map[uint64]struct{}
}

func newRecent(size int) *recent {
	return &recent{size: size, now: make(map[uint64]struct{}), last: make(map[uint64]struct{})}
}

// seen reports whether the cookie was among the remembered ones, and
// remembers it.
func (r *recent) seen(cookie uint64) bool {
	if _, ok := r.now[cookie]; ok {
		return true
	}
	if _, ok := r.last[cookie]; ok {
		return true
	}
	if len(r.now) >= r.size {
		r.now, r.last = r.last, r.now
		clear(r.now)
	}
	r.now[cookie] = struct{}{}
	return false
}
