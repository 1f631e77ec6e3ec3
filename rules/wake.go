package rules

import (
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Wake is a kernel counter whose rise makes a walk over all sockets worthwhile
// at once, because only the walk can name the culprit.
type Wake struct {
	Counter string
	// PerSecond is the least rise that counts; 0 means any at all.
	PerSecond float64
}

// Wakes reports whether a counter rose that some rule of the set wants a walk
// for, and says which. A rise that is usual, by the baseline of its counter,
// wakes nobody. baseline may be nil.
func Wakes(set []Rule, before, after facts.Counters, seconds float64, baseline func(counter string) (facts.Baseline, bool)) (reason string, ok bool) {
	if seconds <= 0 {
		return "", false
	}
	for i := range set {
		for _, w := range set[i].Wakes {
			rise, known := facts.Delta(before, after, w.Counter)
			perSecond := float64(rise) / seconds
			if !known || rise == 0 || perSecond < w.PerSecond {
				continue
			}
			if baseline != nil {
				if b, known := baseline(w.Counter); known && !b.Unusual(perSecond) {
					continue
				}
			}
			return fmt.Sprintf("%s rose by %s (%s)", w.Counter, people(rise), set[i].ID), true
		}
	}
	return "", false
}

// Baselined lists the counters whose usual rate the rules of the set ask for,
// each once, in a fixed order: those that wake and those of [Rule.Baselines].
func Baselined(set []Rule) []string {
	var out []string
	for i := range set {
		for _, w := range set[i].Wakes {
			out = append(out, w.Counter)
		}
		out = append(out, set[i].Baselines...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
