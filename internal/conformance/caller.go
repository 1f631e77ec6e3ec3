package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// Caller is a stranger that connects to a listener of the server, segment by
// segment.
type Caller struct {
	c    *Case
	line *Line
	next uint32 // what it will send next
	ack  uint32 // what it expects from the listener
}

// Caller makes a stranger that will call at a port; its number is its address.
func (c *Case) Caller(n int, port uint16) *Caller { return c.callerFrom(n, 40000, port) }

// callerFrom is Caller with a port of its own.
func (c *Case) callerFrom(n int, from, port uint16) *Caller {
	return &Caller{c: c, line: c.Wire.Line(c.Server.Addr(port), c.Stranger(n, from)), next: strangerISS}
}

// Begin sends the SYN.
func (k *Caller) Begin() { k.line.Send(lab.Segment{Flags: lab.SYN, Seq: k.next}) }

// Answered waits for the SYN-ACK and reports whether it came within patience, see
// [patienceFor].
func (k *Caller) Answered(ctx context.Context, patience time.Duration) bool {
	for _, a := range k.line.Receive(ctx, 1, patience) {
		if a.Flags.Has(lab.SYN | lab.ACK) {
			k.next, k.ack = a.Ack, a.Next()
			return true
		}
	}
	return false
}

// Complete sends the final ACK, with data if any.
func (k *Caller) Complete(data int) {
	k.line.Send(lab.Segment{Flags: lab.ACK, Seq: k.next, Ack: k.ack, Payload: make([]byte, data)})
	k.next += uint32(data)
}

// patienceFor is how long to wait for something that is expected, or that is not.
func patienceFor(expected bool) time.Duration {
	if expected {
		return patience
	}
	return 100 * time.Millisecond
}

// WasReset reports whether a RST comes; expected says what the model thinks.
func (k *Caller) WasReset(ctx context.Context, expected bool) bool {
	for _, a := range k.line.Receive(ctx, 1, patienceFor(expected)) {
		if a.Flags.Has(lab.RST) {
			return true
		}
	}
	return false
}

// Connect goes through the whole handshake.
func (k *Caller) Connect(ctx context.Context) {
	before := k.c.Server.Counters()
	k.Begin()
	if !k.Answered(ctx, patience) && !k.c.Failed() {
		k.c.Fail(fmt.Errorf("conformance: %v got no SYN-ACK from %v", k.line.ends.stranger, k.line.ends.kernel))
	}
	k.Complete(0)
	k.c.absorbed(ctx, before, 2)
}

// Effect is what an action did to the counters of the server's namespace and to
// the listener's own drop counter.
type Effect struct {
	Counts Counts
	Drops  int
}

// String gives the effect in one line.
func (e Effect) String() string {
	return fmt.Sprintf("counts %v; listener drops %+d", e.Counts, e.Drops)
}

// Effect does something that sends n segments to the listener at a port, and
// returns what it did to the counters, timers aside.
func (c *Case) Effect(ctx context.Context, port uint16, n int, act func()) Effect {
	drops, before := c.Server.Drops(ctx, port), c.Server.Counters()
	act()
	c.absorbed(ctx, before, n)
	// The counters may be read on another CPU than the one that still works on
	// the last segment.
	c.Pause(ctx, 5*time.Millisecond)
	after := c.Server.Counters()
	return Effect{c.moved(before, after, timerCounters(nil)...), c.Server.Drops(ctx, port) - drops}
}

// Answers counts the strangers that have got a segment with these flags from the
// port.
func (w *Wire) Answers(port uint16, flags lab.Flags) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for at, arrivals := range w.got {
		if at.kernel.Port() != port {
			continue
		}
		for _, a := range arrivals {
			if a.Flags&^(lab.PSH|lab.ECE) == flags {
				count++
				break
			}
		}
	}
	return count
}
