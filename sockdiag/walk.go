package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// walk runs one dump after the other over a dumper, with what it reuses from
// one to the next.
type walk struct {
	dump    dumper
	decoder decoder
	socket  facts.Socket
	buf     []byte

	seq    uint32 // of the dump under way
	open   bool   // the kernel has more to send under seq
	broken bool   // and will never do so
}

// run starts a dump and calls step for every socket until it returns false or
// the dump ends.
func (w *walk) run(ctx context.Context, r Request, step func(*facts.Socket) bool) error {
	if err := w.discard(ctx); err != nil {
		return err
	}
	requestKind, payload := r.encode()
	seq, err := w.dump.request(ctx, requestKind, payload)
	if err != nil {
		return classify(err)
	}
	w.seq, w.open = seq, true
	step = r.only(step)
	for w.open {
		b, err := w.receive(ctx)
		if err != nil {
			return err
		}
		if more, err := w.messages(b, step); err != nil || !more {
			return err
		}
	}
	return nil
}

// discard reads what an abandoned dump left. The kernel starts no other dump
// on the same socket before (netlink_dump_start answers EBUSY).
func (w *walk) discard(ctx context.Context) error {
	for w.open {
		b, err := w.receive(ctx)
		if err != nil {
			return err
		}
		// How an abandoned dump ends concerns nobody.
		_, _ = w.messages(b, nil)
	}
	return nil
}

func (w *walk) receive(ctx context.Context) ([]byte, error) {
	if w.broken {
		return nil, ErrUnusable
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, err := w.dump.receive(ctx, w.buf)
	if err != nil {
		// Out of time, the rest of the dump can still be read later.
		w.broken = ctx.Err() == nil
		return nil, classify(err)
	}
	return w.buf[:n], nil
}

// messages goes through what was received. It reports whether to go on; a nil
// step means that nobody wants the sockets.
func (w *walk) messages(b []byte, step func(*facts.Socket) bool) (more bool, err error) {
	for len(b) > 0 {
		m, rest, err := splitMessage(b)
		if err != nil {
			w.broken = true // nobody knows where the next message begins
			return false, err
		}
		b = rest
		if m.seq != w.seq {
			continue
		}
		switch m.kind {
		case typeTCP, typeByFamily:
			if step == nil {
				continue
			}
			if err := w.decoder.socket(&w.socket, m.body); err != nil {
				return false, err
			}
			if !step(&w.socket) {
				// The dump may have ended with these very bytes.
				return false, w.skip(b)
			}
		case typeDone, typeError:
			w.open = false
			return false, m.failure()
		case typeOverrun:
			return false, errors.New("the kernel lost messages")
		}
	}
	return true, nil
}

// skip looks for the end of the dump in b without decoding.
func (w *walk) skip(b []byte) error {
	_, err := w.messages(b, nil)
	return err
}

// failure returns the error that a dump ended with, if any.
func (m message) failure() error {
	errno, err := m.status()
	if err != nil {
		return err
	}
	if errno == 0 {
		return nil
	}
	return classify(syscall.Errno(errno))
}

// classify marks errors of the kernel that mean "unsupported" or "forbidden".
func classify(err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		return err
	case errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EINVAL):
		// No NETLINK_SOCK_DIAG; no handler for TCP (inet_diag_lock_handler);
		// a filter or field this kernel does not know.
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}
