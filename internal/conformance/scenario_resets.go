package conformance

import (
	"context"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var resetClosedPort = Scenario{
	Subject: "resets", Name: "closed-port",
	Doc:      "What a port that nobody listens on answers to each kind of segment.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.twin(c.Port(), c.Stranger(1, 40000))
		t.Segment(ctx, "SYN to a closed port", Say{Flags: model.SYN})
		t.Segment(ctx, "ACK to a closed port", Say{Flags: model.ACK, Ack: 5000})
		t.Segment(ctx, "data to a closed port", Say{Flags: model.ACK | model.PSH, Ack: 5000, Len: 10})
		t.Segment(ctx, "FIN to a closed port", Say{Flags: model.FIN})
		t.Segment(ctx, "RST to a closed port", Say{Flags: model.RST})
	}),
}

var resetArrives = Scenario{
	Subject: "resets", Name: "arriving",
	Doc: "A RST outside the window, one inside it and the exact one, in each state: only the last ends the " +
		"connection, the second is challenged.",
	Variants: from(append(synchronizedPlaces(), requestPlace()), func(ctx context.Context, t *Twin) {
		t.Segment(ctx, "RST beyond the window", Say{Flags: model.RST, Seq: 1 << 20})
		t.Segment(ctx, "RST before the window", Say{Flags: model.RST, Seq: -1000})
		t.Segment(ctx, "RST in the window", Say{Flags: model.RST, Seq: 100})
		t.Segment(ctx, "exact RST", Say{Flags: model.RST})
	}),
}

var resetSynSent = Scenario{
	Subject: "resets", Name: "refused",
	Doc:      "A RST for a connecting socket counts only if it acknowledges the SYN.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Active()
		t.Connect(ctx)
		t.Segment(ctx, "RST without ACK", Say{Flags: model.RST})
		t.Segment(ctx, "RST with a wrong ACK", Say{Flags: model.RST | model.ACK, Ack: 77})
		t.Segment(ctx, "RST that acknowledges", Say{Flags: model.RST | model.ACK})
	}),
}

var resetFinWait2 = Scenario{
	Subject: "resets", Name: "orphan-fin-wait2",
	Doc: "What the small object of an orphan in FIN_WAIT2 answers: a RST in the window ends it, data and a " +
		"new SYN draw one.",
	Variants: []Variant{
		{Name: "RST", Takes: stepsTake, Run: finWait2Gets("exact RST", Say{Flags: model.RST})},
		{Name: "RST in the window", Takes: stepsTake, Run: finWait2Gets("RST in the window", Say{Flags: model.RST, Seq: 100})},
		{Name: "RST beyond", Takes: stepsTake, Run: finWait2Gets("RST beyond the window", Say{Flags: model.RST, Seq: 1 << 20})},
		{Name: "data", Takes: stepsTake, Run: finWait2Gets("data after close()", Say{Flags: model.ACK, Len: 10})},
		{Name: "data and FIN", Takes: stepsTake, Run: finWait2Gets("data and FIN", Say{Flags: model.ACK | model.FIN, Len: 10})},
		{Name: "SYN", Takes: stepsTake, Run: finWait2Gets("SYN", Say{Flags: model.SYN, Seq: 10})},
	},
}

// finWait2Gets sends one segment to an orphan in FIN_WAIT2.
func finWait2Gets(what string, say Say) func(ctx context.Context, c *Case) {
	return func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := finWait2TW().reach(ctx, c)
		t.Segment(ctx, what, say)
	}
}

var resetTimeWait = Scenario{
	Subject: "resets", Name: "time-wait",
	Doc:      "The exact RST ends TIME_WAIT unless tcp_rfc1337 is on; any other never does.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "tcp_rfc1337=0", Takes: stepsTake, Run: timeWaitReset(0)},
		{Name: "tcp_rfc1337=1", Takes: stepsTake, Run: timeWaitReset(1)},
	},
}

func timeWaitReset(rfc1337 int) func(ctx context.Context, c *Case) {
	return func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		c.Server.Set(model.KeyRFC1337, rfc1337)
		t := timeWait().reach(ctx, c)
		t.Segment(ctx, "RST in the window", Say{Flags: model.RST, Seq: 100})
		t.Segment(ctx, "RST before the window", Say{Flags: model.RST, Seq: -1})
		t.Segment(ctx, "exact RST", Say{Flags: model.RST})
	}
}

var resetOnClose = Scenario{
	Subject: "resets", Name: "sent-by-close",
	Doc: "close() resets the connection where data lies unread and where SO_LINGER says zero seconds; what " +
		"is counted tells both apart.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "unread data", Takes: stepsTake, Run: closeAfter(func(ctx context.Context, t *Twin) {
			t.Segment(ctx, "data", Say{Flags: model.ACK, Len: 10})
		})},
		{Name: "unread data in CLOSE_WAIT", Takes: stepsTake, Run: closeAfter(func(ctx context.Context, t *Twin) {
			t.Segment(ctx, "data and FIN", Say{Flags: model.ACK | model.FIN, Len: 10})
		})},
		{Name: "SO_LINGER 0", Takes: stepsTake, Run: closeAfter(func(_ context.Context, t *Twin) { t.linger0() })},
		{Name: "SO_LINGER 0 in CLOSE_WAIT", Takes: stepsTake, Run: closeAfter(func(ctx context.Context, t *Twin) {
			t.linger0()
			t.fin(ctx)
		})},
		{Name: "SO_LINGER 0 in FIN_WAIT2", Takes: stepsTake, Run: closeAfter(func(ctx context.Context, t *Twin) {
			t.linger0()
			t.Shutdown(ctx)
			t.ack(ctx)
		})},
	},
}

// closeAfter opens a connection, brings about what then does, and closes.
func closeAfter(then func(ctx context.Context, t *Twin)) func(ctx context.Context, c *Case) {
	return func(ctx context.Context, c *Case) {
		t := c.Passive()
		t.Open(ctx)
		then(ctx, t)
		t.Close(ctx)
	}
}

// linger0 sets SO_LINGER to zero seconds on both sides.
func (t *Twin) linger0() {
	t.Sock.LingerNone()
	t.Conn.Policy.Linger0 = true
}

var resetDataAfterClose = Scenario{
	Subject: "resets", Name: "data-after-close",
	Doc:      "Data for a connection whose application has closed draws a RST, before and after its FIN was acknowledged.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "FIN not acknowledged", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Open(ctx)
			t.Close(ctx)
			t.Segment(ctx, "data that crosses the FIN", Say{Flags: model.ACK, Ack: -1, Len: 10})
		}},
		{Name: "data acknowledges the FIN", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Open(ctx)
			t.Close(ctx)
			t.Segment(ctx, "data that acknowledges the FIN", Say{Flags: model.ACK, Len: 10})
		}},
	},
}

var resetListenerCloses = Scenario{
	Subject: "resets", Name: "listener-closes",
	Doc: "Closing a listener resets the connections in its queue and tells half-open ones nothing; their next " +
		"segment draws the RST.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "child", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Segment(ctx, "SYN", Say{Flags: model.SYN})
			t.Segment(ctx, "final ACK", Say{Flags: model.ACK})
			t.Call(ctx, "the listener closes", model.EvListenerClosed, t.Listening.Close)
		}},
		{Name: "half-open", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Segment(ctx, "SYN", Say{Flags: model.SYN})
			t.Call(ctx, "the listener closes", model.EvListenerClosed, t.Listening.Close)
			t.Segment(ctx, "final ACK", Say{Flags: model.ACK})
		}},
	},
}
