package model

import (
	"slices"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Trend returns how a series of the namespace went over the hours before. It
// is known only where somebody has watched for long enough.
func (n *Namespace) Trend(s facts.Series) (facts.Trend, bool) {
	i := slices.IndexFunc(n.window.Trends, func(t facts.Trend) bool { return t.Series == s })
	if i < 0 {
		return facts.Trend{}, false
	}
	return n.window.Trends[i], true
}

// Baseline returns the usual rate of a kernel counter in the namespace, where
// it is known.
func (n *Namespace) Baseline(counter string) (facts.Baseline, bool) {
	want := facts.Series{Metric: counter}
	i := slices.IndexFunc(n.window.Baselines, func(b facts.Baseline) bool { return b.Series == want })
	if i < 0 {
		return facts.Baseline{}, false
	}
	return n.window.Baselines[i], true
}
