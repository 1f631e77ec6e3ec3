package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// LookUp returns the connection of a namespace with these two ends, and whether
// there is one. Unlike [Sockets] it walks nothing, so its cost does not depend on
// how many sockets the host has.
func LookUp(ns *netns.Handle, local, remote netip.AddrPort) (Socket, bool, error) {
	var messages [][]byte
	err := ns.Do(func() (err error) {
		request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
		request.AddRawData(lookUpRequest(local, remote))
		messages, err = request.Execute(unix.NETLINK_INET_DIAG, 0)
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return Socket{}, false, nil
	}
	if err != nil {
		return Socket{}, false, fmt.Errorf("lab: look up %v > %v: %w", local, remote, err)
	}
	for _, message := range messages {
		s, err := parseSocket(message)
		if err != nil {
			return Socket{}, false, fmt.Errorf("lab: look up %v > %v: %w", local, remote, err)
		}
		// Where no connection matches, the kernel answers with the listener.
		if s.State != Listen && s.Remote.Port() == remote.Port() && s.Remote.Addr().Unmap() == remote.Addr() {
			return s, true, nil
		}
	}
	return Socket{}, false, nil
}

// lookUpRequest makes struct inet_diag_req_v2 for one connection.
func lookUpRequest(local, remote netip.AddrPort) []byte {
	family := uint8(unix.AF_INET6)
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	b := dumpRequest(family, ^uint32(0))
	id := b[8:] // struct inet_diag_sockid
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], local.Addr().AsSlice())
	copy(id[20:36], remote.Addr().AsSlice())
	for i := 40; i < 48; i++ {
		id[i] = 0xff // any cookie: INET_DIAG_NOCOOKIE twice
	}
	return b
}
