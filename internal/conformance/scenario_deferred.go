package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var deferredAccept = Scenario{
	Subject: "deferred-accept", Name: "bare-ack",
	Doc: "TCP_DEFER_ACCEPT ignores the bare ACK and keeps silent until its last round: what is read back, what is " +
		"counted, when the one SYN-ACK leaves, and when the entry dies if nothing comes.",
	Families: bothFamilies(),
	Variants: deferVariants(),
}

func deferVariants() []Variant {
	var out []Variant
	for _, d := range []struct{ seconds, retries int }{{1, 1}, {2, 1}, {5, 1}, {2, 3}} {
		rounds := model.DeferRounds(d.seconds, rtoMaxDefault)
		out = append(out, Variant{
			Name:  fmt.Sprintf("TCP_DEFER_ACCEPT=%d, tcp_synack_retries=%d", d.seconds, d.retries),
			Takes: deathOf(model.DeferSchedule(d.retries, rounds, rtoMaxDefault)),
			Run: func(ctx context.Context, c *Case) {
				c.Server.Set(model.KeySynackRetries, d.retries)
				deferBareACK(ctx, c, d.seconds)
			},
		})
	}
	return out
}

// deferListener opens a listener that waits for data, and returns the model's rounds.
func deferListener(c *Case, seconds int) (port uint16, listener *Socket, rounds int) {
	port = c.Port()
	listener = c.Server.Listen(port, 16, Option{optDeferAccept, seconds})
	return port, listener, model.DeferRounds(seconds, c.Server.Settings().RTOMax)
}

func deferBareACK(ctx context.Context, c *Case, seconds int) {
	port, listener, rounds := deferListener(c, seconds)
	set := c.Server.Settings()
	c.Compare("TCP_DEFER_ACCEPT read back", model.DeferSeconds(rounds, set.RTOMax), listener.Option(optDeferAccept))
	k := c.Caller(1, port)
	began := c.Do(k.Begin)
	k.Answered(ctx, patience)
	c.compareIgnored(ctx, k)
	schedule := model.DeferSchedule(set.SynackRetries, rounds, set.RTOMax)
	died := c.Watch(ctx, began, schedule.Death, func() bool {
		return c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.SynRecv
	})
	compareSends(c, "SYN-ACK", schedule, began, k.line.all())
	c.Compare("the entry dies", schedule.Death, died)
}

// compareIgnored sends the bare ACK of a handshake that is waiting for data.
func (c *Case) compareIgnored(ctx context.Context, k *Caller) {
	request := c.request()
	next, actions := request.Step(model.Event{Kind: model.EvSegment, Segment: finalACK(request, 0), Env: model.Env{Deferred: true}})
	wanted := Counts{}
	wanted.Take(actions)
	port := k.line.ends.kernel.Port()
	did := c.Effect(ctx, port, 1, func() { k.Complete(0) })
	c.Compare("bare ACK", fmt.Sprintf("%v; counts %v", model.StateName(next.State), wanted),
		fmt.Sprintf("%v; counts %v", model.StateName(c.Server.State(k.line.ends.kernel, k.line.ends.stranger)), did.Counts))
	c.Compare("connections to accept", queue(model.AcceptQueue{Limit: 16}), c.Server.queue(ctx, port))
}

// request is a half-open entry in the model.
func (c *Case) request() model.Conn {
	conn := model.NewConn(c.Server.Policy())
	conn.Node = model.Node{State: facts.SynRecv, Object: model.Request}
	conn.IRS, conn.RcvNxt = strangerISS, strangerISS+1
	conn.ISS, conn.SndUna, conn.SndNxt = strangerISS, strangerISS, strangerISS+1
	return conn
}

// finalACK is the segment that completes the handshake of a request.
func finalACK(request model.Conn, data int) model.Segment {
	return model.Segment{Flags: model.ACK, Seq: request.RcvNxt, Ack: request.SndNxt, Len: data}
}

var deferredData = Scenario{
	Subject: "deferred-accept", Name: "completion",
	Doc:      "Data completes a deferred connection at once, and the answer to the last SYN-ACK does without data.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "data after the ACK", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			port, _, _ := deferListener(c, 5)
			k := c.Caller(1, port)
			k.Begin()
			k.Answered(ctx, patience)
			c.compareIgnored(ctx, k)
			c.compareCompletes(ctx, k, "data after the ACK", 10)
		}},
		{Name: "data instead of the ACK", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			port, _, _ := deferListener(c, 5)
			k := c.Caller(1, port)
			k.Begin()
			k.Answered(ctx, patience)
			c.compareCompletes(ctx, k, "data instead of the ACK", 10)
		}},
		{Name: "answer to the last SYN-ACK", Takes: 3 * time.Second, Run: func(ctx context.Context, c *Case) {
			port, _, _ := deferListener(c, 1)
			k := c.Caller(1, port)
			k.Begin()
			k.Answered(ctx, patience)
			k.Complete(0)
			k.Answered(ctx, patience)
			c.compareCompletes(ctx, k, "ACK of the last SYN-ACK", 0)
		}},
	},
}

// compareCompletes sends a final segment that is not deferred.
func (c *Case) compareCompletes(ctx context.Context, k *Caller, what string, data int) {
	request := c.request()
	next, actions := request.Step(model.Event{Kind: model.EvSegment, Segment: finalACK(request, data)})
	wanted := Counts{}
	wanted.Take(actions)
	port := k.line.ends.kernel.Port()
	did := c.Effect(ctx, port, 1, func() { k.Complete(data) })
	c.Compare(what, fmt.Sprintf("%v; counts %v", model.StateName(next.State), wanted),
		fmt.Sprintf("%v; counts %v", model.StateName(c.Server.State(k.line.ends.kernel, k.line.ends.stranger)), did.Counts))
	c.Compare("connections to accept after "+what, queue(model.AcceptQueue{Limit: 16, Length: 1}), c.Server.queue(ctx, port))
}
