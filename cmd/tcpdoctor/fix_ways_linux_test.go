package main

import (
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

const fixPort = 8080

func everywhere() []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), fixPort)}
}

func upstream(b *lab.Bench) netip.AddrPort {
	return netip.AddrPortFrom(b.ServerAddr(lab.IPv4), fixPort)
}
