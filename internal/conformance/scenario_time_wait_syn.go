package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// timeWaitSYN is a SYN on a TIME_WAIT object of its own four-tuple.
func timeWaitSYN(timestamps bool, what string, s Say) Variant {
	name := what + ", no timestamps"
	if timestamps {
		name = what + ", timestamps"
	}
	s.Flags = model.SYN
	return Variant{Name: name, Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := c.Passive()
		t.Timestamps = timestamps
		t.Open(ctx)
		t.Close(ctx)
		t.ack(ctx)
		t.fin(ctx)
		t.Segment(ctx, what, s)
		if t.Conn.State == facts.SynRecv {
			t.Segment(ctx, "final ACK of the new connection", Say{Flags: model.ACK})
		}
	}}
}

var timeWaitReuseIncoming = Scenario{
	Subject: "time-wait-reuse", Name: "incoming-syn",
	Doc: "A SYN meets the TIME_WAIT of its own four-tuple: a higher sequence number or a newer timestamp starts " +
		"a new connection, an older timestamp never does, all else draws an ACK.",
	Families: bothFamilies(),
	Variants: []Variant{
		timeWaitSYN(false, "higher number", Say{Seq: 1000}),
		timeWaitSYN(false, "next number", Say{}),
		timeWaitSYN(false, "number beyond", Say{Seq: 1}),
		timeWaitSYN(false, "lower number", Say{Seq: -1000}),
		timeWaitSYN(true, "higher number, newer timestamp", Say{Seq: 1000}),
		timeWaitSYN(true, "lower number, newer timestamp", Say{Seq: -1000}),
		timeWaitSYN(true, "lower number, equal timestamp", Say{Seq: -1000, Back: 1}),
		timeWaitSYN(true, "higher number, equal timestamp", Say{Seq: 1000, Back: 1}),
		timeWaitSYN(true, "higher number, older timestamp", Say{Seq: 1000, Back: longBack}),
	},
}

var timeWaitReuseNoListener = Scenario{
	Subject: "time-wait-reuse", Name: "incoming-syn-no-listener",
	Doc:      "A SYN that could start a new connection is only acknowledged when nobody listens any more.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := timeWait().reach(ctx, c)
		t.Listening.Close()
		t.Env.NoListener = true
		t.Segment(ctx, "SYN, nobody listens", Say{Flags: model.SYN, Seq: 1000})
	}),
}

var timeWaitSegments = Scenario{
	Subject: "time-wait-reuse", Name: "late-segments",
	Doc:      "Which late segments TIME_WAIT answers, and which start its 60 s again.",
	Families: bothFamilies(),
	Variants: once(2*time.Second, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := timeWait().reach(ctx, c)
		t.Segment(ctx, "bare ACK", Say{Flags: model.ACK})
		t.Segment(ctx, "old data", Say{Flags: model.ACK, Seq: -2, Len: 1})
		t.Segment(ctx, "data without ACK", Say{Len: 4})
		t.Segment(ctx, "new data", Say{Flags: model.ACK, Len: 10})
		t.Segment(ctx, "the FIN again", Say{Flags: model.FIN | model.ACK, Seq: -1})
		t.Segment(ctx, "SYN+ACK", Say{Flags: model.SYN | model.ACK, Seq: 1000})
	}),
}

var timeWaitReuseFullQueue = Scenario{
	Subject: "time-wait-reuse", Name: "incoming-syn-full-queues",
	Doc: "A SYN through TIME_WAIT passes the limits of the half-open queue, cookies or not, but not the accept queue's.",
	Variants: []Variant{
		{Name: "half-open queue full, cookies 0", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			synThroughTimeWait(ctx, c, synQueueSetting{cookies: 0, backlog: 16, maxSynBacklog: 16}, false)
		}},
		{Name: "half-open queue full, cookies 1", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			synThroughTimeWait(ctx, c, synQueueSetting{cookies: 1, backlog: 16, maxSynBacklog: 128}, false)
		}},
		{Name: "cookies 2", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			synThroughTimeWait(ctx, c, synQueueSetting{cookies: 2, backlog: 16, maxSynBacklog: 128}, false)
		}},
		{Name: "accept queue full", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			synThroughTimeWait(ctx, c, synQueueSetting{cookies: 0, backlog: 4, maxSynBacklog: 128}, true)
		}},
	},
}

// synThroughTimeWait leaves a TIME_WAIT at a listener, fills one of its queues,
// and has the old peer connect anew.
func synThroughTimeWait(ctx context.Context, c *Case, s synQueueSetting, acceptFull bool) {
	port, q, listener := s.apply(c)
	k := c.Caller(1, port)
	k.leaveTimeWait(ctx, listener)
	if acceptFull {
		accepted := model.AcceptQueue{Limit: q.Limit}
		for accepted.Room() > 0 && !c.Failed() {
			accepted.Length++
			c.Caller(1+accepted.Length, port).Connect(ctx)
		}
		q.AcceptLength = accepted.Length
	} else {
		unknown := model.HalfOpenCapacity(q.Limit, q.MaxSynBacklog, q.Syncookies, false, c.Dialect) + beyondCapacity
		var sink Effect
		sink.Counts = Counts{}
		for range unknown {
			arrive(&q, model.SynArrival{}, &sink)
		}
		c.begin(ctx, port, 2, unknown)
	}
	wanted := Effect{Counts: Counts{}}
	result := arrive(&q, model.SynArrival{TimeWait: true}, &wanted)
	k.next += 100_000 // a new connection begins beyond the old one
	did := c.Effect(ctx, port, 1, k.Begin)
	c.Compare("counters", wanted.String(), did.String())
	c.Compare("half-open entry made", result == model.SynStored,
		c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.SynRecv)
	answered := result != model.SynDropped
	c.Compare("answered", answered, k.Answered(ctx, patienceFor(answered)))
}

// leaveTimeWait connects and has the server close first.
func (k *Caller) leaveTimeWait(ctx context.Context, listener *Socket) {
	k.Connect(ctx)
	listener.AcceptOne(ctx).Close()
	fin := k.line.Receive(ctx, 1, patience)
	if len(fin) == 0 {
		return
	}
	k.line.Send(fin[0].Reply(lab.FIN | lab.ACK))
	k.next++
	k.c.Until(ctx, "TIME_WAIT", patience, func() bool {
		return k.c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.TimeWait
	})
	k.line.Receive(ctx, 1, patience) // the last ACK
}
