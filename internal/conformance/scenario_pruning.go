package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var pruning = Scenario{
	Subject: "pruning", Name: "old-entries",
	Doc: "Half-open entries that all came at once: while they are more than half of the backlog, the kernel " +
		"lets those that have timed out die early, whatever tcp_synack_retries says.",
	Variants: pruningVariants([]pruningSetting{
		{backlog: 16, entries: 12, retries: 5}, {backlog: 16, entries: 8, retries: 5}, {backlog: 16, entries: 12, retries: 3},
		{backlog: 4, entries: 5, retries: 5}, {backlog: 4, entries: 4, retries: 5}, {backlog: 64, entries: 65, retries: 5},
		{backlog: 16, entries: 12, retries: 1},
	}),
}

// pruningSetting is a number of entries that come at once.
type pruningSetting struct{ backlog, entries, retries int }

// pruningSeen is when the entries are counted: after the third firing of their
// timers, however late, and before the fourth.
func pruningSeen() time.Duration { return model.Slack(7*time.Second) + 300*time.Millisecond }

func pruningVariants(settings []pruningSetting) []Variant {
	var out []Variant
	for _, s := range settings {
		out = append(out, Variant{
			Name:  fmt.Sprintf("backlog %d, %d entries, tcp_synack_retries=%d", s.backlog, s.entries, s.retries),
			Takes: pruningSeen() + time.Second,
			Run: func(ctx context.Context, c *Case) {
				port, q := s.apply(c)
				before := c.Server.Counters()
				q.arrive(0, s.entries)
				began := c.Do(func() { c.begin(ctx, port, 0, s.entries) })
				c.Compare("entries at first", s.entries, c.Server.Count(ctx, port, facts.SynRecv))
				c.PauseUntil(ctx, began.Done.Add(pruningSeen()))
				q.playUntil(pruningSeen())
				c.Compare("entries left", q.alive(s.entries), c.Server.Count(ctx, port, facts.SynRecv))
				c.Compare("counters", q.counts.String(), c.moved(before, c.Server.Counters()).String())
			},
		})
	}
	return out
}

// apply sets the parameters, opens the listener, and makes the model's side.
func (s pruningSetting) apply(c *Case) (port uint16, q *cohort) {
	c.Server.Set(model.KeySynackRetries, s.retries)
	port = c.Port()
	c.Server.Listen(port, s.backlog)
	set := c.Server.Settings()
	return port, &cohort{limit: model.AcceptLimit(s.backlog, set.Somaxconn), retries: set.SynackRetries, rtoMax: set.RTOMax}
}

// begin has strangers begin connections at a port, from the first on.
func (c *Case) begin(ctx context.Context, port uint16, first, n int) {
	before := c.Server.Counters()
	for i := range n {
		c.Caller(first+i, port).Begin()
	}
	c.absorbed(ctx, before, n)
}

var pruningYoung = Scenario{
	Subject: "pruning", Name: "young-entries-shield",
	Doc: "Old entries are spared as long as enough entries that never timed out are in the queue: with a stream " +
		"of new ones, the old outlive the moment at which they would be pruned.",
	Variants: []Variant{
		{Name: "stream of new ones", Takes: pruningSeen() + time.Second, Run: func(ctx context.Context, c *Case) { pruneBeside(ctx, c, 20, 7) }},
		{Name: "two new ones", Takes: pruningSeen() + time.Second, Run: func(ctx context.Context, c *Case) { pruneBeside(ctx, c, 1, 2) }},
	},
}

// pruneBeside watches old entries while batches of new ones come around the third
// firing of the old ones' timers.
func pruneBeside(ctx context.Context, c *Case, batch, batches int) {
	const old, backlog = 140, 256
	const from, every = 6200 * time.Millisecond, 400 * time.Millisecond
	port, q := pruningSetting{backlog: backlog, retries: 5}.apply(c)
	c.Server.Set(model.KeyMaxSynBacklog, 4096)
	q.arrive(0, old)
	began := c.Do(func() { c.begin(ctx, port, 0, old) })
	n := old
	for i := range batches {
		at := from + time.Duration(i)*every
		c.PauseUntil(ctx, began.Done.Add(at))
		c.begin(ctx, port, n, batch)
		q.playUntil(at)
		q.arrive(at, batch)
		n += batch
	}
	c.PauseUntil(ctx, began.Done.Add(pruningSeen()))
	q.playUntil(pruningSeen())
	left := 0
	for i := range old {
		k := c.Caller(i, port)
		if c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.SynRecv {
			left++
		}
	}
	c.Compare("old entries left", q.alive(old), left)
}
