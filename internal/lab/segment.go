package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Flags are the control bits of a TCP header (RFC 9293, section 3.1).
type Flags uint8

// The control bits.
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

// String lists the bits that are set, for instance SYN+ACK.
func (f Flags) String() string {
	var names []string
	for i, name := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "+")
}

// Has reports whether all bits of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Segment is one TCP segment as a raw peer sends or receives it.
type Segment struct {
	From, To netip.AddrPort
	Flags    Flags
	Seq, Ack uint32
	// Window is the value in the header, before any scaling. A segment to
	// send with Window 0 and ZeroWindow false advertises 65535.
	Window     uint16
	ZeroWindow bool
	Options    []layers.TCPOption
	Payload    []byte
	// HopLimit is the IPv4 time to live or IPv6 hop limit; 0 stands for 64.
	HopLimit uint8
}

// String gives the segment in one line, as packet dumps do.
func (s Segment) String() string {
	return fmt.Sprintf("%v > %v %v seq %d ack %d win %d len %d",
		s.From, s.To, s.Flags, s.Seq, s.Ack, s.Window, len(s.Payload))
}

// Next is the sequence number after this segment: the payload counts, and SYN
// and FIN count one each.
func (s Segment) Next() uint32 {
	next := s.Seq + uint32(len(s.Payload))
	if s.Flags&SYN != 0 {
		next++
	}
	if s.Flags&FIN != 0 {
		next++
	}
	return next
}

// Reply starts an answer to a received segment: addresses turned round, the
// sequence number the other side expects, and an acknowledgement of all it sent.
func (s Segment) Reply(flags Flags) Segment {
	return Segment{From: s.To, To: s.From, Flags: flags, Seq: s.Ack, Ack: s.Next()}
}

// encoder turns segments into Ethernet frames. It is not safe for concurrent use.
type encoder struct {
	ethernet layers.Ethernet
	buffer   gopacket.SerializeBuffer
}

func newEncoder(from, to hardwareAddr) *encoder {
	return &encoder{
		ethernet: layers.Ethernet{SrcMAC: from[:], DstMAC: to[:]},
		buffer:   gopacket.NewSerializeBuffer(),
	}
}

// encode returns the frame, which is good until the next call.
func (e *encoder) encode(s Segment) ([]byte, error) {
	hops := s.HopLimit
	if hops == 0 {
		hops = 64
	}
	window := s.Window
	if window == 0 && !s.ZeroWindow {
		window = 65535
	}
	tcp := layers.TCP{
		SrcPort: layers.TCPPort(s.From.Port()), DstPort: layers.TCPPort(s.To.Port()),
		Seq: s.Seq, Ack: s.Ack, Window: window, Options: s.Options,
		FIN: s.Flags.Has(FIN), SYN: s.Flags.Has(SYN), RST: s.Flags.Has(RST), PSH: s.Flags.Has(PSH),
		ACK: s.Flags.Has(ACK), URG: s.Flags.Has(URG), ECE: s.Flags.Has(ECE), CWR: s.Flags.Has(CWR),
	}
	network, err := e.network(s, hops, &tcp)
	if err != nil {
		return nil, err
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	err = gopacket.SerializeLayers(e.buffer, options, &e.ethernet, network, &tcp, gopacket.Payload(s.Payload))
	if err != nil {
		return nil, fmt.Errorf("lab: encode %v: %w", s, err)
	}
	return e.buffer.Bytes(), nil
}

// network makes the IP header and ties the checksum of tcp to it.
func (e *encoder) network(s Segment, hops uint8, tcp *layers.TCP) (gopacket.SerializableLayer, error) {
	from, to := s.From.Addr(), s.To.Addr()
	if from.Is4() != to.Is4() || !from.IsValid() || !to.IsValid() {
		return nil, fmt.Errorf("lab: encode %v: addresses of two families", s)
	}
	if from.Is4() {
		ip := &layers.IPv4{
			Version: 4, TTL: hops, Protocol: layers.IPProtocolTCP, Flags: layers.IPv4DontFragment,
			SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
		}
		e.ethernet.EthernetType = layers.EthernetTypeIPv4
		return ip, tcp.SetNetworkLayerForChecksum(ip)
	}
	ip := &layers.IPv6{
		Version: 6, HopLimit: hops, NextHeader: layers.IPProtocolTCP,
		SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
	}
	e.ethernet.EthernetType = layers.EthernetTypeIPv6
	return ip, tcp.SetNetworkLayerForChecksum(ip)
}

// decoder takes segments out of Ethernet frames. It is not safe for concurrent use.
type decoder struct {
	ethernet layers.Ethernet
	ip4      layers.IPv4
	ip6      layers.IPv6
	tcp      layers.TCP
	parser   *gopacket.DecodingLayerParser
	found    []gopacket.LayerType
}

func newDecoder() *decoder {
	d := &decoder{}
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &d.ethernet, &d.ip4, &d.ip6, &d.tcp)
	d.parser.IgnoreUnsupported = true
	return d
}

// decode returns the segment in a frame; false for a frame without one. The
// result does not alias the frame.
func (d *decoder) decode(frame []byte) (Segment, bool) {
	if err := d.parser.DecodeLayers(frame, &d.found); err != nil {
		return Segment{}, false
	}
	if len(d.found) != 3 || d.found[2] != layers.LayerTypeTCP {
		return Segment{}, false
	}
	var from, to netip.Addr
	var hops uint8
	if d.found[1] == layers.LayerTypeIPv4 {
		from, _ = netip.AddrFromSlice(d.ip4.SrcIP)
		to, _ = netip.AddrFromSlice(d.ip4.DstIP)
		hops = d.ip4.TTL
	} else {
		from, _ = netip.AddrFromSlice(d.ip6.SrcIP)
		to, _ = netip.AddrFromSlice(d.ip6.DstIP)
		hops = d.ip6.HopLimit
	}
	t := &d.tcp
	return Segment{
		From: netip.AddrPortFrom(from, uint16(t.SrcPort)), To: netip.AddrPortFrom(to, uint16(t.DstPort)),
		Flags: flagsOf(t), Seq: t.Seq, Ack: t.Ack, Window: t.Window, ZeroWindow: t.Window == 0,
		Options: cloneOptions(t.Options), Payload: slices.Clone(t.Payload), HopLimit: hops,
	}, true
}

func flagsOf(t *layers.TCP) Flags {
	var f Flags
	for i, set := range [...]bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

func cloneOptions(options []layers.TCPOption) []layers.TCPOption {
	if len(options) == 0 {
		return nil
	}
	out := slices.Clone(options)
	for i := range out {
		out[i].OptionData = slices.Clone(out[i].OptionData)
	}
	return out
}
