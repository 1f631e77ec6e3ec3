package conformance

import (
	"context"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var checksSegments = Scenario{
	Subject: "challenge-ack", Name: "unacceptable-segments",
	Doc: "Segments that fail the checks of RFC 9293, in every synchronized state: before the window, beyond it, " +
		"acknowledging too much, and a SYN.",
	Families: bothFamilies(),
	Variants: from(synchronizedPlaces(), func(ctx context.Context, t *Twin) {
		t.Segment(ctx, "old ACK", Say{Flags: model.ACK, Seq: -1})
		t.Segment(ctx, "old data", Say{Flags: model.ACK, Seq: -3, Len: 2})
		t.Segment(ctx, "ACK beyond the window", Say{Flags: model.ACK, Seq: 1 << 20})
		t.Segment(ctx, "data beyond the window", Say{Flags: model.ACK, Seq: 1 << 20, Len: 2})
		t.Segment(ctx, "SYN in the window", Say{Flags: model.SYN, Seq: 10})
		t.Segment(ctx, "SYN before the window", Say{Flags: model.SYN, Seq: -100})
		t.Segment(ctx, "ACK of too much", Say{Flags: model.ACK, Ack: 1000})
	}),
}

// longBack sets a timestamp back by more than any retransmission timeout: a pure
// ACK that is a little old passes as out of order.
const longBack = 1_000_000

var checksTimestamps = Scenario{
	Subject: "challenge-ack", Name: "old-timestamps",
	Doc:      "Segments whose timestamp is older than the newest seen (PAWS), in every state that keeps one.",
	Variants: stamped(slices.Concat(synchronizedPlaces(), []place{requestPlace(), finWait2TW(), timeWait()})),
}

// stamped sends segments with an old timestamp at each place.
func stamped(places []place) []Variant {
	for i := range places {
		places[i].timestamps = true
	}
	return from(places, func(ctx context.Context, t *Twin) {
		t.Segment(ctx, "ACK with an old timestamp", Say{Flags: model.ACK, Back: longBack})
		t.Segment(ctx, "data with an old timestamp", Say{Flags: model.ACK, Len: 5, Back: longBack})
		t.Segment(ctx, "RST with an old timestamp, inexact", Say{Flags: model.RST, Seq: 100, Back: longBack})
		t.Segment(ctx, "exact RST with an old timestamp", Say{Flags: model.RST, Back: longBack})
	})
}

var checksLimit = Scenario{
	Subject: "challenge-ack", Name: "rate-limit",
	Doc: "tcp_invalid_ratelimit lets one answer pass and counts the next as skipped, each object by its own counter; " +
		"with 0 nothing is limited.",
	Variants: []Variant{
		limited(requestPlace(), "old data", Say{Flags: model.ACK, Seq: -10, Len: 2}),
		limited(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }), "RST in the window", Say{Flags: model.RST, Seq: 100}),
		limited(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }), "SYN", Say{Flags: model.SYN, Seq: 100}),
		limited(passivePlace("CLOSE_WAIT", func(ctx context.Context, t *Twin) { t.Open(ctx); t.fin(ctx) }), "RST in the window", Say{Flags: model.RST, Seq: 100}),
		limited(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }), "old ACK", Say{Flags: model.ACK, Seq: -10}),
		limited(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }), "old data", Say{Flags: model.ACK, Seq: -10, Len: 2}),
		limited(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }), "ACK of too much", Say{Flags: model.ACK, Ack: 1000}),
		limited(passivePlace("LAST_ACK", func(ctx context.Context, t *Twin) { t.Open(ctx); t.fin(ctx); t.Shutdown(ctx) }), "ACK of too much", Say{Flags: model.ACK, Ack: 1000}),
		limited(requestPlace(), "old ACK", Say{Flags: model.ACK, Seq: -10}),
		limited(timeWait(), "the FIN again", Say{Flags: model.ACK | model.FIN, Seq: -1}),
		limited(finWait2TW(), "old ACK", Say{Flags: model.ACK, Seq: -10}),
		limited(timeWait(), "old ACK", Say{Flags: model.ACK, Seq: -10}),
	},
}

// limited sends a segment thrice: answered, skipped, and answered again
// without a limit.
func limited(p place, what string, s Say) Variant {
	return Variant{Name: p.name + ", " + what, Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
		const longMillis = 60_000
		c.Server.Set(model.KeyInvalidRateLimit, longMillis)
		t := p.reach(ctx, c)
		t.Segment(ctx, what, s)
		t.Env.RateLimited = c.Server.Settings().InvalidRateLimit > 0
		t.Segment(ctx, what+" again", s)
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t.Env.RateLimited = c.Server.Settings().InvalidRateLimit > 0
		t.Segment(ctx, what+" without a limit", s)
	}}
}

var checksLimitPAWS = Scenario{
	Subject: "challenge-ack", Name: "rate-limit-old-timestamps",
	Doc: "The same for segments with an old timestamp.",
	Variants: []Variant{
		limitedPAWS(passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) })),
		limitedPAWS(requestPlace()),
		limitedPAWS(timeWait()),
	},
}

func limitedPAWS(p place) Variant {
	p.timestamps = true
	return limited(p, "ACK with an old timestamp", Say{Flags: model.ACK, Back: longBack})
}

var checksBadEcho = Scenario{
	Subject: "challenge-ack", Name: "bad-echo",
	Doc:   "The final ACK echoes a timestamp that was never sent: newer kernels reject it.",
	Needs: dialectHas(func(d model.Dialect) bool { return d.CounterTSEcrRejected }, "this kernel does not check the echo"),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := c.Passive()
		t.Timestamps = true
		t.Segment(ctx, "SYN", Say{Flags: model.SYN})
		good := t.echo
		t.echo += 1_000_000
		t.Env.BadEcho = true
		t.Segment(ctx, "final ACK with a bad echo", Say{Flags: model.ACK})
		t.echo = good // that of the SYN-ACK; a later one is none either
		t.Env.BadEcho = false
		t.Segment(ctx, "final ACK", Say{Flags: model.ACK})
	}),
}

var checksOldACK = Scenario{
	Subject: "challenge-ack", Name: "overtaken-ack",
	Doc: "A pure ACK with an old number and an old timestamp was only overtaken: newer kernels do not answer it.",
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := c.Passive()
		t.Timestamps = true
		t.Open(ctx)
		t.Segment(ctx, "data", Say{Flags: model.ACK, Len: 5})
		t.Segment(ctx, "ACK that was overtaken by data", Say{Flags: model.ACK, Seq: -5, Back: 50})
		t.Segment(ctx, "data that was overtaken", Say{Flags: model.ACK, Seq: -5, Len: 5, Back: 50})
	}),
}
