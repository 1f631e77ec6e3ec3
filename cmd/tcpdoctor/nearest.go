package main

import (
	"fmt"
	"strings"
)

// nearest returns the candidate most like a name, "" if none is like it: at
// most a third of it may differ.
func nearest(name string, candidates []string) string {
	best, distance := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		d := differences(strings.ToLower(name), strings.ToLower(c))
		if len(name) >= 3 && d > 1 && strings.HasPrefix(strings.ToLower(c), strings.ToLower(name)) {
			d = 1 // the beginning of a longer name
		}
		if d < distance {
			best, distance = c, d
		}
	}
	return best
}

// suggestion names the nearest candidate, or all of them where they are few.
func suggestion(name string, candidates []string) string {
	if near := nearest(name, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	if len(candidates) > 0 && len(candidates) <= 12 {
		return fmt.Sprintf(" (there are: %s)", strings.Join(candidates, ", "))
	}
	return ""
}

// differences counts the letters to change, add, take away or swap to make one
// word of the other (optimal string alignment).
func differences(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(s)][len(t)]
}
