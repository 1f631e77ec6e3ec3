package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Dial opens a conversation about the network namespace that the calling thread
// is in. Keep the thread locked into that namespace until Dial returns; the
// connection then belongs to it for life and may be used from any goroutine.
// No privilege is needed; only [facts.Socket.Mark] takes CAP_NET_ADMIN.
func Dial() (*Conn, error) {
	d, err := dialKernel()
	if err != nil {
		return nil, err
	}
	return newConn(d), nil
}

func dialKernel() (*netlinkDumper, error) {
	// A socket of the netlink library would sit in the runtime's poller, where
	// every piece of a dump wakes a thread that finds nothing to do: twice the
	// context switches of the kernel's own work.
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("sockdiag: dial: %w", classify(os.NewSyscallError("socket", err)))
	}
	return &netlinkDumper{fd: fd}, nil
}

// netlinkDumper asks a running kernel.
type netlinkDumper struct {
	fd int // does not block
}

func (d *netlinkDumper) request(ctx context.Context, kind uint16, payload []byte) (uint32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r := nl.NewNetlinkRequest(int(kind), unix.NLM_F_DUMP)
	r.AddRawData(payload)
	err := unix.Sendto(d.fd, r.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	return r.Seq, os.NewSyscallError("sendto", err)
}

// silence bounds how long the kernel may owe an answer. It prepares the next
// piece of a dump before the system call that fetches this one returns, so
// that normally there is nothing to wait for.
const silence = 10 * time.Second

func (d *netlinkDumper) receive(ctx context.Context, buf []byte) (int, error) {
	var patience time.Time
	for {
		// With MSG_TRUNC the length is that of the message, whatever fits.
		n, from, err := unix.Recvfrom(d.fd, buf, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if patience.IsZero() {
				patience = time.Now().Add(silence)
			}
			if err := d.wait(ctx, patience); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return 0, os.NewSyscallError("recvfrom", err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // not from the kernel
		}
		if n > len(buf) {
			return 0, fmt.Errorf("%w: %d bytes, room for %d", errTruncated, n, len(buf))
		}
		return n, nil
	}
}

// wait returns when there is something to receive.
func (d *netlinkDumper) wait(ctx context.Context, patience time.Time) error {
	const slice = 50 // milliseconds between two looks at ctx
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(patience) {
			return fmt.Errorf("no answer within %s", silence)
		}
		fds := []unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, slice)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if n > 0 {
			return nil
		}
	}
}

func (d *netlinkDumper) close() error {
	fd := d.fd
	d.fd = -1 // the number may soon be somebody else's
	return os.NewSyscallError("close", unix.Close(fd))
}
