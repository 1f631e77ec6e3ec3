package sockdiag

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// entryLen is the length of struct inet_diag_msg, the fixed part of an entry.
const entryLen = 72

// Attributes of an entry, from include/uapi/linux/inet_diag.h.
const (
	attrInfo       = 2
	attrCongestion = 4
	attrSKMemInfo  = 7
	attrShutdown   = 8
	attrV6Only     = 11
	attrMark       = 15
	attrULP        = 19
	attrCgroupID   = 21

	ulpName = 1 // INET_ULP_INFO_NAME, inside attrULP
)

// decoder turns entries into sockets. It remembers the names it has met, so
// that decoding allocates nothing for those that come again.
type decoder struct {
	congestion, ulp names
}

// socket decodes one entry into s, all of which it overwrites. Nothing in s
// aliases b afterwards.
func (d *decoder) socket(s *facts.Socket, b []byte) error {
	if len(b) < entryLen {
		return fmt.Errorf("entry: %w: %d bytes, want %d", errTruncated, len(b), entryLen)
	}
	*s = facts.Socket{}
	if err := decodeEntry(s, (*[entryLen]byte)(b)); err != nil {
		return err
	}
	for b = b[entryLen:]; len(b) >= attrHeaderLen; {
		a, rest, err := splitAttr(b)
		if err != nil {
			return err
		}
		if err := d.attr(s, a); err != nil {
			return fmt.Errorf("attribute %d: %w", a.kind, err)
		}
		b = rest
	}
	return nil
}

// decodeEntry reads struct inet_diag_msg.
func decodeEntry(s *facts.Socket, b *[entryLen]byte) error {
	// A state this package does not know counts as unknown, number 0.
	if state := facts.State(b[1]); int(state) < facts.StateCount {
		s.State = state
	}
	s.Timer, s.Retrans = facts.Timer(b[2]), b[3]

	// struct inet_diag_sockid begins at byte 4.
	localPort, remotePort := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	var local, remote netip.Addr
	switch b[0] {
	case linuxINET:
		s.Family = facts.IPv4
		local, remote = netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[24:28]))
	case linuxINET6:
		// An IPv4 client of a dual-stack socket comes as ::ffff:a.b.c.d. It is
		// told by its IPv4 address, so that connections of both kinds of
		// listener group alike; the family still says what the socket is.
		s.Family = facts.IPv6
		local, remote = netip.AddrFrom16([16]byte(b[8:24])).Unmap(), netip.AddrFrom16([16]byte(b[24:40])).Unmap()
	default:
		return fmt.Errorf("entry: address family %d", b[0])
	}
	s.Local, s.Remote = netip.AddrPortFrom(local, localPort), netip.AddrPortFrom(remote, remotePort)
	s.Ifindex = binary.NativeEndian.Uint32(b[40:])
	s.Cookie = uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32

	s.TimerMillis = binary.NativeEndian.Uint32(b[52:])
	s.RecvQueue = binary.NativeEndian.Uint32(b[56:])
	s.SendQueue = binary.NativeEndian.Uint32(b[60:])
	s.UID = binary.NativeEndian.Uint32(b[64:])
	s.Inode = binary.NativeEndian.Uint32(b[68:])
	return nil
}

// attr decodes one attribute. Unknown ones are left alone: newer kernels send
// more than older ones.
func (d *decoder) attr(s *facts.Socket, a attr) error {
	switch a.kind {
	case attrInfo:
		decodeInfo(&s.Info, a.body)
	case attrSKMemInfo:
		decodeMem(&s.Mem, a.body)
	case attrCongestion:
		s.Congestion = d.congestion.get(a.text())
	case attrCgroupID:
		if len(a.body) < 8 {
			return a.short(8)
		}
		s.CgroupID = binary.NativeEndian.Uint64(a.body)
	case attrMark:
		if len(a.body) < 4 {
			return a.short(4)
		}
		s.Mark = facts.Some(binary.NativeEndian.Uint32(a.body))
	case attrShutdown, attrV6Only:
		if len(a.body) < 1 {
			return a.short(1)
		}
		if a.kind == attrShutdown {
			s.Shutdown = a.body[0]
		} else {
			s.V6Only = a.body[0] != 0
		}
	case attrULP:
		return d.decodeULP(s, a.body)
	}
	return nil
}

// decodeULP looks for the name among the nested attributes; the others differ
// from protocol to protocol.
func (d *decoder) decodeULP(s *facts.Socket, b []byte) error {
	for len(b) >= attrHeaderLen {
		a, rest, err := splitAttr(b)
		if err != nil {
			return err
		}
		if a.kind == ulpName {
			s.ULP = d.ulp.get(a.text())
		}
		b = rest
	}
	return nil
}
