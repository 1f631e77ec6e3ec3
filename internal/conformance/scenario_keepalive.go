package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var keepaliveDead = Scenario{
	Subject: "keepalive", Name: "silent-peer",
	Doc: "A socket that asked for keepalive, with a peer that keeps silent: when the probes leave, when the " +
		"connection ends, how, and what is counted; in ESTABLISHED and in CLOSE_WAIT.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "ESTABLISHED", Takes: 5 * time.Second, Run: func(ctx context.Context, c *Case) { keptAlive(ctx, c, false) }},
		{Name: "CLOSE_WAIT", Takes: 5 * time.Second, Run: func(ctx context.Context, c *Case) { keptAlive(ctx, c, true) }},
	},
}

// setKeepalive makes keepalive quick: a probe after one second, another a second
// later, and the end a second after that.
func setKeepalive(c *Case) model.Settings {
	c.Server.Set(model.KeyKeepaliveTime, 1)
	c.Server.Set(model.KeyKeepaliveInterval, 1)
	c.Server.Set(model.KeyKeepaliveProbes, 2)
	return c.Server.Settings()
}

func keptAlive(ctx context.Context, c *Case, peerCloses bool) {
	set := setKeepalive(c)
	t := c.Passive(Option{optKeepalive, 1})
	var since Stamp
	if peerCloses {
		t.Open(ctx)
		since = t.since(func() { t.fin(ctx) })
	} else {
		since = t.since(func() { t.Open(ctx) })
	}
	at := t.Conn.Node
	said, before := len(t.line.all()), c.Server.Counters()
	died := c.Watch(ctx, since, model.KeepaliveLife(set), func() bool { return t.at(at) })
	c.Compare("the connection ends", model.KeepaliveLife(set), died)
	next, actions := t.Conn.Step(model.Event{Kind: model.EvKeepalive})
	want := t.expected(next, actions)
	c.wait(ctx, patience, func() bool { return len(t.line.all())-said >= set.KeepaliveProbes+len(want.sent) })
	did := t.look()
	after := c.Server.Counters()
	did.counts = c.moved(before, after)
	probes := 0
	for _, a := range t.line.all()[said:] {
		if a.Flags.Has(lab.RST) {
			did.sent = append(did.sent, heardSegment(a))
			continue
		}
		probes++
		if probes <= set.KeepaliveProbes {
			due := set.KeepaliveTime + time.Duration(probes-1)*set.KeepaliveInterval
			c.Compare("probe", due, a.Since(since))
		}
	}
	c.Compare("end by keepalive", t.write(want), t.write(did))
	c.Compare("probes sent", set.KeepaliveProbes, probes)
	c.Compare("TCPKeepAlive", set.KeepaliveProbes, int(after[string(model.CTCPKeepAlive)]-before[string(model.CTCPKeepAlive)]))
}

var keepaliveAnswered = Scenario{
	Subject: "keepalive", Name: "answering-peer",
	Doc: "A peer that answers keeps the connection for ever; one that has forgotten it resets it.",
	Variants: []Variant{
		{Name: "acknowledges", Takes: 5 * time.Second, Run: func(ctx context.Context, c *Case) { answerProbes(ctx, c, lab.ACK) }},
		{Name: "has forgotten", Takes: 3 * time.Second, Run: func(ctx context.Context, c *Case) { answerProbes(ctx, c, lab.RST) }},
	},
}

func answerProbes(ctx context.Context, c *Case, flags lab.Flags) {
	set := setKeepalive(c)
	t := c.Passive(Option{optKeepalive, 1})
	t.Open(ctx)
	end := time.Now().Add(model.KeepaliveLife(set) + time.Second)
	next := t.Conn
	for time.Now().Before(end) && !c.Failed() && next.Object != model.NoObject {
		for range t.line.Receive(ctx, 1, 100*time.Millisecond) {
			answer := t.segment(Say{Flags: model.Flags(flags)})
			t.line.Send(wired(answer))
			next, _ = next.Step(model.Event{Kind: model.EvSegment, Segment: answer})
		}
	}
	c.Pause(ctx, 50*time.Millisecond)
	c.Compare("place after the answers", next.Node.String(), t.look().place.String())
}
