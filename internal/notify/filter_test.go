package notify

import (
	"maps"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"syn-flood", "syn-flood", true},
		{"syn-flood", "syn-floods", false},
		{"*", "", true},
		{"*", "anything", true},
		{"", "", true},
		{"", "a", false},
		{"accept-*", "accept-queue-overflow", true},
		{"accept-*", "accept", false},
		{"*-overflow", "accept-queue-overflow", true},
		{"*-overflow", "accept-queue-overflow-2", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"*ab*ab*", "abab", true},
		{"*ab*ab", "ab", false},
		{"docker/*", "docker/web/1", true},
	} {
		if got := matches(c.pattern, c.value); got != c.want {
			t.Errorf("%q with %q: got %v, want %v", c.pattern, c.value, got, c.want)
		}
	}
}

func TestFilter(t *testing.T) {
	a := sample(1)
	for name, c := range map[string]struct {
		filter filter
		alert  incident.Alert
		want   bool
	}{
		"all":                 {filter{}, a, true},
		"resolved, unwanted":  {filter{}, over(a), false},
		"resolved":            {filter{sendResolved: true}, over(a), true},
		"severe enough":       {filter{least: rules.Critical}, a, true},
		"not severe enough":   {filter{least: rules.Critical}, with(a, "severity", "warning"), false},
		"without a severity":  {filter{least: rules.Info}, with(a, "severity", ""), false},
		"id":                  {filter{ids: []string{"syn-flood", "accept-*"}}, a, true},
		"other id":            {filter{ids: []string{"syn-flood"}}, a, false},
		"one of several":      {filter{severities: []string{"info", "critical"}}, a, true},
		"id but not netns":    {filter{ids: []string{"*"}, netns: []string{"db*"}}, a, false},
		"finding says else":   {filter{least: rules.Critical}, func() incident.Alert { b := a; b.Finding.Severity = rules.Info; return b }(), true},
		"everything together": {filter{least: rules.Info, ids: []string{"*"}, severities: []string{"*"}, netns: []string{"host"}}, a, true},
	} {
		if got := c.filter.wants(c.alert); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// with returns an alert with another value of a label.
func with(a incident.Alert, label, value string) incident.Alert {
	labels := maps.Clone(a.Labels)
	labels[label] = value
	a.Labels = labels
	return a
}
