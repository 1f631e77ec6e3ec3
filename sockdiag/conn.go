package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// dumper is where dumps come from: a netlink socket, or a file recorded from
// one.
type dumper interface {
	// request starts a dump and returns the sequence number that its messages
	// will carry.
	request(ctx context.Context, kind uint16, payload []byte) (seq uint32, err error)
	// receive fills buf with whole messages and returns how many bytes.
	receive(ctx context.Context, buf []byte) (n int, err error)
	close() error
}

// bufferLen is how much is received at once. The kernel fills at most 32 KiB
// (netlink_recvmsg in net/netlink/af_netlink.c), some 70 sockets.
const bufferLen = 32 << 10

// Conn is a conversation with the kernel about the sockets of one network
// namespace. It serves one walk at a time; what a walk that ended early left
// unread is discarded at the start of the next one.
type Conn struct {
	dump    dumper
	lent    *buffers // nil: it has one of its own
	walking sync.Mutex
	walk    walk // guarded by walking
}

// ErrBusy says that a second walk was started before the first had ended.
var ErrBusy = errors.New("sockdiag: a walk over this connection is under way")

// ErrUnusable says that an earlier failure left the conversation in a state
// from which it cannot go on. Dial again.
var ErrUnusable = errors.New("sockdiag: connection unusable after an earlier failure")

func newConn(d dumper) *Conn {
	return &Conn{dump: d, walk: walk{dump: d, buf: make([]byte, bufferLen)}}
}

// newLendingConn makes one that has a buffer only during a walk.
func newLendingConn(d dumper, b *buffers) *Conn {
	return &Conn{dump: d, lent: b, walk: walk{dump: d}}
}

// Close ends the conversation. It must not be called during a walk.
func (c *Conn) Close() error { return c.dump.close() }

// Sockets walks over the sockets that r asks for. The yielded socket is only
// valid until the next step. The walk ends after the first error, which is the
// last value yielded; what came before it is sound but incomplete.
//
// The error wraps ctx's error if that is why the walk ended,
// [errors.ErrUnsupported] if this kernel cannot dump TCP sockets or does not
// know a filter, and [io/fs.ErrPermission] if it refuses. All others are
// failures.
func (c *Conn) Sockets(ctx context.Context, r Request) iter.Seq2[*facts.Socket, error] {
	return func(yield func(*facts.Socket, error) bool) {
		if !c.walking.TryLock() {
			yield(nil, ErrBusy)
			return
		}
		defer c.walking.Unlock()
		if c.lent != nil {
			c.walk.buf = c.lent.take()
			defer func() {
				c.lent.give(c.walk.buf)
				c.walk.buf = nil
			}()
		}
		more := true
		err := c.walk.run(ctx, r, func(s *facts.Socket) bool {
			more = yield(s, nil)
			return more
		})
		if err != nil && more {
			yield(nil, fmt.Errorf("sockdiag: walk: %w", err))
		}
	}
}

// Listeners walks over the listeners only, with [Memory] for their drops. Its
// cost does not depend on the number of connections.
func (c *Conn) Listeners(ctx context.Context) iter.Seq2[*facts.Socket, error] {
	return c.Sockets(ctx, Request{States: facts.StateSet(facts.Listen), Attributes: Memory})
}
