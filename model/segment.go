package model

import (
	"fmt"
	"strings"
)

// Flags are the control bits of a TCP header.
type Flags uint8

// The control bits, in their place in the header.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Has reports whether all of these bits are set.
func (f Flags) Has(bits Flags) bool { return f&bits == bits }

// String returns the names of the bits: "SYN+ACK".
func (f Flags) String() string {
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}
	var set []string
	// SYN and RST come first as people say them; ACK comes last.
	for _, i := range [...]int{1, 2, 0, 3, 5, 6, 7, 4} {
		if f&(1<<i) != 0 {
			set = append(set, names[i])
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, "+")
}

// Segment is one TCP segment as far as the connection's state depends on it.
type Segment struct {
	Flags  Flags
	Seq    Seq
	Ack    Seq // valid with the ACK bit
	Len    int // bytes of data
	Window uint32
	// Timestamps tells that the option is there.
	Timestamps   bool
	TSVal, TSEcr uint32
}

// Size returns how much sequence space the segment takes: its data, and one
// each for SYN and FIN (RFC 9293, 3.4).
func (s Segment) Size() int {
	n := s.Len
	if s.Flags.Has(SYN) {
		n++
	}
	if s.Flags.Has(FIN) {
		n++
	}
	return n
}

// End returns the sequence number after the segment.
func (s Segment) End() Seq { return s.Seq.Add(s.Size()) }

// String returns "SYN+ACK seq=1000 ack=5001 len=0".
func (s Segment) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s seq=%d", s.Flags, s.Seq)
	if s.Flags.Has(ACK) {
		fmt.Fprintf(&b, " ack=%d", s.Ack)
	}
	if s.Len > 0 {
		fmt.Fprintf(&b, " len=%d", s.Len)
	}
	return b.String()
}
