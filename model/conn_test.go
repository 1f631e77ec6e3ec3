package model

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// The initial sequence numbers of all cases: ours and the peer's.
const (
	ours   Seq = 1000
	theirs Seq = 5000
)

var defaultPolicy = NewPolicy(DefaultSettings(modern, 24<<30), modern)

// step runs one event and fails the test if the space of states is left.
func step(c Conn, e Event) (Conn, run) {
	r := run{c: c, e: e}
	r.event()
	return r.c, r
}

// from builds a connection at a place, by real segments from CLOSED. It panics
// on a broken table: the tests that use it are then red anyway.
func from(n Node, p Policy) Conn {
	c := NewConn(p)
	do := func(e Event) { c, _ = step(c, e) }
	seg := func(f Flags, seq, ack Seq) { do(Event{Segment: Segment{Flags: f, Seq: seq, Ack: ack, Window: 1000}}) }
	switch n {
	case nodeClosed:
	case nodeListen:
		do(Event{Kind: EvListen})
	case nodeRequest:
		l := from(nodeListen, p)
		_, r := step(l, Event{Segment: Segment{Flags: SYN, Seq: theirs}, ISS: ours, Env: Env{SYN: SynStored}})
		c = *r.actions[0].Child
	case nodeSynSent:
		do(Event{Kind: EvConnect, ISS: ours})
	case nodeSynRecv:
		c = from(nodeSynSent, p)
		seg(SYN, theirs, 0)
	case nodeEstablished:
		c = from(nodeSynSent, p)
		seg(SYN|ACK, theirs, ours+1)
	case nodeCloseWait:
		c = from(nodeEstablished, p)
		seg(FIN|ACK, theirs+1, ours+1)
	case nodeFinWait1:
		c = from(nodeEstablished, p)
		do(Event{Kind: EvShutdown})
	case nodeFinWait1O:
		c = from(nodeEstablished, p)
		do(Event{Kind: EvClose})
	case nodeFinWait2:
		c = from(nodeFinWait1, p)
		seg(ACK, theirs+1, ours+2)
	case nodeFinWait2O:
		p.LongFinTimeout = true
		c = from(nodeFinWait1O, p)
		seg(ACK, theirs+1, ours+2)
	case nodeFinWait2T:
		p.LongFinTimeout, p.Linger2Negative = false, false
		c = from(nodeFinWait1O, p)
		seg(ACK, theirs+1, ours+2)
	case nodeClosing:
		c = from(nodeFinWait1, p)
		seg(FIN|ACK, theirs+1, ours+1)
	case nodeClosingO:
		c = from(nodeFinWait1O, p)
		seg(FIN|ACK, theirs+1, ours+1)
	case nodeLastAck:
		c = from(nodeCloseWait, p)
		do(Event{Kind: EvShutdown})
	case nodeLastAckO:
		c = from(nodeCloseWait, p)
		do(Event{Kind: EvClose})
	case nodeTimeWait:
		c = from(nodeFinWait2, p)
		seg(FIN|ACK, theirs+1, ours+2)
	}
	if c.Node != n {
		panic(fmt.Sprintf("from(%v) arrived at %v", n, c.Node))
	}
	c.Policy = p
	return c
}

// outcome is what a step did, in a form that reads well in a diff.
type outcome struct {
	To       string
	Sent     []string
	Counts   []string
	Error    string
	Spawned  string
	Restarts bool
}

func outcomeOf(r run) outcome {
	o := outcome{To: r.c.Node.String()}
	for _, a := range r.actions {
		switch a.Kind {
		case ActSend:
			o.Sent = append(o.Sent, a.Segment.String())
		case ActCount:
			_, name, _ := strings.Cut(string(a.Counter), ".")
			o.Counts = append(o.Counts, name)
		case ActError:
			o.Error = a.Error
		case ActSpawn:
			o.Spawned = a.Child.Node.String()
		case ActRestart:
			o.Restarts = true
		}
	}
	return o
}

// stepCase is one transition. The segment's numbers default to what the
// connection expects next.
type stepCase struct {
	name   string
	from   Node
	policy func(*Policy)
	adjust func(*Conn)
	event  Event
	seq    int // added to the next expected number
	ack    int // added to our next number
	want   outcome
}

func (tt stepCase) run() run {
	p := defaultPolicy
	if tt.policy != nil {
		tt.policy(&p)
	}
	c := from(tt.from, p)
	if tt.adjust != nil {
		tt.adjust(&c)
	}
	e := tt.event
	if e.Kind == EvSegment && e.Segment.Seq == 0 {
		e.Segment.Seq = c.RcvNxt.Add(tt.seq)
		if e.Segment.Flags.Has(ACK) {
			e.Segment.Ack = c.SndNxt.Add(tt.ack)
		}
	}
	_, r := step(c, e)
	return r
}

// flags returns the event of a segment with these bits.
func flags(f Flags) Event { return Event{Segment: Segment{Flags: f}} }

// data returns the event of a segment with this many bytes.
func data(f Flags, n int) Event { return Event{Segment: Segment{Flags: f, Len: n}} }

// with adds an environment.
func (e Event) with(env Env) Event { e.Env = env; return e }

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Fields(s)
}

func TestEveryTransition(t *testing.T) {
	t.Parallel()
	reached := make(map[int]bool)
	for _, tt := range stepCases() {
		r := tt.run()
		for _, row := range r.rows {
			reached[row] = true
		}
		if diff := cmp.Diff(tt.want, outcomeOf(r)); diff != "" {
			t.Errorf("%v, %s (-want +got):\n%s", tt.from, tt.name, diff)
		}
	}
	for i, row := range transitions {
		if !reached[i] {
			t.Errorf("no test takes row %d: %v, %s [%s] to %v", i, row.From, row.On, row.When, row.To)
		}
	}
}

func stepCases() []stepCase {
	return append(append(openCases(), requestCases()...), append(append(establishedCases(), closeCases()...), timeWaitCases()...)...)
}

// TestTableIsConsistent checks what follows from other columns.
func TestTableIsConsistent(t *testing.T) {
	t.Parallel()
	count := func(row Transition, c Counter) int {
		n := 0
		for _, x := range row.Count {
			if x == c {
				n++
			}
		}
		return n
	}
	for _, row := range transitions {
		name := fmt.Sprintf("%v, %s [%s]", row.From, row.On, row.When)
		if row.Source == "" {
			t.Errorf("%s: no source", name)
		}
		if guardTests[row.When] == nil {
			t.Errorf("%s: guard %q has no test", name, row.When)
		}
		born := row.Spawns.State
		if got, want := count(row, CCurrEstabPlus), b2i(!counted(row.From.State) && (counted(row.To.State) || counted(born))); got != want {
			t.Errorf("%s: got CurrEstab +%d, want +%d", name, got, want)
		}
		if got, want := count(row, CCurrEstabMinus), b2i(counted(row.From.State) && !counted(row.To.State)); got != want {
			t.Errorf("%s: got CurrEstab -%d, want -%d", name, got, want)
		}
		if got, want := count(row, CEstabResets), b2i(counted(row.From.State) && row.To.State == facts.Close); got != want {
			t.Errorf("%s: got EstabResets %d, want %d", name, got, want)
		}
		resets := 0
		for _, s := range row.Send {
			resets += b2i(s == SendRST)
		}
		if got := count(row, COutRsts); got != resets {
			t.Errorf("%s: got OutRsts %d, want %d", name, got, resets)
		}
		if row.To.Object == TimeWaitObject && row.From.Object != TimeWaitObject && count(row, CTW)+count(row, CTWKilled) != 1 {
			t.Errorf("%s: a TIME_WAIT object is made without being counted", name)
		}
	}
	var zero Transition
	for i, a := range transitions {
		for _, b := range transitions[:i] {
			if b.From.matches(a.From) && a.On == b.On && (b.When == Always || a.When == b.When) {
				t.Errorf("%v, %s [%s]: never reached behind [%s]", a.From, a.On, a.When, b.When)
			}
		}
		if a.From == zero.From {
			t.Errorf("row %d has no place", i)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
