//go:build !linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// LookUp returns an error on this platform.
func LookUp(*netns.Handle, netip.AddrPort, netip.AddrPort) (Socket, bool, error) {
	return Socket{}, false, fmt.Errorf("lab: look up: %w", unsupported("socket diagnosis"))
}
