package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// State is a TCP state as INET_DIAG numbers it.
type State uint8

// The states a dump can hold. The kernel shows a half-open connection, which is
// no full socket yet, as SynRecv.
const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
	newSynRecv
	// BoundInactive asks for sockets that are bound and no more; they come
	// back as Closed. Kernels before 6.8 do not show them.
	BoundInactive
)

// String gives the kernel's name of the state.
func (s State) String() string {
	names := [...]string{
		Established: "ESTABLISHED", SynSent: "SYN_SENT", SynRecv: "SYN_RECV", FinWait1: "FIN_WAIT1",
		FinWait2: "FIN_WAIT2", TimeWait: "TIME_WAIT", Closed: "CLOSE", CloseWait: "CLOSE_WAIT",
		LastAck: "LAST_ACK", Listen: "LISTEN", Closing: "CLOSING", newSynRecv: "NEW_SYN_RECV",
		BoundInactive: "BOUND_INACTIVE",
	}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Socket is one line of an INET_DIAG dump without its attributes: enough to see
// that a fault stands, or to compare a kernel with the reference model.
type Socket struct {
	State         State
	Timer         uint8 // 0 none, 1 retransmit, 2 keepalive or orphan, 3 TIME_WAIT, 4 zero-window probe
	Retransmits   uint8
	Local, Remote netip.AddrPort
	Expires       time.Duration // until the timer fires
	// ReceiveQueue is the current length of a listener's accept queue, else
	// unread bytes; SendQueue is a listener's limit, else unacknowledged bytes.
	ReceiveQueue, SendQueue uint32
	UID                     uint32
	Inode                   uint32 // 0: no process owns it
	Cookie                  uint64
}

// diagMessageBytes is the length of struct inet_diag_msg.
const diagMessageBytes = 72

// parseSocket reads struct inet_diag_msg (include/uapi/linux/inet_diag.h).
func parseSocket(b []byte) (Socket, error) {
	if len(b) < diagMessageBytes {
		return Socket{}, fmt.Errorf("%d bytes, want %d", len(b), diagMessageBytes)
	}
	const inet6 = 10 // AF_INET6, the same on every Linux
	addr := func(b []byte, is6 bool) netip.Addr {
		if is6 {
			return netip.AddrFrom16([16]byte(b[:16]))
		}
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	is6 := b[0] == inet6
	return Socket{
		State: State(b[1]), Timer: b[2], Retransmits: b[3],
		Local:        netip.AddrPortFrom(addr(b[8:], is6), binary.BigEndian.Uint16(b[4:])),
		Remote:       netip.AddrPortFrom(addr(b[24:], is6), binary.BigEndian.Uint16(b[6:])),
		Cookie:       uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32,
		Expires:      time.Duration(binary.NativeEndian.Uint32(b[52:])) * time.Millisecond,
		ReceiveQueue: binary.NativeEndian.Uint32(b[56:]),
		SendQueue:    binary.NativeEndian.Uint32(b[60:]),
		UID:          binary.NativeEndian.Uint32(b[64:]),
		Inode:        binary.NativeEndian.Uint32(b[68:]),
	}, nil
}
