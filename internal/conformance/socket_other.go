//go:build !linux

package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const unsupported Errno = "ENOSYS"

func (s *Side) unsupported() { s.c.Fail(fmt.Errorf("conformance: sockets: %w", errors.ErrUnsupported)) }

// Socket fails the case on this platform.
func (s *Side) Socket(...Option) *Socket {
	s.unsupported()
	return &Socket{side: s, fd: -1}
}

// SetOption does nothing on this platform.
func (k *Socket) SetOption(Option) {}

// Option returns 0 on this platform.
func (k *Socket) Option(option) int { return 0 }

// LingerNone does nothing on this platform.
func (k *Socket) LingerNone() {}

// Bind returns an error on this platform.
func (k *Socket) Bind(netip.AddrPort) Errno { return unsupported }

// Listen returns an error on this platform.
func (k *Socket) Listen(int) Errno { return unsupported }

// Connect returns an error on this platform.
func (k *Socket) Connect(netip.AddrPort) Errno { return unsupported }

// Connected returns an error on this platform.
func (k *Socket) Connected(context.Context) Errno { return unsupported }

// Error returns an error on this platform.
func (k *Socket) Error() Errno { return unsupported }

// Accept returns nothing on this platform.
func (k *Socket) Accept() *Socket { return nil }

// AcceptOne returns a closed socket on this platform.
func (k *Socket) AcceptOne(context.Context) *Socket { return k }

// Write returns an error on this platform.
func (k *Socket) Write(int) (int, Errno) { return 0, unsupported }

// Read returns an error on this platform.
func (k *Socket) Read(int) (int, Errno) { return 0, unsupported }

// Shutdown returns an error on this platform.
func (k *Socket) Shutdown() Errno { return unsupported }

// RTO returns 0 on this platform.
func (k *Socket) RTO() time.Duration { return 0 }

// Steer does nothing on this platform.
func (k *Socket) Steer(int) {}

// Cookie returns 0 on this platform.
func (k *Socket) Cookie() uint64 { return 0 }

// Close does nothing on this platform.
func (k *Socket) Close() {}

func (k *Socket) abort() {}

// Local returns nothing on this platform.
func (k *Socket) Local() netip.AddrPort { return netip.AddrPort{} }
