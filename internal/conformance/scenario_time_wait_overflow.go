package conformance

import (
	"context"
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

var timeWaitOverflow = Scenario{
	Subject: "time-wait-overflow", Name: "tcp-max-tw-buckets",
	Doc: "Connections closed first beyond tcp_max_tw_buckets skip TIME_WAIT: what becomes of each, by whichever " +
		"way it would get there, and how many objects there are.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "limit 3", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowTimeWait(ctx, c, 3) }},
		{Name: "limit 0", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowTimeWait(ctx, c, 0) }},
		{Name: "limit 5", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowTimeWait(ctx, c, 5) }},
	},
}

// way is a way into a TIME_WAIT-type object: up to the last step, and that.
type way struct {
	name     string
	up, last func(t *Twin, ctx context.Context)
}

func timeWaitWays() []way {
	return []way{
		{"an orphan's FIN_WAIT2", (*Twin).Close, (*Twin).ack},
		{"FIN in a socket's FIN_WAIT2", func(t *Twin, ctx context.Context) { t.Shutdown(ctx); t.ack(ctx) }, (*Twin).fin},
		{"CLOSING", func(t *Twin, ctx context.Context) { t.Close(ctx); t.crossingFIN(ctx) }, (*Twin).ack},
		{"close() in FIN_WAIT2", func(t *Twin, ctx context.Context) { t.Shutdown(ctx); t.ack(ctx) }, (*Twin).Close},
		{"three segments", (*Twin).Close, (*Twin).fin},
	}
}

func overflowTimeWait(ctx context.Context, c *Case, limit int) {
	c.Server.Set(model.KeyMaxTWBuckets, limit)
	objects := 0
	closeOne := func(w way) *Twin {
		t := c.Passive()
		t.Open(ctx)
		w.up(t, ctx)
		t.Env.TimeWaitFull = !model.TimeWaitRoom(objects, c.Server.Settings().MaxTWBuckets)
		w.last(t, ctx)
		if t.Conn.Object == model.TimeWaitObject {
			objects++
		}
		return t
	}
	var last *Twin
	for _, w := range timeWaitWays() {
		last = closeOne(w)
	}
	c.Compare("TIME_WAIT-type objects", objects, c.timeWaits(ctx))
	last.Segment(ctx, "FIN after all that", Say{Flags: model.FIN | model.ACK})
	c.Server.Set(model.KeyMaxTWBuckets, objects+1)
	for range 2 {
		closeOne(timeWaitWays()[0])
	}
	c.Compare(fmt.Sprintf("objects with room for one more than %d", limit), objects, c.timeWaits(ctx))
}

// timeWaits counts the TIME_WAIT-type objects of the server.
func (c *Case) timeWaits(ctx context.Context) int {
	count := 0
	for _, s := range c.Server.Sockets(ctx, sockdiag.Request{States: facts.StateSet(facts.TimeWait, facts.FinWait2)}) {
		if s.Timer == facts.TimerTimeWait {
			count++
		}
	}
	return count
}
