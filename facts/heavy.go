package facts

import (
	"cmp"
	"slices"
)

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
	heap  []place // the highest hash comes first, and no child is above its parent
	items []V
}

// place says where in items the value of a hash is.
type place struct {
	hash uint64
	at   int32
}

func newLowest[V any](k int) *lowest[V] { return &lowest[V]{k: k} }

// admits reports whether a value of this hash would be kept for now.
func (l *lowest[V]) admits(hash uint64) bool { return len(l.heap) < l.k || hash < l.heap[0].hash }

func (l *lowest[V]) add(hash uint64, v V) {
	switch {
	case len(l.heap) < l.k:
		l.heap = append(l.heap, place{hash, int32(len(l.items))})
		l.items = append(l.items, v)
		l.rise(len(l.heap) - 1)
	case hash < l.heap[0].hash:
		l.items[l.heap[0].at] = v
		l.heap[0].hash = hash
		l.sink()
	}
}

// rise moves the last place up to where it belongs.
func (l *lowest[V]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if l.heap[parent].hash >= l.heap[i].hash {
			return
		}
		l.heap[parent], l.heap[i] = l.heap[i], l.heap[parent]
		i = parent
	}
}

// sink moves the first place down to where it belongs.
func (l *lowest[V]) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(l.heap) {
			return
		}
		if child+1 < len(l.heap) && l.heap[child+1].hash > l.heap[child].hash {
			child++
		}
		if l.heap[i].hash >= l.heap[child].hash {
			return
		}
		l.heap[i], l.heap[child] = l.heap[child], l.heap[i]
		i = child
	}
}

// values returns the sample, lowest hash first.
func (l *lowest[V]) values() []V {
	if len(l.heap) == 0 {
		return nil
	}
	places := slices.SortedFunc(slices.Values(l.heap), func(a, b place) int { return cmp.Compare(a.hash, b.hash) })
	out := make([]V, len(places))
	for i, p := range places {
		out[i] = l.items[p.at]
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
