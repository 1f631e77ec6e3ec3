package main

import (
	"math"
	"slices"
	"strings"
)

// eighths are the blocks that fill a cell from below, from nothing to all of it.
const eighths = " ▁▂▃▄▅▆▇█"

// barRows draws values as upright bars of so many rows, the top one first. What
// is above zero shows, however little it is.
func barRows(values []float64, top float64, rows int) []string {
	blocks := []rune(eighths)
	lines := make([][]rune, rows)
	for _, v := range values {
		filled := 0
		if v > 0 && top > 0 {
			filled = min(max(int(math.Round(v/top*float64(8*rows))), 1), 8*rows)
		}
		for i := range lines {
			below := 8 * (rows - 1 - i)
			lines[i] = append(lines[i], blocks[min(max(filled-below, 0), 8)])
		}
	}
	out := make([]string, rows)
	for i := range lines {
		out[i] = string(lines[i])
	}
	return out
}

// barAcross draws a share, 0 to 1, as a bar of at most width cells. What is
// above zero shows.
func barAcross(share float64, width int) string {
	if share <= 0 || math.IsNaN(share) {
		return ""
	}
	return strings.Repeat("█", min(max(int(math.Round(share*float64(width))), 1), width))
}

// timeAxis writes labels below a chart: at its beginning, its middle and its end.
func timeAxis(labels [3]string, width int) string {
	line := []rune(strings.Repeat("─", width))
	put := func(at int, text string) {
		for i, r := range []rune(text) {
			if p := at + i; p >= 0 && p < len(line) {
				line[p] = r
			}
		}
	}
	put(0, labels[0])
	put(width-columns(labels[2]), labels[2])
	if all := columns(labels[0]) + columns(labels[1]) + columns(labels[2]); all+4 <= width {
		put((width-columns(labels[1]))/2, labels[1])
	}
	return string(line)
}

// thinned makes at most n values of many, the largest of each stretch.
func thinned(values []float64, n int) []float64 {
	if len(values) <= n || n <= 0 {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = slices.Max(values[i*len(values)/n : (i+1)*len(values)/n])
	}
	return out
}
