package lab

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// Sockets lists the TCP sockets of a namespace that are in one of the states,
// of both families. It is one dump, hence no snapshot.
func Sockets(ns *netns.Handle, states ...State) ([]Socket, error) {
	var mask uint32
	for _, s := range states {
		mask |= 1 << s
	}
	var sockets []Socket
	// The netlink socket must be opened inside: it answers for the namespace
	// it was made in.
	err := ns.Do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
			request.AddRawData(dumpRequest(family, mask))
			messages, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
			if err != nil {
				return err
			}
			for _, message := range messages {
				s, err := parseSocket(message)
				if err != nil {
					return err
				}
				sockets = append(sockets, s)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("lab: dump sockets: %w", err)
	}
	return sockets, nil
}

// dumpRequest makes struct inet_diag_req_v2 for a dump.
func dumpRequest(family uint8, mask uint32) []byte {
	b := make([]byte, 56)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], mask)
	return b
}
