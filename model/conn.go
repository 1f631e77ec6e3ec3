package model

import "github.com/tcpdoctor/tcpdoctor/facts"

// Policy is what the settings, the socket's options and the dialect decide for
// one connection.
type Policy struct {
	AbortOnOverflow   bool
	RFC1337           bool
	ChallengeHalfOpen bool // an inexact RST does not delete a half-open entry
	ForgiveOvertaken  bool // a pure ACK that was overtaken draws no answer
	ResendSYNAtOnce   bool // after a bad ACK in SYN_SENT
	Linger2Negative   bool // TCP_LINGER2 below zero: no FIN_WAIT2 for orphans
	Linger0           bool // SO_LINGER with zero seconds: close() resets
	LongFinTimeout    bool // tcp_fin_timeout above 60 s
	ShortFinTimeout   bool // the object of an orphan's FIN_WAIT2 lives 4 s at most
	SynRepeats        int  // SYNs sent after the first
	CrossedRepeats    int  // SYN-ACKs sent after the first by a simultaneous open
	SynAckRepeats     int
	OrphanRepeats     int
	DataRepeats       int
}

// NewPolicy returns the policy of a socket without options of its own.
func NewPolicy(s Settings, d Dialect) Policy {
	_, finWait2 := FinWait2Life(s.FinTimeout, nearRTO)
	return Policy{
		AbortOnOverflow:   s.AbortOnOverflow,
		RFC1337:           s.RFC1337,
		ChallengeHalfOpen: d.HalfOpenRSTChallenge,
		ForgiveOvertaken:  d.CounterPAWSOldAck,
		ResendSYNAtOnce:   d.ImmediateSYNResend,
		LongFinTimeout:    s.FinTimeout > TimeWaitLength,
		ShortFinTimeout:   TimeWaitCounter(finWait2) == CTWKilled,
		SynRepeats:        len(SynSchedule(s.SynRetries, s.SynLinearTimeouts, s.rtoMax()).Sends) - 1,
		CrossedRepeats:    s.SynRetries,
		SynAckRepeats:     s.SynackRetries,
		OrphanRepeats:     repeatsOf(EffectiveOrphanRetries(s.OrphanRetries, false), s),
		DataRepeats:       repeatsOf(s.Retries2, s),
	}
}

// Conn is one kernel object of a connection: a listener, a half-open entry, a
// socket, an orphan or a TIME_WAIT object. It is a value; [Conn.Step] returns
// the next one. The zero value is a closed connection.
type Conn struct {
	Node
	Policy Policy

	ISS, IRS       Seq // initial sequence numbers: ours, the peer's
	SndUna, SndNxt Seq // oldest unacknowledged, next to send
	RcvNxt         Seq // next expected
	RcvWnd         uint32
	FinSent        bool // our FIN took the sequence number before SndNxt
	Unread         int  // bytes that arrived and the application has not read
	Unaccepted     bool // a child that no accept() has taken yet
	ListenerGone   bool // a half-open entry whose listener was closed
	Resent         int  // repeats of what is outstanding
	Timestamps     bool
	TSRecent       uint32 // newest timestamp seen
}

// NewConn returns a closed connection.
func NewConn(p Policy) Conn { return Conn{Node: nodeClosed, Policy: p, RcvWnd: 65535} }

// EventKind is what happens to a connection.
type EventKind uint8

// The events.
const (
	EvSegment EventKind = iota
	EvConnect
	EvListen
	EvAccept
	EvRead
	EvWrite
	EvShutdown // of the sending side
	EvClose
	EvTimer          // the retransmission, FIN_WAIT2 or TIME_WAIT timer fires
	EvKeepalive      // keepalive has given up
	EvICMP           // an ICMP error for this connection
	EvListenerClosed // the listener of this half-open entry or child was closed
)

// Event is one event with what the connection itself cannot know.
type Event struct {
	Kind    EventKind
	Segment Segment // of EvSegment
	Bytes   int     // of EvRead and EvWrite
	ISS     Seq     // the initial sequence number, where one is chosen
	Env     Env
}

// Env is what decides beside the connection: the listener's queues, the
// TIME_WAIT table, rate limits.
type Env struct {
	SYN            SynResult // what the listener's queues decided ([SynQueue.Decide])
	AcceptFull     bool
	Deferred       bool // TCP_DEFER_ACCEPT still waits for data
	ValidCookie    bool
	RecentOverflow bool // the listener overflowed in the last 120 s
	TimeWaitFull   bool // tcp_max_tw_buckets is reached
	RateLimited    bool // tcp_invalid_ratelimit or the challenge-ACK limit
	Locked         bool // the socket is inside a system call
	Reusable       bool // [ConnectReuse.Allowed]
	NoListener     bool // nobody listens on this port any more
	// BadEcho tells that the timestamp echoed is none that was sent. Kernels
	// without the counter TSEcrRejected do not check it.
	BadEcho bool
}

// ActionKind is what a step makes happen.
type ActionKind uint8

// The actions.
const (
	ActSend    ActionKind = iota // a segment leaves
	ActCount                     // a counter rises
	ActSpawn                     // a new object appears
	ActError                     // the application's call fails
	ActRestart                   // the TIME_WAIT timer starts again
)

// Action is one consequence of a step.
type Action struct {
	Kind    ActionKind
	Segment Segment // of ActSend
	Counter Counter // of ActCount
	Child   *Conn   // of ActSpawn
	Error   string  // of ActError
}

// Step returns the connection after an event, and what happens besides. An
// event that means nothing where the connection is changes nothing.
func (c Conn) Step(e Event) (Conn, []Action) {
	r := run{c: c, e: e}
	r.event()
	return r.c, r.actions
}

// run is one step under way.
type run struct {
	c       Conn
	e       Event
	actions []Action
	rows    []int // of the table, in the order taken
}

func (r *run) event() {
	c := &r.c
	switch r.e.Kind {
	case EvSegment:
		r.segment()
	case EvConnect:
		r.take(OnConnect)
	case EvListen:
		r.take(OnListen)
	case EvAccept:
		c.Unaccepted = false
	case EvRead:
		c.Unread = max(0, c.Unread-max(0, r.e.Bytes))
	case EvWrite:
		r.write()
	case EvShutdown:
		r.take(OnShutdown)
	case EvClose:
		r.take(c.closeTrigger())
	case EvTimer:
		r.take(c.timerTrigger())
	case EvKeepalive:
		r.take(OnKeepalive)
	case EvICMP:
		r.take(OnICMP)
	case EvListenerClosed:
		r.listenerClosed()
	}
}

// closeTrigger tells the three ways of close() apart (tcp_close).
func (c Conn) closeTrigger() Trigger {
	switch {
	case c.Object != OwnedSocket || c.State == facts.Listen:
		return OnClose
	case c.Unread > 0:
		return OnCloseUnread
	case c.Policy.Linger0:
		return OnCloseLinger
	}
	return OnClose
}

// timerTrigger tells a timer with repeats left from the last one.
func (c Conn) timerTrigger() Trigger {
	var budget int
	switch {
	case c.Object == TimeWaitObject:
		return OnLastTimer
	case c.State == facts.FinWait2:
		return OnTimer
	case c.Object == Request:
		budget = c.Policy.SynAckRepeats
	case c.State == facts.SynSent:
		budget = c.Policy.SynRepeats
	case c.State == facts.SynRecv:
		budget = c.Policy.CrossedRepeats
	case c.Object == Orphan:
		budget = c.Policy.OrphanRepeats
	default:
		budget = c.Policy.DataRepeats
	}
	if c.SndUna == c.SndNxt {
		return "" // nothing is outstanding, so no timer runs
	}
	if c.Resent < budget {
		return OnTimer
	}
	return OnLastTimer
}

// write sends data at once; the model keeps no send buffer.
func (r *run) write() {
	c := &r.c
	if !counted(c.State) || c.Object != OwnedSocket || c.Unaccepted || r.e.Bytes <= 0 {
		return
	}
	s := Segment{Flags: ACK | PSH, Seq: c.SndNxt, Ack: c.RcvNxt, Len: r.e.Bytes, Window: c.RcvWnd}
	c.SndNxt = c.SndNxt.Add(r.e.Bytes)
	r.send(s)
}

func (r *run) listenerClosed() {
	switch {
	case r.c.Object == Request:
		r.take(OnListenerClosed)
		r.c.ListenerGone = true
	case r.c.Unaccepted:
		r.take(OnListenerClosed)
	}
}
