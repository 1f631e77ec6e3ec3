package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Twin is one connection of the server's kernel and the same connection in the
// model, moved in lockstep. A stranger is the other end of both. Each step makes
// one comparison: the place reached, the segments sent, the counters moved and the
// error the application is told.
type Twin struct {
	c    *Case
	line *Line

	// Conn is the connection in the model, Listener the one it came from, if any.
	Conn, Listener model.Conn
	// Sock is the application's socket, nil while there is none; Listening is
	// the listener.
	Sock, Listening *Socket
	// Env is what the model is told with each event, beside what it computes.
	Env model.Env
	// Shut makes the stranger advertise no window.
	Shut bool
	// Timestamps makes the stranger send the option; Clock is its next value.
	Timestamps bool
	Clock      uint32

	kernelISS, strangerISS   model.Seq
	kernelNext, strangerNext model.Seq    // what each will send next, as the other knows
	echo                     uint32       // the last timestamp of the kernel
	refused                  Errno        // what the last call returned
	base                     lab.Counters // what Dies counts from
}

// strangerISS is where strangers begin to count; the number means nothing.
const strangerISS = 1_000_000

// twin starts a pair without a connection, between the server at a port and a stranger.
func (c *Case) twin(port uint16, stranger netip.AddrPort) *Twin {
	t := &Twin{c: c, line: c.Wire.Line(c.Server.Addr(port), stranger), Clock: 10 * longBack}
	t.Conn = model.NewConn(c.Server.Policy())
	t.strangerISS, t.strangerNext = strangerISS, strangerISS
	return t
}

// Passive starts a twin whose kernel listens.
func (c *Case) Passive(options ...Option) *Twin {
	port := c.Port()
	t := c.twin(port, c.Stranger(1, 40000))
	t.Listening = c.Server.Listen(port, 16, options...)
	t.Listener, _ = t.Conn.Step(model.Event{Kind: model.EvListen})
	return t
}

// Active starts a twin whose kernel will connect.
func (c *Case) Active(options ...Option) *Twin {
	sock := c.Server.Socket(options...)
	sock.Must("bind", sock.Bind(c.Server.Addr(c.Port())))
	t := c.twin(sock.Local().Port(), c.Stranger(1, 443))
	t.Sock = sock
	return t
}

// Say is a segment of the stranger, told from what is expected of it.
type Say struct {
	Flags model.Flags
	// Seq and Ack are offsets from the next number the kernel expects and from
	// the next it will send.
	Seq, Ack int
	Len      int
	// Back sets the timestamp clock back by so much.
	Back uint32
}

// segment makes the segment for the model.
func (t *Twin) segment(s Say) model.Segment {
	out := model.Segment{
		Flags: s.Flags, Seq: t.strangerNext.Add(s.Seq), Len: s.Len, Window: 65535,
	}
	if s.Flags.Has(model.ACK) {
		out.Ack = t.kernelNext.Add(s.Ack)
	}
	if t.Shut {
		out.Window = 0
	}
	if t.Timestamps {
		t.Clock++
		out.Timestamps, out.TSVal, out.TSEcr = true, t.Clock-s.Back, t.echo
	}
	return out
}

// wired makes the same segment for the wire.
func wired(s model.Segment) lab.Segment {
	out := lab.Segment{
		Flags: lab.Flags(s.Flags), Seq: uint32(s.Seq), Ack: uint32(s.Ack), Window: uint16(s.Window),
		ZeroWindow: s.Window == 0, Payload: make([]byte, s.Len),
	}
	if s.Timestamps {
		out.Options = []layers.TCPOption{timestampOption(s.TSVal, s.TSEcr)}
	}
	return out
}

// Segment has the stranger send a segment, and compares what it leads to.
func (t *Twin) Segment(ctx context.Context, what string, s Say) {
	segment := t.segment(s)
	event := model.Event{Kind: model.EvSegment, Segment: segment}
	t.step(ctx, what, event, func() { t.line.Send(wired(segment)) })
}

// Call has the application do something, and compares what it leads to.
func (t *Twin) Call(ctx context.Context, what string, kind model.EventKind, call func()) {
	t.step(ctx, what, model.Event{Kind: kind}, call)
}

// Unreachable has a router say that the stranger cannot be reached, about the last
// segment that the kernel sent.
func (t *Twin) Unreachable(ctx context.Context) {
	said := t.line.all()
	t.step(ctx, "ICMP unreachable", model.Event{Kind: model.EvICMP}, func() {
		if len(said) == 0 || t.c.Failed() {
			return
		}
		before := t.look().place
		t.c.Fail(t.c.Wire.peer.SendUnreachable(said[len(said)-1].Segment))
		t.c.wait(ctx, time.Second, func() bool { return !t.at(before) })
	})
}

// Connect has the application connect to the stranger.
func (t *Twin) Connect(ctx context.Context) {
	t.Call(ctx, "connect()", model.EvConnect, func() {
		if err := t.Sock.Connect(t.line.ends.stranger); err != inProgress {
			t.refused = err
		}
	})
}

// Accept takes the connection out of the listener's queue.
func (t *Twin) Accept(ctx context.Context) {
	t.Sock = t.Listening.AcceptOne(ctx)
	t.Conn, _ = t.Conn.Step(model.Event{Kind: model.EvAccept})
}

// Read has the application read all there is.
func (t *Twin) Read() {
	n, _ := t.Sock.Read(1 << 16)
	t.Conn, _ = t.Conn.Step(model.Event{Kind: model.EvRead, Bytes: n})
}

// Write has the application write so many bytes.
func (t *Twin) Write(ctx context.Context, n int) {
	event := model.Event{Kind: model.EvWrite, Bytes: n}
	t.step(ctx, fmt.Sprintf("write(%d)", n), event, func() {
		_, err := t.Sock.Write(n)
		t.Sock.Must("write", err)
	})
}

// Close has the application close the connection.
func (t *Twin) Close(ctx context.Context) {
	t.Call(ctx, "close()", model.EvClose, func() {
		t.Sock.Close()
		t.Sock = nil
	})
}

// Shutdown has the application end its sending side.
func (t *Twin) Shutdown(ctx context.Context) {
	t.Call(ctx, "shutdown(write)", model.EvShutdown, func() { t.Sock.Must("shutdown", t.Sock.Shutdown()) })
}

// Open brings the connection to ESTABLISHED by way of preparation.
func (t *Twin) Open(ctx context.Context) { t.c.Prepare(func() { t.Handshake(ctx) }) }

// Handshake completes a handshake, accepts if the kernel listened, and leaves the
// connection ESTABLISHED.
func (t *Twin) Handshake(ctx context.Context) {
	if t.Listening != nil {
		t.Segment(ctx, "SYN", Say{Flags: model.SYN})
		t.Segment(ctx, "final ACK", Say{Flags: model.ACK})
		t.Accept(ctx)
		return
	}
	t.Connect(ctx)
	t.Segment(ctx, "SYN-ACK", Say{Flags: model.SYN | model.ACK})
}

// OpenQuietly is Open for a listener without comparing, so that nothing delays
// the peer's answer but the time it is said to be away.
func (t *Twin) OpenQuietly(ctx context.Context, away time.Duration) {
	syn := t.segment(Say{Flags: model.SYN})
	t.line.Send(wired(syn))
	answer := t.line.Receive(ctx, 1, patience)
	if len(answer) == 0 {
		t.c.Fail(errors.New("conformance: no SYN-ACK"))
		return
	}
	t.kernelISS = model.Seq(answer[0].Seq)
	if away > 0 {
		t.c.Pause(ctx, away)
	}
	t.silent(model.Event{Kind: model.EvSegment, Segment: syn, ISS: t.kernelISS, Env: t.env()})
	ack := t.segment(Say{Flags: model.ACK})
	t.line.Send(wired(ack))
	t.silent(model.Event{Kind: model.EvSegment, Segment: ack})
	t.Accept(ctx)
}

// silent steps the model alone.
func (t *Twin) silent(e model.Event) {
	next, _ := t.apply(e)
	t.keep(next)
}

// step does one thing on both sides and compares.
func (t *Twin) step(ctx context.Context, what string, e model.Event, act func()) {
	if t.c.Failed() {
		return
	}
	e.Env = t.env()
	before := t.c.Server.Counters()
	clock := t.restartClock(ctx)
	act()
	_, trial := t.apply(e)
	heard := t.hear(ctx, before, e, segmentsOf(trial))
	for _, s := range heard {
		if s.Flags.Has(model.SYN) {
			e.ISS = s.Seq // drawn at random by the kernel
		}
	}
	next, actions := t.apply(e)
	if e.ISS != 0 && t.kernelISS == 0 {
		t.kernelISS = e.ISS
	}
	after := t.c.Server.Counters()
	did := t.look()
	disturbed := timerCounters(actions)
	did.sent, did.counts = heard, t.c.moved(before, after, disturbed...)
	did.restarted = clock.restarted(t)
	t.c.Compare(what, t.write(t.expected(next, actions)), t.write(did))
	t.keep(next)
	t.base = after
	for _, c := range disturbed {
		// A timer may have fired during the step: it belongs to what follows.
		t.base[string(c)] = before[string(c)]
	}
}

// apply steps the model: the connection, or the listener where there is none yet.
func (t *Twin) apply(e model.Event) (model.Conn, []model.Action) {
	conn := t.Conn
	if conn.Object == model.NoObject && t.Listening != nil && e.Kind == model.EvSegment {
		conn = t.Listener
	}
	next, actions := conn.Step(e)
	for _, a := range actions {
		if a.Kind == model.ActSpawn {
			return *a.Child, actions
		}
	}
	if conn.State == facts.Listen {
		next = t.Conn // the listener is as before, and nothing has come of it
	}
	return next, actions
}

// env is what the model needs to be told: the decision of the listener's queues.
func (t *Twin) env() model.Env {
	env := t.Env
	s := t.c.Server.Settings()
	q := model.SynQueue{Limit: 16, MaxSynBacklog: s.MaxSynBacklog, Syncookies: s.Syncookies, Extra: t.c.Dialect.SynQueueExtra}
	env.SYN = q.Decide(model.SynArrival{TimeWait: t.Conn.State == facts.TimeWait}).Result
	return env
}

// hear waits for what the model expects the kernel to say, and a little longer
// for what it does not expect. What a retransmission timer repeats meanwhile is
// left out, unless a repeat is what is expected.
func (t *Twin) hear(ctx context.Context, before lab.Counters, e model.Event, expected []model.Segment) []model.Segment {
	if e.Kind == model.EvSegment {
		t.c.absorbed(ctx, before, 1)
	}
	const most, settle = 2 * time.Second, 20 * time.Millisecond
	repeats := slices.ContainsFunc(expected, t.repeated)
	var heard []model.Segment
	listen := func(n int, patience time.Duration) {
		for _, a := range t.line.Receive(ctx, n, patience) {
			s := heardSegment(a)
			again := slices.ContainsFunc(heard, func(h model.Segment) bool { return h.Flags == s.Flags && h.Seq == s.Seq })
			if s.Size() > 0 && again || t.repeated(s) && !repeats {
				continue
			}
			heard = append(heard, s)
			if s.Timestamps {
				t.echo = s.TSVal
			}
		}
	}
	for deadline := time.Now().Add(most); len(heard) < len(expected) && time.Now().Before(deadline) && !t.c.Failed(); {
		listen(1, time.Until(deadline))
	}
	t.c.Pause(ctx, settle)
	listen(0, 0)
	return heard
}

// repeated reports whether a segment was sent before.
func (t *Twin) repeated(s model.Segment) bool {
	return s.Size() > 0 && !s.End().After(t.kernelNext) && t.kernelISS != 0
}

// keep takes over what the step has led to.
func (t *Twin) keep(next model.Conn) {
	t.Conn = next
	if next.Object == model.NoObject {
		return
	}
	t.kernelNext = next.SndNxt
	if next.RcvNxt != 0 {
		t.strangerNext = next.RcvNxt
	}
}

// look finds the connection in the kernel, and takes the error that waits for
// its application.
func (t *Twin) look() deed {
	d := deed{place: model.Node{State: facts.Close}}
	d.told, t.refused = t.refused, ""
	if t.Sock != nil && d.told == "" {
		d.told = t.Sock.Error()
	}
	if found, ok := t.c.Server.Connection(t.line.ends.kernel, t.line.ends.stranger); ok {
		d.place = nodeOf(found)
	}
	return d
}

// nodeOf tells which kernel object an entry of INET_DIAG stands for.
func nodeOf(s lab.Socket) model.Node {
	state := facts.State(s.State)
	n := model.Node{State: state, Object: model.OwnedSocket}
	switch {
	case state == facts.SynRecv && s.Inode == 0:
		n.Object = model.Request
	case facts.Timer(s.Timer) == facts.TimerTimeWait:
		n.Object = model.TimeWaitObject
	case s.Inode == 0 && state != facts.Established && state != facts.CloseWait:
		n.Object = model.Orphan
	}
	return n
}

// deed is what one step has led to, in the model or in the kernel.
type deed struct {
	place     model.Node
	sent      []model.Segment
	counts    Counts
	told      Errno
	restarted bool // the timer of TIME_WAIT
}

// write gives a deed in one line.
func (t *Twin) write(d deed) string {
	var b strings.Builder
	b.WriteString(d.place.String())
	for i, s := range d.sent {
		b.WriteString([]string{"; sends ", ", "}[min(i, 1)] + t.writeSegment(s))
	}
	if len(d.counts) > 0 {
		b.WriteString("; counts " + d.counts.String())
	}
	if d.told != "" {
		b.WriteString("; tells " + string(d.told))
	}
	if d.restarted {
		b.WriteString("; timer restarts")
	}
	return b.String()
}

// writeSegment gives a segment with numbers counted from where each side began.
func (t *Twin) writeSegment(s model.Segment) string {
	var b strings.Builder
	b.WriteString((s.Flags &^ (model.PSH | model.ECE | model.CWR)).String())
	if s.Seq != 0 {
		fmt.Fprintf(&b, " seq %d", t.kernelISS.Distance(s.Seq))
	}
	if s.Flags.Has(model.ACK) {
		fmt.Fprintf(&b, " ack %d", t.strangerISS.Distance(s.Ack))
	}
	if s.Len > 0 {
		fmt.Fprintf(&b, " len %d", s.Len)
	}
	return b.String()
}

// In reports whether the kernel's connection is in one of the states now.
func (t *Twin) In(states ...facts.State) bool {
	return slices.Contains(states, t.c.Server.State(t.line.ends.kernel, t.line.ends.stranger))
}
