// Package rules holds the named judgements of tcpdoctor: each [Rule] looks at
// what a window means and says what is wrong, who is to blame, what proves it,
// and what to do, with the effect the model predicts.
//
// Rules are pure. They never guess: where a total cannot be tied to one
// culprit the finding's confidence says so, and where the input is missing the
// rule answers "unknown" rather than staying silent.
package rules

//go:generate go run ../internal/listgen -type Rule -files "rule_*.go" -doc "every built-in rule, by ID"
