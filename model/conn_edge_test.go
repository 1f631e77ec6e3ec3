package model

import (
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestTimersRunOut fires the timer of each place until nothing is left, and
// counts.
func TestTimersRunOut(t *testing.T) {
	t.Parallel()
	for n, want := range map[Node]int{
		nodeSynSent: 10, nodeRequest: 5, nodeFinWait1: defaultPolicy.DataRepeats, nodeFinWait1O: defaultPolicy.OrphanRepeats,
		nodeLastAckO: defaultPolicy.OrphanRepeats, nodeClosing: defaultPolicy.DataRepeats,
	} {
		c := from(n, defaultPolicy)
		fired := 0
		for c.Node == n && fired < 100 {
			c, _ = step(c, Event{Kind: EvTimer})
			fired++
		}
		if c.Node != nodeClosed || fired != want+1 {
			t.Errorf("%v: got %v after %d firings, want CLOSED after %d", n, c.Node, fired, want+1)
		}
	}
}

func TestRepeatsStartAgain(t *testing.T) {
	t.Parallel()
	c := from(nodeSynSent, defaultPolicy)
	c, _ = step(c, Event{Kind: EvTimer})
	c, _ = step(c, Event{Kind: EvTimer})
	if c.Resent != 2 {
		t.Errorf("got %d repeats, want 2", c.Resent)
	}
	c, _ = step(c, Event{Segment: Segment{Flags: SYN | ACK, Seq: theirs, Ack: ours + 1}})
	if c.Resent != 0 || c.SndUna != ours+1 || c.IRS != theirs || c.ISS != ours {
		t.Errorf("got %+v, want no repeats in a new state", c)
	}
	c, _ = step(c, Event{Kind: EvWrite, Bytes: 10})
	c, _ = step(c, Event{Kind: EvTimer})
	c, _ = step(c, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1}})
	if c.Resent != 1 {
		t.Errorf("got %d repeats after an ACK of nothing, want 1", c.Resent)
	}
	c, _ = step(c, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 6}})
	if c.Resent != 0 || c.SndUna != ours+6 {
		t.Errorf("got %d repeats, %d, want none after progress", c.Resent, c.SndUna)
	}
}

// TestOneResendAfterBadACKs resends the SYN for the first bad ACK only.
func TestOneResendAfterBadACKs(t *testing.T) {
	t.Parallel()
	for _, f := range []Flags{ACK, RST | ACK} {
		c := from(nodeSynSent, defaultPolicy)
		bad := Event{Segment: Segment{Flags: f, Seq: theirs, Ack: ours + 9}}
		c, first := step(c, bad)
		c, second := step(c, bad)
		syns := 0
		for _, r := range []run{first, second} {
			for _, s := range sent(r) {
				syns += b2i(s.Flags == SYN)
			}
		}
		if syns != 1 || c.Resent != 1 {
			t.Errorf("%v: got %d SYNs, %d repeats, want 1, 1", f, syns, c.Resent)
		}
	}
	c := from(nodeSynSent, defaultPolicy)
	c.Policy.ResendSYNAtOnce = false
	if c, _ = step(c, Event{Segment: Segment{Flags: ACK, Seq: theirs, Ack: ours + 9}}); c.Resent != 0 {
		t.Errorf("older kernel: got %d repeats, want none", c.Resent)
	}
}

func TestNumbersOfNewborns(t *testing.T) {
	t.Parallel()
	l := from(nodeListen, defaultPolicy)
	syn := Segment{Flags: SYN, Seq: theirs, Timestamps: true, TSVal: 77}
	_, r := step(l, Event{Segment: syn, ISS: ours, Env: Env{SYN: SynStored}})
	request := *r.actions[0].Child
	want := Conn{Node: nodeRequest, Policy: defaultPolicy, ISS: ours, IRS: theirs, SndUna: ours, SndNxt: ours + 1,
		RcvNxt: theirs + 1, RcvWnd: 65535, Timestamps: true, TSRecent: 77}
	if request != want {
		t.Errorf("request: got %+v, want %+v", request, want)
	}
	child, _ := step(request, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1, Timestamps: true, TSVal: 78}})
	want.Node, want.SndUna, want.Unaccepted, want.TSRecent = nodeEstablished, ours+1, true, 78
	if child != want {
		t.Errorf("child: got %+v, want %+v", child, want)
	}
	_, r = step(l, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1}, Env: Env{ValidCookie: true}})
	want.Timestamps, want.TSRecent = false, 0
	if cookie := *r.actions[len(r.actions)-1].Child; cookie != want {
		t.Errorf("child of a cookie: got %+v, want %+v", cookie, want)
	}
}

// TestConnectOverTimeWaitStartsAfresh closes the new connection again: its FIN
// must be a new one.
func TestConnectOverTimeWaitStartsAfresh(t *testing.T) {
	t.Parallel()
	c := from(nodeTimeWait, defaultPolicy)
	c, r := step(c, Event{Kind: EvConnect, ISS: 7, Env: Env{Reusable: true}})
	iss := sent(r)[0].Seq
	c, _ = step(c, Event{Segment: Segment{Flags: SYN | ACK, Seq: 9000, Ack: iss + 1}})
	if c.Node != nodeEstablished || c.FinSent || c.Unread != 0 || c.Timestamps {
		t.Fatalf("got %+v, want a fresh connection", c)
	}
	_, r = step(c, Event{Kind: EvClose})
	if got := sent(r)[0]; got.Seq != iss+1 || got.Ack != 9001 {
		t.Errorf("got %v, want a FIN at %d", got, iss+1)
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	c := from(nodeEstablished, defaultPolicy)
	c, _ = step(c, Event{Segment: Segment{Flags: ACK, Seq: theirs + 1, Ack: ours + 1, Len: 5}})
	for _, tt := range []struct{ bytes, want int }{{-1, 5}, {0, 5}, {2, 3}, {100, 0}} {
		if c, _ = step(c, Event{Kind: EvRead, Bytes: tt.bytes}); c.Unread != tt.want {
			t.Errorf("read %d: got %d left, want %d", tt.bytes, c.Unread, tt.want)
		}
	}
	for _, bytes := range []int{0, -1} {
		if next, r := step(c, Event{Kind: EvWrite, Bytes: bytes}); next != c || len(r.actions) != 0 {
			t.Errorf("write %d does something", bytes)
		}
	}
	if next, r := step(c, Event{Kind: EvWrite, Bytes: 1}); len(r.actions) != 1 || next.SndNxt != c.SndNxt+1 {
		t.Error("write 1 does nothing")
	}
	c.Unaccepted = true
	if _, r := step(c, Event{Kind: EvWrite, Bytes: 1}); len(r.actions) != 0 {
		t.Error("nobody can write to an unaccepted connection")
	}
}

func TestClassifyRequestTellsOldFromBeyond(t *testing.T) {
	t.Parallel()
	c := from(nodeRequest, defaultPolicy)
	for seq, want := range map[int]Trigger{-1: OnOld, 0: OnACK, 65535: OnACK, 65536: OnBeyond} {
		s := Segment{Flags: ACK, Seq: c.RcvNxt.Add(seq), Ack: c.SndNxt}
		if got := c.classifyRequest(s, Env{}); got != want {
			t.Errorf("%d after the next: got %q, want %q", seq, got, want)
		}
	}
	for seq, want := range map[int]Trigger{-1: OnOld, 0: "", 65536: OnBeyond} {
		e := from(nodeEstablished, defaultPolicy)
		if got := e.validate(Segment{Flags: ACK, Seq: e.RcvNxt.Add(seq), Ack: e.SndNxt}); got != want {
			t.Errorf("ESTABLISHED, %d after the next: got %q, want %q", seq, got, want)
		}
	}
}

func TestWhichNodesAreSynchronized(t *testing.T) {
	t.Parallel()
	not := map[Node]bool{
		nodeClosed: true, nodeListen: true, nodeSynSent: true, nodeRequest: true, nodeTimeWait: true, nodeFinWait2T: true,
	}
	seen := make(map[Node]bool)
	for _, n := range Nodes() {
		if n.synchronized() == not[n] {
			t.Errorf("%v: got synchronized %v", n, n.synchronized())
		}
		if seen[n] || n.Object == anyObject {
			t.Errorf("%v is listed twice or is no place", n)
		}
		seen[n] = true
	}
	if len(seen) != 17 {
		t.Errorf("got %d places, want 17", len(seen))
	}
	for n, want := range map[Node]string{
		nodeListen: "LISTEN", nodeRequest: "SYN_RECV (request)", nodeFinWait1: "FIN_WAIT1 (socket)", nodeFinWait1O: "FIN_WAIT1 (orphan)",
		nodeFinWait2T: "FIN_WAIT2 (tw)", nodeClosed: "CLOSED", nodeFinWait1Any: "FIN_WAIT1 (any)",
	} {
		if n.String() != want {
			t.Errorf("got %q, want %q", n, want)
		}
	}
	if nodeListen.Object != OwnedSocket || nodeClosing.Object != OwnedSocket || nodeTimeWait.State != facts.TimeWait {
		t.Error("objects are mixed up")
	}
}
