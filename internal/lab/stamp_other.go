//go:build !linux

package lab

import (
	"fmt"
	"time"
)

// StampArrivals returns an error on this platform.
func (p *Peer) StampArrivals() error { return fmt.Errorf("lab: %w", unsupported("packet sockets")) }

// ReceiveStamped is Receive with the time of reading on this platform.
func (p *Peer) ReceiveStamped() (Segment, time.Time, error) {
	s, err := p.Receive()
	return s, time.Now(), err
}
