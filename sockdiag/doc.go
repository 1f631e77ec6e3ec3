// Package sockdiag collects what one host's kernel knows about TCP: it walks
// the sockets of a namespace over NETLINK_SOCK_DIAG, reads counters, settings
// and the kernel log, finds the processes behind the sockets worth naming, and
// puts all of it into a [facts.Window].
//
// A [Conn] is bound to the network namespace of the thread that dialled it.
// [Conn.Sockets] streams: the kernel's answer is decoded from a few reused
// buffers into one reused [facts.Socket], so a walk over a million sockets
// needs no more memory than one over ten. [Conn.Listeners] is cheap enough to
// be called many times a second, because the kernel keeps listeners apart from
// connections.
//
// A walk is no snapshot. Sockets come and go while the kernel goes through its
// tables, so an entry may be missed, or come twice under the same cookie;
// [facts.Reduce] counts it once. The kernel never says that this happened.
//
// [Collect] takes one window. A [Watcher] takes one after the other for as long as
// it is open, at almost no cost: ticks read counters and listeners only, walks over
// all sockets complete them more rarely, and what hangs in the kernel is a gap.
//
// The package judges nothing, changes nothing (it never destroys a socket) and
// resolves no names. What could not be read becomes a [facts.Gap].
package sockdiag
