// Package netns runs a function on a thread locked into a network namespace,
// and lists and identifies the namespaces of a host.
//
// A [Handle] holds the namespace open by a descriptor. That matters for
// identity: the kernel gives the inode number of a dead namespace to the next
// new one at once, so an inode number identifies a namespace only while
// somebody keeps it alive. The cookie (SO_NETNS_COOKIE, Linux 5.14 and later)
// is never given out twice within one boot.
//
// Inside [Handle.Do] only the calling thread is in the namespace. Two traps
// follow. First, /proc/net is /proc/self/net, which belongs to the thread-group
// leader, hence to the process's own namespace: read /proc/thread-self/net
// instead. (/proc/sys/net is resolved by the thread that opens the file and
// needs no such care.) Second, a goroutine started inside the function runs on
// another thread, outside the namespace; a socket opened inside keeps its
// namespace for life and may be used from any goroutine.
//
// Only namespaces that a process's leading thread lives in, or that are bound
// to a path, are found by [All]. A namespace kept alive solely by a stray
// thread, an open descriptor or a socket is not listed; [Open] takes the path
// of such a descriptor.
//
// The package does not configure namespaces: no links, addresses or settings.
package netns
