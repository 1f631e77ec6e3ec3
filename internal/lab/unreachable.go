package lab

import (
	"fmt"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// SendUnreachable tells the sender of a segment that its destination cannot be
// reached (ICMP host unreachable, ICMPv6 address unreachable), as a router on the
// way would.
func (p *Peer) SendUnreachable(about Segment) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	frame, err := p.encoder.unreachable(about)
	if err != nil {
		return err
	}
	if _, err := p.wire.Write(frame); err != nil {
		return fmt.Errorf("lab: send unreachable about %v: %w", about, err)
	}
	return nil
}

// quoteBytes is how much of the TCP header an error quotes at least: the ports and
// the sequence number.
const quoteBytes = 8

// unreachable returns the frame, which is good until the next call.
func (e *encoder) unreachable(about Segment) ([]byte, error) {
	original, err := e.encode(about)
	if err != nil {
		return nil, err
	}
	const ethernetBytes, ip4Bytes, ip6Bytes = 14, 20, 40
	back := Segment{From: about.To, To: about.From}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if about.From.Addr().Is4() {
		quote := append([]byte(nil), original[ethernetBytes:ethernetBytes+ip4Bytes+quoteBytes]...)
		ip := &layers.IPv4{
			Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4,
			SrcIP: back.From.Addr().AsSlice(), DstIP: back.To.Addr().AsSlice(),
		}
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeHost)}
		err = gopacket.SerializeLayers(e.buffer, options, &e.ethernet, ip, icmp, gopacket.Payload(quote))
	} else {
		unused := make([]byte, 4) // RFC 4443, section 3.1
		quote := append(unused, original[ethernetBytes:ethernetBytes+ip6Bytes+quoteBytes]...)
		ip := &layers.IPv6{
			Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6,
			SrcIP: back.From.Addr().AsSlice(), DstIP: back.To.Addr().AsSlice(),
		}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeDestinationUnreachable, layers.ICMPv6CodeAddressUnreachable)}
		if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
			return nil, fmt.Errorf("lab: encode unreachable about %v: %w", about, err)
		}
		err = gopacket.SerializeLayers(e.buffer, options, &e.ethernet, ip, icmp, gopacket.Payload(quote))
	}
	if err != nil {
		return nil, fmt.Errorf("lab: encode unreachable about %v: %w", about, err)
	}
	return e.buffer.Bytes(), nil
}
