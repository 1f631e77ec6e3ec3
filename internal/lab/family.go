package lab

import (
	"fmt"
	"net/netip"
)

// Family says which version of IP a fault is made with.
type Family int

// The families. The zero value stands for IPv4.
const (
	IPv4 Family = 4
	IPv6 Family = 6
	// DualStack means IPv4 clients that meet an IPv6 listener, as with most
	// servers that listen "on all addresses".
	DualStack Family = 46
)

// String names the family as flags and test names spell it.
func (f Family) String() string {
	switch f {
	case IPv4, 0:
		return "ipv4"
	case IPv6:
		return "ipv6"
	case DualStack:
		return "dual-stack"
	}
	return fmt.Sprintf("family %d", int(f))
}

// wire is the version of IP that packets have.
func (f Family) wire() Family {
	if f == IPv6 {
		return IPv6
	}
	return IPv4
}

// Wildcard is the address a listener of this family is bound to.
func (f Family) Wildcard() netip.Addr {
	if f == IPv6 || f == DualStack {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
