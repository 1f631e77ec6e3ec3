package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

var finWait2Life = Scenario{
	Subject: "fin-wait2", Name: "tcp-fin-timeout",
	Doc: "An orphan whose FIN was acknowledged and whose peer does not close: how long it is kept for each " +
		"tcp_fin_timeout, what counts it, and that the peer's late FIN draws a RST.",
	Variants: finWait2Variants(),
}

func finWait2Variants() []Variant {
	var out []Variant
	for _, seconds := range []int{1, 2, 4, 5} {
		life := time.Duration(seconds) * time.Second
		out = append(out, Variant{
			Name: fmt.Sprintf("tcp_fin_timeout=%d", seconds), Takes: model.Slack(life) + stepsTake,
			Run: func(ctx context.Context, c *Case) {
				c.Server.Set(model.KeyFinTimeout, seconds)
				finWait2Expires(ctx, c.Passive())
			},
		})
	}
	return out
}

// finWait2Expires lets an orphan's FIN_WAIT2 run out and sends the FIN after it.
func finWait2Expires(ctx context.Context, t *Twin) {
	t.OpenQuietly(ctx, 0)
	_, life := t.finWait2Life(t.c.Server.Settings().FinTimeout)
	t.Close(ctx)
	since := t.since(func() { t.ack(ctx) })
	t.Dies(ctx, since, life)
	t.Segment(ctx, "FIN after the end", Say{Flags: model.FIN | model.ACK})
}

var finWait2Long = Scenario{
	Subject: "fin-wait2", Name: "above-sixty-seconds",
	Doc: "With tcp_fin_timeout above 60 s the orphan stays a socket for the excess, and a small object for as " +
		"long again: 62 s mean 4 s.",
	Variants: []Variant{
		{Name: "tcp_fin_timeout=61", Takes: 4 * time.Second, Run: func(ctx context.Context, c *Case) { finWait2Twice(ctx, c, 61) }},
		{Name: "tcp_fin_timeout=62", Takes: 6 * time.Second, Run: func(ctx context.Context, c *Case) { finWait2Twice(ctx, c, 62) }},
		{Name: "tcp_fin_timeout=64", Takes: 10 * time.Second, Run: func(ctx context.Context, c *Case) { finWait2Twice(ctx, c, 64) }},
	},
}

func finWait2Twice(ctx context.Context, c *Case, seconds int) {
	c.Server.Set(model.KeyFinTimeout, seconds)
	t := c.Passive()
	t.OpenQuietly(ctx, 0)
	orphan, object := t.finWait2Life(c.Server.Settings().FinTimeout)
	t.Close(ctx)
	since := t.since(func() { t.ack(ctx) })
	t.Dies(ctx, since, orphan)
	if t.Conn.Object == model.TimeWaitObject {
		t.Dies(ctx, since, orphan+object)
	}
}

var finWait2Option = Scenario{
	Subject: "fin-wait2", Name: "tcp-linger2",
	Doc: "TCP_LINGER2 of the socket takes the place of tcp_fin_timeout; below zero there is no FIN_WAIT2 for " +
		"orphans at all, only a RST.",
	Variants: []Variant{
		{Name: "TCP_LINGER2=2", Takes: 4 * time.Second, Run: func(ctx context.Context, c *Case) {
			t := c.Passive(Option{optLinger2, 2})
			t.OpenQuietly(ctx, 0)
			_, object := t.finWait2Life(2 * time.Second)
			t.Close(ctx)
			since := t.since(func() { t.ack(ctx) })
			t.Dies(ctx, since, object)
		}},
		{Name: "TCP_LINGER2=-1, closed before the ACK", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.withoutFinWait2()
			t.Open(ctx)
			t.Close(ctx)
			t.ack(ctx)
		}},
		{Name: "TCP_LINGER2=-1, closed after the ACK", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.withoutFinWait2()
			t.Open(ctx)
			t.Shutdown(ctx)
			t.ack(ctx)
			t.Close(ctx)
		}},
	},
}

// withoutFinWait2 starts a twin whose TCP_LINGER2 is negative.
func (c *Case) withoutFinWait2() *Twin {
	t := c.Passive(Option{optLinger2, -1})
	t.Conn.Policy.Linger2Negative = true
	t.Listener.Policy = t.Conn.Policy
	return t
}

var finWait2Owned = Scenario{
	Subject: "fin-wait2", Name: "held-by-a-process",
	Doc: "While a process holds the socket FIN_WAIT2 has no bound, whatever tcp_fin_timeout says; close() then " +
		"starts it.",
	Variants: once(7*time.Second, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyFinTimeout, 1)
		t := c.Passive()
		t.OpenQuietly(ctx, 0)
		_, life := t.finWait2Life(c.Server.Settings().FinTimeout)
		t.Shutdown(ctx)
		t.ack(ctx)
		t.Stays(ctx, 3*time.Second)
		since := t.since(func() { t.Close(ctx) })
		t.Dies(ctx, since, life)
	}),
}

var finWait2SlowPath = Scenario{
	Subject: "fin-wait2", Name: "long-retransmission-timeout",
	Doc:   "A life shorter than three and a half retransmission timeouts is stretched to that.",
	Needs: dialectHas(func(d model.Dialect) bool { return d.RTOMax }, "this kernel has no tcp_rto_min_us"),
	Variants: once(6*time.Second, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyFinTimeout, 1)
		c.Server.Set(model.KeyRTOMin, 1_000_000)
		finWait2Expires(ctx, c.Passive())
	}),
}

// finWait2Life is how long the model keeps the connection in FIN_WAIT2, with the
// retransmission timeout that it has.
func (t *Twin) finWait2Life(timeout time.Duration) (orphan, object time.Duration) {
	if t.Sock == nil {
		return 0, 0
	}
	orphan, object = model.FinWait2Life(timeout, t.Sock.RTO())
	t.Conn.Policy.ShortFinTimeout = model.TimeWaitCounter(object) == model.CTWKilled
	return orphan, object
}
