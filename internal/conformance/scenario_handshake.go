package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// stepsTake is about how long a handful of steps without timers takes.
const stepsTake = time.Second

var handshakePassive = Scenario{
	Subject: "handshake", Name: "listener-closes-first",
	Doc: "A listener is connected to, exchanges data and closes first: every segment, state, counter and " +
		"error through FIN_WAIT1, FIN_WAIT2 and TIME_WAIT.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Passive()
		t.Handshake(ctx)
		t.Segment(ctx, "data", Say{Flags: model.ACK, Len: 100})
		t.Read()
		t.Close(ctx)
		t.ack(ctx)
		t.fin(ctx)
		t.Segment(ctx, "the same FIN again", Say{Flags: model.FIN | model.ACK, Seq: -1})
	}),
}

var handshakePeerCloses = Scenario{
	Subject: "handshake", Name: "peer-closes-first",
	Doc:      "The other side closes first: CLOSE_WAIT, LAST_ACK and the end, four segments.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Passive()
		t.Handshake(ctx)
		t.fin(ctx)
		t.Close(ctx)
		t.ack(ctx)
		t.Segment(ctx, "a segment after the end", Say{Flags: model.ACK})
	}),
}

var handshakeThreeSegmentClose = Scenario{
	Subject: "handshake", Name: "three-segment-close",
	Doc: "The other side's FIN acknowledges ours: FIN_WAIT2 is passed through in one step, by an orphan and " +
		"by a socket that has only finished sending.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "after close()", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Handshake(ctx)
			t.Close(ctx)
			t.fin(ctx)
		}},
		{Name: "after shutdown()", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Handshake(ctx)
			t.Shutdown(ctx)
			t.fin(ctx)
		}},
	},
}

var handshakeThirdACKData = Scenario{
	Subject: "handshake", Name: "data-on-third-ack",
	Doc:      "The segment that completes the handshake carries data, and may carry the FIN as well.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "data", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Segment(ctx, "SYN", Say{Flags: model.SYN})
			t.Segment(ctx, "third segment with data", Say{Flags: model.ACK, Len: 10})
		}},
		{Name: "data and FIN", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Segment(ctx, "SYN", Say{Flags: model.SYN})
			t.Segment(ctx, "third segment with data and FIN", Say{Flags: model.ACK | model.FIN, Len: 10})
		}},
	},
}

var handshakeActive = Scenario{
	Subject: "handshake", Name: "half-close",
	Doc:      "A client connects, finishes sending, goes on receiving, and ends when the other side finishes.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Active()
		t.Handshake(ctx)
		t.Shutdown(ctx)
		t.ack(ctx)
		t.Segment(ctx, "data after our FIN", Say{Flags: model.ACK, Len: 50})
		t.Read()
		t.fin(ctx)
		t.Close(ctx)
	}),
}

var handshakeRequest = Scenario{
	Subject: "handshake", Name: "half-open-entry",
	Doc: "What a half-open entry answers: the same SYN again, a wrong acknowledgement, segments outside the " +
		"window, a new SYN inside it.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyInvalidRateLimit, 0)
		t := c.Passive()
		t.Segment(ctx, "SYN", Say{Flags: model.SYN})
		t.Segment(ctx, "the same SYN again", Say{Flags: model.SYN, Seq: -1})
		t.Segment(ctx, "ACK with a wrong number", Say{Flags: model.ACK, Ack: 100})
		t.Segment(ctx, "data beyond the window", Say{Flags: model.ACK, Seq: 1 << 20, Len: 1})
		t.Segment(ctx, "data before the window", Say{Flags: model.ACK, Seq: -100, Len: 1})
		t.Segment(ctx, "another SYN in the window", Say{Flags: model.SYN, Seq: 500})
	}),
}

var handshakeListener = Scenario{
	Subject: "handshake", Name: "listener",
	Doc:      "What a listener answers to segments that begin nothing.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Passive()
		for _, s := range []struct {
			what  string
			flags model.Flags
		}{
			{"ACK", model.ACK}, {"RST", model.RST}, {"SYN+FIN", model.SYN | model.FIN}, {"FIN", model.FIN},
			{"no flags", 0}, {"Xmas: FIN+PSH+URG", model.FIN | model.PSH | model.URG}, {"SYN+ACK", model.SYN | model.ACK},
		} {
			t.Segment(ctx, s.what, Say{Flags: s.flags})
		}
	}),
}

var handshakeSynSent = Scenario{
	Subject: "handshake", Name: "connecting",
	Doc: "What a connecting socket answers: an acknowledgement out of range draws a RST and, on newer kernels, " +
		"another SYN at once.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		t := c.Active()
		t.Connect(ctx)
		t.Segment(ctx, "ACK out of range", Say{Flags: model.ACK, Ack: 1000})
		t.Segment(ctx, "ACK out of range again", Say{Flags: model.ACK, Ack: 1000})
		t.Segment(ctx, "RST without ACK", Say{Flags: model.RST})
		t.Segment(ctx, "SYN-ACK", Say{Flags: model.SYN | model.ACK})
	}),
}

// icmp6Spares is why a half-open entry outlives an ICMPv6 error.
const icmp6Spares = "over IPv6 an unreachable address is no fatal error for a half-open entry (tcp_v6_err), over IPv4 an " +
	"unreachable host is (tcp_v4_err); the model does not tell the families apart."

var handshakeUnreachable = Scenario{
	Subject: "handshake", Name: "icmp-unreachable",
	Doc: "A router says that the other side cannot be reached: the end of a connecting socket and of a half-open " +
		"entry, if the message quotes what was sent.",
	Families: bothFamilies(),
	Deviations: []Deviation{
		{What: "ICMP unreachable", Reason: icmp6Spares},
		{What: "final ACK after that", Reason: icmp6Spares},
	},
	Variants: []Variant{
		{Name: "connecting", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Active()
			t.Connect(ctx)
			t.Unreachable(ctx)
		}},
		{Name: "half-open", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Passive()
			t.Segment(ctx, "SYN", Say{Flags: model.SYN})
			t.Unreachable(ctx)
			t.Segment(ctx, "final ACK after that", Say{Flags: model.ACK})
		}},
	},
}
