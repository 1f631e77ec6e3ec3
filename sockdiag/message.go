package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// headerLen is the length of struct nlmsghdr.
const headerLen = 16

// Message types, from include/uapi/linux/netlink.h, inet_diag.h and
// sock_diag.h. Entries come under the type of their request.
const (
	typeError    = 2
	typeDone     = 3
	typeOverrun  = 4
	typeTCP      = 18 // TCPDIAG_GETSOCK: TCP sockets of both families
	typeByFamily = 20 // SOCK_DIAG_BY_FAMILY: sockets of one family and protocol
)

// message is one netlink message: its kind, which request it answers, and what
// it carries.
type message struct {
	kind uint16
	seq  uint32
	body []byte
}

// errTruncated says that a message is shorter than it claims.
var errTruncated = errors.New("truncated message")

// splitMessage takes the first message off b, which must not be empty.
func splitMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < headerLen {
		return message{}, nil, fmt.Errorf("%w: %d bytes, want a header of %d", errTruncated, len(b), headerLen)
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < headerLen || n > len(b) {
		return message{}, nil, fmt.Errorf("%w: it claims %d bytes of %d", errTruncated, n, len(b))
	}
	m = message{
		kind: binary.NativeEndian.Uint16(b[4:]),
		seq:  binary.NativeEndian.Uint32(b[8:]),
		body: b[headerLen:n:n],
	}
	return m, b[min(align4(n), len(b)):], nil
}

// align4 rounds up to a multiple of 4, as netlink pads messages and attributes.
func align4(n int) int { return (n + 3) &^ 3 }

// status returns the error number that ends a dump, 0 for success. A message of
// kind typeDone may come without one; one of kind typeError may not.
func (m message) status() (errno int32, err error) {
	if len(m.body) == 0 && m.kind == typeDone {
		return 0, nil
	}
	if len(m.body) < 4 {
		return 0, fmt.Errorf("%w: %d bytes, want an error number", errTruncated, len(m.body))
	}
	return -int32(binary.NativeEndian.Uint32(m.body)), nil
}
