package facts

import (
	"encoding/binary"
	"net/netip"
)

// keptPrefixes are the ranges inside which an address is replaced by another of
// the same range. What is in none of them is replaced by another of these.
var keptPrefixes = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("2000::/4"),
	netip.MustParsePrefix("3000::/4"),
	netip.MustParsePrefix("fc00::/8"),
	netip.MustParsePrefix("fd00::/8"),
	netip.MustParsePrefix("fe80::/64"),
	netip.MustParsePrefix("ff00::/8"),
}

// stays reports whether an address tells nothing about the host.
func stays(a netip.Addr) bool {
	return !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func prefixOf(a netip.Addr) (netip.Prefix, bool) {
	for _, p := range keptPrefixes {
		if p.Contains(a) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

func (r *redactor) addrPort(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(r.addr(a.Addr()), a.Port())
}

// addr replaces an address by a permutation of its range, so that different
// addresses stay different.
func (r *redactor) addr(a netip.Addr) netip.Addr {
	if a.Is4In6() {
		v4 := r.addr(a.Unmap())
		return netip.AddrFrom16(v4.As16())
	}
	zone := a.Zone()
	a = a.WithZone("")
	out, ok := r.addrs[a]
	if !ok {
		out = r.permute(a)
		r.addrs[a] = out
	}
	if zone != "" {
		out = out.WithZone(r.iface(zone))
	}
	return out
}

func (r *redactor) permute(a netip.Addr) netip.Addr {
	if stays(a) {
		return a
	}
	if p, ok := prefixOf(a); ok {
		return r.permuteBits(a, a.BitLen()-p.Bits())
	}
	// Cycle walking: within a permutation of all addresses, the first one met
	// that is in no range of its own. It is again a permutation.
	for {
		a = r.permuteBits(a, a.BitLen())
		if _, ok := prefixOf(a); !ok && !stays(a) && !a.Is4In6() {
			return a
		}
	}
}

// permuteBits applies a Feistel network to the last n bits, n being even.
func (r *redactor) permuteBits(a netip.Addr, n int) netip.Addr {
	const rounds = 8
	b := a.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	half := n / 2
	mask := ^uint64(0) >> (64 - half)
	left, right := (hi<<(64-half)|lo>>half)&mask, lo&mask
	for i := range rounds {
		left, right = right, left^r.round(n, i, right)&mask
	}
	newHi, newLo := left>>(64-half), left<<half|right
	keepHi, keepLo := ^uint64(0), ^uint64(0) // the bits before the last n
	if n >= 64 {
		keepHi, keepLo = keepHi<<(n-64), 0
	} else {
		keepLo <<= n
	}
	binary.BigEndian.PutUint64(b[:8], hi&keepHi|newHi&^keepHi)
	binary.BigEndian.PutUint64(b[8:], lo&keepLo|newLo&^keepLo)
	out := netip.AddrFrom16(b)
	if a.Is4() {
		return out.Unmap()
	}
	return out
}

func (r *redactor) round(n, i int, v uint64) uint64 {
	var in [10]byte
	in[0], in[1] = byte(n), byte(i)
	binary.BigEndian.PutUint64(in[2:], v)
	return binary.BigEndian.Uint64(r.sum("address", string(in[:])))
}
