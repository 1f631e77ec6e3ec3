package sockdiag

import (
	"encoding/binary"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Attributes is a set of what a walk reports beyond the fixed part of an entry.
// Marks, shutdown, IPV6_V6ONLY and cgroups come unasked wherever the kernel
// has them.
type Attributes uint8

// The attributes worth asking for. Each is the bit that the kernel wants for
// it: 1 << (INET_DIAG_x − 1), include/uapi/linux/inet_diag.h.
const (
	Info       Attributes = 1 << 1 // [facts.TCPInfo], and the upper layer protocol
	Congestion Attributes = 1 << 3 // name of the congestion control
	Memory     Attributes = 1 << 6 // [facts.SockMem], drops included
)

// AllAttributes asks for everything that [facts.Socket] can hold.
const AllAttributes = Info | Congestion | Memory

// Request says which sockets a walk yields. The zero value is every TCP socket
// of both families without optional attributes.
type Request struct {
	// States limits the walk; 0 means every state. Kernels before 6.8 leave
	// out bound, unconnected sockets without saying so: see [ShowsBound].
	States facts.States
	// Attributes adds optional parts. Info takes the lock of each socket.
	Attributes Attributes
	// Family limits the walk to one family; 0 means both. A dual-stack
	// listener and all of its connections, IPv4 ones too, are of IPv6.
	Family facts.Family
	// LocalPort and RemotePort limit the walk to one port; 0 means any. A
	// remote port leaves out listeners.
	LocalPort, RemotePort uint16
	// UserBound leaves out the sockets whose local port the kernel picked.
	UserBound bool
}

// Lengths from include/uapi/linux/inet_diag.h.
const (
	sockIDLen     = 48 // struct inet_diag_sockid
	requestLen    = 56 // struct inet_diag_req_v2
	requestAllLen = 60 // struct inet_diag_req
)

// Address families and the protocol as Linux numbers them. They are spelled
// out because recorded dumps are decoded on other systems too.
const (
	linuxINET  = 2
	linuxINET6 = 10
	protoTCP   = 6
)

// Operations of the filter that the kernel runs during the walk
// (inet_diag_bc_run in net/ipv4/inet_diag.c), and the attribute that holds it.
const (
	filterAttr = 1 // INET_DIAG_REQ_BYTECODE
	opJump     = 1 // INET_DIAG_BC_JMP: never holds
	opAuto     = 6 // INET_DIAG_BC_AUTO: the user did not bind the port
)

// encode returns the request as the kernel reads it, without netlink header,
// and the type of message to send it under. Only the older type of request
// gives both families in one pass: the newer one is handed to the handler of
// its family (__sock_diag_cmd in net/core/sock_diag.c).
func (r Request) encode() (kind uint16, b []byte) {
	const filterLen = 12
	var id []byte
	if r.Family == 0 {
		kind, b = typeTCP, make([]byte, requestAllLen, requestAllLen+filterLen)
		b[3] = uint8(r.Attributes)
		id = b[4:][:sockIDLen]
		binary.NativeEndian.PutUint32(b[52:], r.states())
	} else {
		kind, b = typeByFamily, make([]byte, requestLen, requestLen+filterLen)
		b[0], b[1], b[2] = linuxFamily(r.Family), protoTCP, uint8(r.Attributes)
		binary.NativeEndian.PutUint32(b[4:], r.states())
		id = b[8:][:sockIDLen]
	}
	binary.BigEndian.PutUint16(id[0:], r.LocalPort)
	binary.BigEndian.PutUint16(id[2:], r.RemotePort)
	for i := sockIDLen - 8; i < sockIDLen; i++ {
		id[i] = 0xff // any cookie: INET_DIAG_NOCOOKIE twice
	}
	if r.UserBound {
		b = appendUserBound(b)
	}
	return kind, b
}

func (r Request) states() uint32 {
	if r.States == 0 {
		return uint32(facts.AllStates)
	}
	return uint32(r.States)
}

// linuxFamily returns the number of an address family; an unknown one gives 0,
// which the kernel refuses in a request by family.
func linuxFamily(f facts.Family) uint8 {
	switch f {
	case facts.IPv4:
		return linuxINET
	case facts.IPv6:
		return linuxINET6
	}
	return 0
}

// appendUserBound adds the filter "not AUTO". An operation names how many bytes
// to go on when it holds and when it does not; arriving at the end accepts the
// socket, four bytes beyond it rejects. The kernel wants every "holds" to lead
// to the end, so AUTO leads to a jump, which never holds and goes too far.
func appendUserBound(b []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, 12)
	b = binary.NativeEndian.AppendUint16(b, filterAttr)
	for _, code := range [...]uint8{opAuto, opJump} {
		b = append(b, code, 4)
		b = binary.NativeEndian.AppendUint16(b, 8)
	}
	return b
}

// only keeps sockets of other ports from step: the kernel holds bound,
// unconnected sockets against a family and a filter, but not against the ports
// (Linux 6.18, tcp_diag_dump).
func (r Request) only(step func(*facts.Socket) bool) func(*facts.Socket) bool {
	if r.LocalPort == 0 && r.RemotePort == 0 {
		return step
	}
	return func(s *facts.Socket) bool {
		if r.LocalPort != 0 && s.Local.Port() != r.LocalPort || r.RemotePort != 0 && s.Remote.Port() != r.RemotePort {
			return true
		}
		return step(s)
	}
}
