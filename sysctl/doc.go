// Package sysctl changes kernel parameters the way a database changes rows.
//
// It knows every parameter that matters to TCP (the catalogue: [All], [Lookup]),
// reads them ([Dir]), merges what is wanted into the smallest set of writes
// ([Merge], [NewPlan]), and carries that set out with a write-ahead journal, a
// read-back after each write, and an undo that leaves other writers' changes
// alone. It also says which file would win at the next boot.
//
// It does not decide which values are good: wants come from its caller. It never
// writes a parameter without a journal entry, never undoes a change in a namespace
// that it cannot prove to be the changed one, and takes no value on trust from the
// kernel's own range check, because many parameters have none.
//
// # What an undo can promise
//
// An undo compares last and writes at once. The kernel offers no atomic exchange
// of a parameter, so a window remains between the end of the comparison's read and
// the end of the write, both through one open file: a change made by somebody else
// within it is overwritten. Measured over 1,000 undone writes on Linux 6.18 with two
// busy processors it is 1.6 µs in the median and 0.25 ms for 99 of 100, when the
// process loses its processor in between; each undo records its own. A change made
// before that, at any point, is recognised by its value and left alone. Somebody
// else's write of the very value that we wrote cannot be told from ours.
package sysctl

//go:generate go run ../internal/listgen -type Group -func Groups -files "spec_*.go" -doc "every group of the catalogue"
