package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// hardwareAddr is an Ethernet address.
type hardwareAddr [6]byte

// Peer speaks raw TCP over the link of a [Bench] for addresses that no kernel
// owns, so nothing but what it is told to send ever comes from them. Frames to
// the peer carry a hardware address that is nobody's, hence the kernel at its end
// of the link neither answers nor resets. Send may be called from any goroutine,
// Receive from one at a time.
type Peer struct {
	wire *os.File

	sending sync.Mutex
	encoder *encoder
	lost    uint64

	decoder *decoder
	frame   []byte
}

// newPeer opens a raw socket on a link of the namespace.
func newPeer(ns *netns.Handle, link string, own, gateway hardwareAddr) (*Peer, error) {
	wire, err := openWire(ns, link, own)
	if err != nil {
		return nil, fmt.Errorf("lab: open raw peer: %w", err)
	}
	return &Peer{
		wire:    wire,
		encoder: newEncoder(own, gateway),
		decoder: newDecoder(),
		frame:   make([]byte, 1<<17),
	}, nil
}

// Send puts one segment on the link, with right lengths and checksums. A frame
// that finds a queue full is lost, as on any network; Lost counts it.
func (p *Peer) Send(s Segment) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	frame, err := p.encoder.encode(s)
	if err != nil {
		return err
	}
	_, err = p.wire.Write(frame)
	if errors.Is(err, errQueueFull) {
		p.lost++
		return nil
	}
	if err != nil {
		return fmt.Errorf("lab: send %v: %w", s, err)
	}
	return nil
}

// Lost returns how many segments a full queue has swallowed on sending.
func (p *Peer) Lost() uint64 {
	p.sending.Lock()
	defer p.sending.Unlock()
	return p.lost
}

// Receive waits for the next segment sent to an address that the peer speaks
// for. After Close it fails with [os.ErrClosed], after the deadline with
// [os.ErrDeadlineExceeded].
func (p *Peer) Receive() (Segment, error) {
	for {
		n, err := p.wire.Read(p.frame)
		if err != nil {
			return Segment{}, fmt.Errorf("lab: receive: %w", err)
		}
		if s, ok := p.decoder.decode(p.frame[:n]); ok {
			return s, nil
		}
	}
}

// SetReadDeadline bounds the waiting of Receive; the zero time lifts the bound.
func (p *Peer) SetReadDeadline(t time.Time) error { return p.wire.SetReadDeadline(t) }

// Serve calls answer for each segment received and sends what it returns, until
// ctx ends. A nil answer keeps silent.
func (p *Peer) Serve(ctx context.Context, answer func(Segment) []Segment) error {
	stop := context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		got, err := p.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, s := range answer(got) {
			if err := p.Send(s); err != nil {
				return err
			}
		}
	}
}

// Close ends the peer.
func (p *Peer) Close() error { return p.wire.Close() }
