package web

import (
	"cmp"
	"slices"
)

// sortedByRank returns the keys of a map, the highest rank first; equal ranks in
// the order of the keys, so that equal input gives equal output.
func sortedByRank[K comparable, V any](m map[K]V, rank func(K) float64, compare func(a, b K) int) []K {
	type ranked struct {
		key  K
		rank float64
	}
	all := make([]ranked, 0, len(m))
	for key := range m {
		all = append(all, ranked{key, rank(key)})
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), compare(a.key, b.key)) })
	out := make([]K, len(all))
	for i := range all {
		out[i] = all[i].key
	}
	return out
}

// split cuts a list after so many.
func split[T any](all []T, most int) (first, rest []T) {
	n := min(len(all), most)
	return all[:n], all[n:]
}
