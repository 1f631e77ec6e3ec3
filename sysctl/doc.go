// Package sysctl changes kernel parameters the way a database changes rows.
//
// It knows every parameter that matters to TCP (the catalogue: [All], [Lookup]),
// reads them ([Dir]), merges what is wanted into the smallest set of writes
// ([Merge], [NewPlan]), and carries that set out with a write-ahead journal, a
// read-back after each write, and an undo that leaves other writers' changes
// alone. It also says which file would win at the next boot.
//
// It does not decide which values are good: wants come from its caller. It never
// writes a parameter without a journal entry, never writes a namespace that it
// cannot identify again, and takes no value on trust from the kernel's own range
// check, because many parameters have none.
package sysctl
