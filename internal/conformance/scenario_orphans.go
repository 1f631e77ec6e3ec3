package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var orphanLife = Scenario{
	Subject: "orphans", Name: "silent-peer",
	Doc: "Closed connections whose FIN nobody acknowledges: how long FIN_WAIT1, CLOSING and LAST_ACK last for " +
		"tcp_orphan_retries of one to three, when the FIN is repeated, and what is counted.",
	Variants: orphanVariants(),
}

// unansweredTakes is about how long it takes until a FIN is given up.
func unansweredTakes(retries int) time.Duration {
	return model.Slack(model.RetrySchedule(retries, 0, model.DefaultSettings(model.Dialect{}, 0)).Death) + stepsTake
}

func orphanVariants() []Variant {
	var out []Variant
	for retries := 1; retries <= 3; retries++ {
		for _, u := range []unanswered{{name: "FIN_WAIT1"}, {name: "LAST_ACK", peerFirst: true}, {name: "FIN_WAIT1 of a farther peer", away: 60 * time.Millisecond}} {
			out = append(out, Variant{
				Name: fmt.Sprintf("%s, tcp_orphan_retries=%d", u.name, retries), Takes: unansweredTakes(retries),
				Run: func(ctx context.Context, c *Case) {
					c.Server.Set(model.KeyOrphanRetries, retries)
					u.giveUp(ctx, c, model.EffectiveOrphanRetries(c.Server.Settings().OrphanRetries, false))
				},
			})
		}
	}
	return append(out, Variant{
		Name: "CLOSING, tcp_orphan_retries=1", Takes: unansweredTakes(1),
		Run: func(ctx context.Context, c *Case) {
			c.Server.Set(model.KeyOrphanRetries, 1)
			unanswered{crossing: true}.giveUp(ctx, c, 1)
		},
	})
}

var orphanOwned = Scenario{
	Subject: "orphans", Name: "held-by-a-process",
	Doc: "While a process holds the socket an unanswered FIN is repeated for tcp_retries2, not for tcp_orphan_retries.",
	Variants: []Variant{
		{Name: "FIN_WAIT1, tcp_retries2=2", Takes: unansweredTakes(2), Run: func(ctx context.Context, c *Case) {
			ownedGivesUp(ctx, c, 2, unanswered{held: true})
		}},
		{Name: "LAST_ACK, tcp_retries2=3", Takes: unansweredTakes(3), Run: func(ctx context.Context, c *Case) {
			ownedGivesUp(ctx, c, 3, unanswered{held: true, peerFirst: true})
		}},
	},
}

func ownedGivesUp(ctx context.Context, c *Case, retries int, u unanswered) {
	c.Server.Set(model.KeyOrphanRetries, 1)
	c.Server.Set(model.KeyRetries2, retries)
	u.giveUp(ctx, c, c.Server.Settings().Retries2)
}

// unanswered is a FIN of the kernel that its peer never acknowledges.
type unanswered struct {
	name      string
	away      time.Duration // the peer's round-trip time
	peerFirst bool          // the peer has closed before
	crossing  bool          // the peer closes at the same time
	held      bool          // a process still holds the socket
}

// giveUp sends the FIN and compares its repeats and the end.
func (u unanswered) giveUp(ctx context.Context, c *Case, retries int) {
	t, rto := c.openClear(ctx, u.away, retries)
	set := c.Server.Settings()
	schedule := model.RetrySchedule(retries, rto, set)
	t.Conn.Policy.OrphanRepeats, t.Conn.Policy.DataRepeats = len(schedule.Sends)-1, len(schedule.Sends)-1
	if u.peerFirst {
		t.fin(ctx)
	}
	sent := len(t.line.all())
	since := t.since(func() {
		if u.held {
			t.Shutdown(ctx)
		} else {
			t.Close(ctx)
		}
	})
	if u.crossing {
		t.crossingFIN(ctx)
	}
	t.Dies(ctx, since, schedule.Death)
	var fins []Arrival
	for _, a := range t.line.all()[sent:] {
		if a.Flags.Has(lab.FIN) {
			fins = append(fins, a)
		}
	}
	compareSends(c, "FIN", schedule, since, fins)
}

// openClear opens a connection whose retransmission timeout leaves no doubt about
// when it gives up: the kernel compares times at its timer firings, and at some
// timeouts the outcome hangs by a hair.
func (c *Case) openClear(ctx context.Context, away time.Duration, retries int) (*Twin, time.Duration) {
	const tries, percent = 20, 2
	set := c.Server.Settings()
	for range tries {
		t := c.Passive()
		t.OpenQuietly(ctx, away)
		rto := t.Sock.RTO()
		low := model.RetrySchedule(retries, rto-rto*percent/100, set)
		high := model.RetrySchedule(retries, rto+rto*percent/100, set)
		if len(low.Sends) == len(high.Sends) || c.Failed() {
			return t, rto
		}
		t.Sock.abort()
	}
	c.Fail(errors.New("conformance: no connection with a clear retransmission timeout"))
	return c.Passive(), 0
}

var orphanZeroWindow = Scenario{
	Subject: "orphans", Name: "zero-window",
	Doc: "Data behind a window that a silent peer has shut: an orphan is given up after tcp_orphan_retries " +
		"probes, a socket that a process holds after tcp_retries2.",
	Variants: []Variant{
		{Name: "tcp_orphan_retries=1", Takes: 2 * time.Second, Run: func(ctx context.Context, c *Case) { probeInVain(ctx, c, model.KeyOrphanRetries, 1) }},
		{Name: "tcp_orphan_retries=2", Takes: 3 * time.Second, Run: func(ctx context.Context, c *Case) { probeInVain(ctx, c, model.KeyOrphanRetries, 2) }},
		{Name: "tcp_orphan_retries=3", Takes: 4 * time.Second, Run: func(ctx context.Context, c *Case) { probeInVain(ctx, c, model.KeyOrphanRetries, 3) }},
		{Name: "tcp_retries2=2, held", Takes: 3 * time.Second, Run: func(ctx context.Context, c *Case) { probeInVain(ctx, c, model.KeyRetries2, 2) }},
	},
}

// probeInVain leaves data behind a shut window, and the connection to its probes.
// With tcp_orphan_retries it is closed first.
func probeInVain(ctx context.Context, c *Case, key string, retries int) {
	c.Server.Set(key, retries)
	t := c.Passive()
	t.Shut = true
	t.OpenQuietly(ctx, 0)
	schedule := model.ProbeSchedule(retries, t.Sock.RTO(), c.Server.Settings())
	said := len(t.line.all())
	state := facts.Established
	since := c.Do(func() {
		_, err := t.Sock.Write(100)
		t.Sock.Must("write", err)
		if key == model.KeyOrphanRetries {
			t.Sock.Close()
			state = facts.FinWait1
		}
	})
	c.Compare("it gives up", schedule.Death, c.Watch(ctx, since, schedule.Death, func() bool { return t.In(state) }))
	probes := t.line.all()[said:]
	c.Compare("probes sent", len(schedule.Sends), len(probes))
	for i, at := range schedule.Sends {
		if i < len(probes) {
			c.Compare(fmt.Sprintf("probe %d", i+1), at, probes[i].Since(since))
		}
	}
}

var orphanProbesAnswered = Scenario{
	Subject: "orphans", Name: "zero-window-answered",
	Doc: "An orphan whose peer acknowledges every probe but keeps its window shut is given up when the probes " +
		"have become as rare as tcp_rto_max_ms says, whatever tcp_orphan_retries is.",
	Needs: dialectHas(func(d model.Dialect) bool { return d.RTOMax }, "this kernel has no tcp_rto_max_ms, and two minutes are too long"),
	Variants: []Variant{
		{Name: "tcp_orphan_retries=1", Takes: 4 * time.Second, Run: func(ctx context.Context, c *Case) { probeAnswered(ctx, c, 1) }},
		{Name: "tcp_orphan_retries=3", Takes: 4 * time.Second, Run: func(ctx context.Context, c *Case) { probeAnswered(ctx, c, 3) }},
	},
}

func probeAnswered(ctx context.Context, c *Case, retries int) {
	c.Server.Set(model.KeyOrphanRetries, retries)
	c.Server.Set(model.KeyRTOMax, 1000)
	t := c.Passive()
	t.Shut = true
	t.OpenQuietly(ctx, 0)
	life := model.OrphanProbeLife(c.Server.Settings(), t.Sock.RTO())
	since := c.Do(func() {
		_, err := t.Sock.Write(100)
		t.Sock.Must("write", err)
		t.Sock.Close()
	})
	c.Compare("life of the orphan", life, c.Watch(ctx, since, life, func() bool {
		for _, probe := range t.line.Receive(ctx, 0, 0) {
			if !probe.Flags.Has(lab.RST) {
				t.line.Send(lab.Segment{Flags: lab.ACK, Seq: uint32(t.strangerNext), Ack: uint32(t.kernelNext), ZeroWindow: true})
			}
		}
		return t.In(facts.FinWait1)
	}))
}
