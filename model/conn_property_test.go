package model

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// anySegment draws a segment near what a connection expects.
func anySegment(t *rapid.T, c Conn) Segment {
	near := rapid.SampledFrom([]int{0, 0, 0, -1, 1, 2, -5, 70000, -70000})
	return Segment{
		Flags:      Flags(rapid.IntRange(0, 63).Draw(t, "flags")),
		Seq:        c.RcvNxt.Add(near.Draw(t, "seq")),
		Ack:        c.SndNxt.Add(near.Draw(t, "ack")),
		Len:        rapid.SampledFrom([]int{0, 0, 1, 100}).Draw(t, "len"),
		Timestamps: rapid.Bool().Draw(t, "timestamps"),
		TSVal:      rapid.Uint32().Draw(t, "tsval"),
	}
}

func anyEvent(t *rapid.T, c Conn) Event {
	flip := func(name string) bool { return rapid.Bool().Draw(t, name) }
	e := Event{
		Kind:  EventKind(rapid.IntRange(int(EvSegment), int(EvListenerClosed)).Draw(t, "kind")),
		Bytes: rapid.IntRange(-1, 100).Draw(t, "bytes"),
		ISS:   Seq(rapid.Uint32().Draw(t, "iss")),
		Env: Env{
			SYN:        rapid.SampledFrom([]SynResult{SynDropped, SynStored, SynCookie}).Draw(t, "syn"),
			AcceptFull: flip("full"), Deferred: flip("deferred"), ValidCookie: flip("cookie"),
			RecentOverflow: flip("recent"), TimeWaitFull: flip("twfull"), RateLimited: flip("limited"),
			Locked: flip("locked"), Reusable: flip("reusable"), NoListener: flip("nolistener"), BadEcho: flip("echo"),
		},
	}
	if e.Kind == EvSegment || flip("segment instead") {
		e.Kind = EvSegment
		e.Segment = anySegment(t, c)
	}
	return e
}

// TestNothingLeavesTheStateSpace runs random events through a connection and
// whatever it spawns.
func TestNothingLeavesTheStateSpace(t *testing.T) {
	t.Parallel()
	all := Nodes()
	rapid.Check(t, func(t *rapid.T) {
		p := defaultPolicy
		p.Linger2Negative = rapid.Bool().Draw(t, "linger2")
		p.Linger0 = rapid.Bool().Draw(t, "linger0")
		p.AbortOnOverflow = rapid.Bool().Draw(t, "abort")
		p.RFC1337 = rapid.Bool().Draw(t, "rfc1337")
		p.LongFinTimeout = rapid.Bool().Draw(t, "long")
		c := from(rapid.SampledFrom(all).Draw(t, "start"), defaultPolicy)
		c.Policy = p
		estab := b2i(counted(c.State))
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			e := anyEvent(t, c)
			before := c
			next, actions := c.Step(e)
			checkStep(t, before, next, e, actions, all)
			for _, a := range actions {
				switch {
				case a.Kind == ActCount && a.Counter == CCurrEstabPlus:
					estab++
				case a.Kind == ActCount && a.Counter == CCurrEstabMinus:
					estab--
				case a.Kind == ActSpawn:
					next = *a.Child // follow the newborn
				}
			}
			c = next
			if got := b2i(counted(c.State)); estab != got {
				t.Fatalf("CurrEstab is %d in %v after %+v from %v", estab, c.Node, e, before.Node)
			}
			if again, twice := before.Step(e); !slices.EqualFunc(actions, twice, sameAction) || again.Node != nodeAfter(before, e) {
				t.Fatalf("the same step twice differs: %+v, %+v", actions, twice)
			}
		}
	})
}

func nodeAfter(c Conn, e Event) Node {
	next, _ := c.Step(e)
	return next.Node
}

func sameAction(a, b Action) bool {
	if a.Child != nil && b.Child != nil {
		return *a.Child == *b.Child
	}
	return a == b
}

func checkStep(t *rapid.T, before, next Conn, e Event, actions []Action, all []Node) {
	if !slices.Contains(all, next.Node) {
		t.Fatalf("%v left the state space for %v on %+v", before.Node, next.Node, e)
	}
	resets := 0
	for _, a := range actions {
		if a.Kind == ActSpawn && !slices.Contains(all, a.Child.Node) {
			t.Fatalf("%v spawned %v", before.Node, a.Child.Node)
		}
		if a.Kind != ActSend {
			continue
		}
		s := a.Segment
		if s.Flags.Has(RST) {
			resets++
			if e.Kind == EvSegment && e.Segment.Flags.Has(RST) {
				t.Fatalf("%v answered a RST by a RST: %v to %v", before.Node, e.Segment, s)
			}
		}
		if s.Flags.Has(SYN|FIN) || s.Flags.Has(SYN|RST) || s.Flags == 0 {
			t.Fatalf("%v sent the illegal %v", before.Node, s)
		}
		if before.synchronized() && next.Object != NoObject && !s.Flags.Has(RST) && s.Seq.After(next.SndNxt) {
			t.Fatalf("%v sent %v beyond its next number %d", before.Node, s, next.SndNxt)
		}
	}
	if resets > 1 {
		t.Fatalf("%v sent %d RSTs on one event", before.Node, resets)
	}
	if next.State != facts.Close && next.Node == before.Node && next.synchronized() && next.RcvNxt.Before(before.RcvNxt) {
		t.Fatalf("%v went back from %d to %d on %+v", before.Node, before.RcvNxt, next.RcvNxt, e)
	}
}

func TestSequenceArithmeticWraps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Seq(rapid.Uint32().Draw(t, "s"))
		n := rapid.IntRange(1, 1<<31-1).Draw(t, "n")
		if !s.Before(s.Add(n)) || !s.Add(n).After(s) || s.After(s.Add(n)) || s.Distance(s.Add(n)) != n {
			t.Fatalf("%d and %d later are out of order", s, n)
		}
		if s.Before(s) || s.After(s) || !s.AtMost(s) || !s.AtMost(s.Add(n)) || s.Add(n).AtMost(s) {
			t.Fatalf("order of %d and %d later is not strict", s, n)
		}
		if !s.Within(s, uint32(n)) || s.Add(n).Within(s, uint32(n)) || s.Add(-1).Within(s, uint32(n)) {
			t.Fatalf("window of %d bytes from %d is wrong", n, s)
		}
	})
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    Segment
		size int
		text string
	}{
		{Segment{Flags: SYN, Seq: 5}, 1, "SYN seq=5"},
		{Segment{Flags: SYN | ACK, Seq: 5, Ack: 6}, 1, "SYN+ACK seq=5 ack=6"},
		{Segment{Flags: FIN | ACK | PSH, Seq: 5, Ack: 6, Len: 10}, 11, "FIN+PSH+ACK seq=5 ack=6 len=10"},
		{Segment{Flags: SYN | FIN, Len: 3}, 5, "SYN+FIN seq=0 len=3"},
		{Segment{Flags: RST}, 0, "RST seq=0"},
		{Segment{Flags: URG | ECE | CWR}, 0, "URG+ECE+CWR seq=0"},
		{Segment{}, 0, "none seq=0"},
	} {
		if tt.s.Size() != tt.size || tt.s.String() != tt.text || tt.s.End() != tt.s.Seq.Add(tt.size) {
			t.Errorf("got size %d, %q, want %d, %q", tt.s.Size(), tt.s, tt.size, tt.text)
		}
	}
}
