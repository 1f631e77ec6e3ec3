package conformance

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// Arrival is a segment that the kernel under test sent to a stranger.
type Arrival struct {
	lab.Segment
	At time.Time
}

// Since is when the segment came, counted from an action.
func (a Arrival) Since(s Stamp) Moment {
	return Moment{After: a.At.Sub(s.Done), Before: a.At.Sub(s.Began)}
}

// ends are both ends of a conversation between a kernel and a stranger.
type ends struct{ kernel, stranger netip.AddrPort }

// Wire speaks for strangers, and keeps all that the server's kernel sends them.
type Wire struct {
	c    *Case
	peer *lab.Peer
	over sync.WaitGroup

	mu      sync.Mutex
	got     map[ends][]Arrival
	total   map[lab.Flags]int
	changed chan struct{} // closed and replaced with every arrival
}

func newWire(c *Case) (*Wire, error) {
	peer, err := c.bench.Peer()
	if err != nil {
		return nil, err
	}
	if err := peer.StampArrivals(); err != nil {
		return nil, errors.Join(err, peer.Close())
	}
	w := &Wire{c: c, peer: peer, got: make(map[ends][]Arrival), total: make(map[lab.Flags]int), changed: make(chan struct{})}
	w.over.Go(w.listen)
	return w, nil
}

// listen keeps what arrives, until the peer is closed.
func (w *Wire) listen() {
	for {
		s, at, err := w.peer.ReceiveStamped()
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			w.c.Fail(err)
			return
		}
		w.mu.Lock()
		key := ends{kernel: s.From, stranger: s.To}
		w.got[key] = append(w.got[key], Arrival{s, at})
		w.total[s.Flags&^lab.PSH]++
		close(w.changed)
		w.changed = make(chan struct{})
		w.mu.Unlock()
	}
}

func (w *Wire) close() error {
	err := w.peer.Close()
	w.over.Wait()
	return err
}

// Send sends one segment.
func (w *Wire) Send(s lab.Segment) {
	if !w.c.Failed() {
		w.c.Fail(w.peer.Send(s))
	}
}

// Total counts the segments with exactly these flags (PSH aside) that came to
// anybody so far.
func (w *Wire) Total(flags lab.Flags) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total[flags]
}

// Line is the conversation between two ends.
func (w *Wire) Line(kernel, stranger netip.AddrPort) *Line {
	return &Line{w: w, ends: ends{kernel, stranger}}
}

// Line is one conversation between the server's kernel and a stranger.
type Line struct {
	w    *Wire
	ends ends
	seen int
}

// Send says something as the stranger.
func (l *Line) Send(s lab.Segment) {
	s.From, s.To = l.ends.stranger, l.ends.kernel
	l.w.Send(s)
}

// Receive waits until the kernel has said n more things, or until patience is
// over, and returns all that is new.
func (l *Line) Receive(ctx context.Context, n int, patience time.Duration) []Arrival {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		l.w.mu.Lock()
		all, changed := l.w.got[l.ends], l.w.changed
		l.w.mu.Unlock()
		fresh := all[l.seen:]
		if len(fresh) >= n {
			l.seen = len(all)
			return fresh
		}
		select {
		case <-changed:
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		l.seen = len(all)
		return fresh
	}
}

// all returns everything that the kernel has said.
func (l *Line) all() []Arrival {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.got[l.ends]
}
