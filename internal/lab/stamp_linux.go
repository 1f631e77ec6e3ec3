package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// StampArrivals makes the kernel note when each frame came, for
// [Peer.ReceiveStamped].
func (p *Peer) StampArrivals() error {
	raw, err := p.wire.SyscallConn()
	if err != nil {
		return fmt.Errorf("lab: stamp arrivals: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err == nil {
		err = os.NewSyscallError("setsockopt", failed)
	}
	if err != nil {
		return fmt.Errorf("lab: stamp arrivals: %w", err)
	}
	return nil
}

// ReceiveStamped is Receive with the time at which the segment came, which does
// not depend on when it was read. Without StampArrivals it is the time of reading.
func (p *Peer) ReceiveStamped() (Segment, time.Time, error) {
	raw, err := p.wire.SyscallConn()
	if err != nil {
		return Segment{}, time.Time{}, fmt.Errorf("lab: receive: %w", err)
	}
	control := make([]byte, 64)
	for {
		var n, controlBytes int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, controlBytes, _, _, failed = unix.Recvmsg(int(fd), p.frame, control, 0)
			return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			err = os.ErrClosed // SyscallConn does not say it in these terms
		case failed != nil:
			err = os.NewSyscallError("recvmsg", failed)
		}
		if err != nil {
			return Segment{}, time.Time{}, fmt.Errorf("lab: receive: %w", err)
		}
		if s, ok := p.decoder.decode(p.frame[:n]); ok {
			return s, stampOf(control[:controlBytes]), nil
		}
	}
}

// stampOf reads SCM_TIMESTAMPNS, a struct timespec.
func stampOf(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SO_TIMESTAMPNS {
			continue
		}
		switch len(m.Data) {
		case 16:
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case 8:
			return time.Unix(int64(binary.NativeEndian.Uint32(m.Data)), int64(binary.NativeEndian.Uint32(m.Data[4:])))
		}
	}
	return time.Now()
}
