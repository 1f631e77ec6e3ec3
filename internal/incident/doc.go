// Package incident is judgement over time: it turns what the rules say of one
// window after another into incidents that open, get worse, and end, and into
// the alerts about them. It is pure: the time comes in as an argument, and its
// state is a plain value that can be kept and restored.
//
// It refuses to guess. A finding that is missing because nobody looked ends
// nothing; only a judgement that was made and was silent does.
package incident
