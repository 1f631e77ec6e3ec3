package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var simultaneousOpen = Scenario{
	Subject: "simultaneous", Name: "open",
	Doc: "Both sides connect at once: SYN_RECV as a full socket, which either an ACK or the other side's SYN-ACK " +
		"completes.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "ACK completes", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := simultaneousSynRecv().reach(ctx, c)
			t.ack(ctx)
			t.Segment(ctx, "data", Say{Flags: model.ACK, Len: 5})
		}},
		{Name: "SYN-ACK completes", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := simultaneousSynRecv().reach(ctx, c)
			t.Segment(ctx, "SYN-ACK that crosses", Say{Flags: model.SYN | model.ACK, Seq: -1})
			t.Segment(ctx, "data", Say{Flags: model.ACK, Len: 5})
		}},
		{Name: "ACK with data and FIN", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := simultaneousSynRecv().reach(ctx, c)
			t.Segment(ctx, "ACK with data and FIN", Say{Flags: model.ACK | model.FIN, Len: 5})
		}},
		{Name: "wrong ACK", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := simultaneousSynRecv().reach(ctx, c)
			t.Segment(ctx, "ACK of what was never sent", Say{Flags: model.ACK, Ack: -1000})
			t.Segment(ctx, "ACK of too much", Say{Flags: model.ACK, Ack: 1})
			t.Segment(ctx, "ACK that acknowledges nothing", Say{Flags: model.ACK, Ack: -1})
			t.ack(ctx)
		}},
		{Name: "closed before it stands", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := simultaneousSynRecv().reach(ctx, c)
			t.Close(ctx)
		}},
		{Name: "nobody answers", Takes: 5 * time.Second, Run: func(ctx context.Context, c *Case) {
			c.Server.Set(model.KeySynRetries, 1)
			t := c.Active()
			since := t.since(func() { t.Connect(ctx) }) // the timer goes on
			t.Segment(ctx, "SYN that crosses", Say{Flags: model.SYN})
			t.Dwells(ctx, since)
		}},
	},
}

var simultaneousClose = Scenario{
	Subject: "simultaneous", Name: "close",
	Doc:      "Both sides close at once: CLOSING, and TIME_WAIT once the FIN is acknowledged.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "orphan", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Open(ctx)
			t.Close(ctx)
			t.crossingFIN(ctx)
			t.ack(ctx)
		}},
		{Name: "held by a process", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Active()
			t.Open(ctx)
			t.Shutdown(ctx)
			t.crossingFIN(ctx)
			t.Close(ctx)
			t.ack(ctx)
		}},
		{Name: "with data in the other FIN", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Active()
			t.Open(ctx)
			t.Shutdown(ctx)
			t.Segment(ctx, "data and FIN that cross", Say{Flags: model.FIN | model.ACK, Ack: -1, Len: 20})
			t.ack(ctx)
		}},
	},
}
