// Package agent is the loop that watches a host for months: every tick it reads
// what is cheap, now and then it walks over all sockets, it judges what it saw,
// remembers it, and has people told. What that may cost is a budget, and the
// agent keeps to it by looking more rarely, never by looking less closely.
//
// It refuses to know where windows come from and where alerts go: those are
// interfaces, with a running kernel and a recording on one side, a disk and
// plain memory on the other.
package agent
