package notify

import (
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// filter decides which alerts a receiver is told of. It looks at labels alone:
// they are constant for the life of an alert, so whoever heard that it fires
// will hear that it is over.
type filter struct {
	least        rules.Severity
	ids          []string
	severities   []string
	netns        []string
	sendResolved bool
}

// wants reports whether the receiver is to be told.
func (f filter) wants(a incident.Alert) bool {
	switch {
	case a.Status == incident.Resolved && !f.sendResolved:
		return false
	case rules.Severity(a.Labels["severity"]).Rank() < f.least.Rank():
		return false
	}
	return matchesAny(f.ids, a.Labels["id"]) &&
		matchesAny(f.severities, a.Labels["severity"]) &&
		matchesAny(f.netns, a.Labels["netns"])
}

// matchesAny reports whether a value matches one of the patterns, or whether
// there are none.
func matchesAny(patterns []string, value string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return matches(p, value) })
}

// matches compares a value with a pattern in which each * stands for any text.
func matches(pattern, value string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == value
	}
	value, ok := strings.CutPrefix(value, first)
	if !ok {
		return false
	}
	pieces := strings.Split(rest, "*")
	last := pieces[len(pieces)-1]
	for _, piece := range pieces[:len(pieces)-1] {
		_, after, found := strings.Cut(value, piece)
		if !found {
			return false
		}
		value = after
	}
	return strings.HasSuffix(value, last)
}
