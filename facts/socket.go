package facts

import "net/netip"

// Socket is one entry of an INET_DIAG dump. Fields that only some entries
// carry say so; request sockets, TIME_WAIT objects and orphans have no inode.
type Socket struct {
	Cookie  uint64 // one connection's identity from request socket to TIME_WAIT
	Local   netip.AddrPort
	Remote  netip.AddrPort
	Family  Family
	State   State
	Timer   Timer
	Retrans uint8 // retransmissions, or probes, under Timer

	TimerMillis uint32 // until Timer fires
	RecvQueue   uint32 // unread bytes (a FIN counts 1); LISTEN: accept queue length
	SendQueue   uint32 // unacknowledged and unsent bytes (SYN, FIN count 1 each); LISTEN: its limit
	UID         uint32
	Inode       uint32 // 0: nobody owns it
	Ifindex     uint32 // bound device, 0 for none

	CgroupID   uint64      // 0: not told (no full socket, or kernel before 5.10)
	Mark       Opt[uint32] // only with CAP_NET_ADMIN
	Shutdown   uint8       // bit 0 receive, bit 1 send
	V6Only     bool
	Congestion string // congestion control, "" where not told
	ULP        string // upper layer protocol such as "tls"

	Info TCPInfo
	Mem  SockMem
}

// Owned reports whether some process holds a descriptor of the socket, or may:
// sockets in flight between processes are owned too.
func (s *Socket) Owned() bool { return s.Inode != 0 }

// SockMem is the SKMEMINFO attribute of a socket: its memory in bytes, and how
// many packets it dropped (net/core/sock.c sk_get_meminfo).
type SockMem struct {
	RecvAlloc, RecvBuffer uint32
	SendAlloc, SendBuffer uint32
	ForwardAlloc          uint32
	SendQueued            uint32
	OptionMemory          uint32
	Backlog               uint32
	// Drops of a listener also count healthy events (a repeated SYN, a RST on
	// a half-open entry), so it ranks listeners and proves nothing.
	Drops uint32
	Known bool // whether the kernel sent the attribute
}
