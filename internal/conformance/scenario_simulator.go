package conformance

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var simulatorListener = Scenario{
	Subject: "simulator", Name: "listener-under-load",
	Doc: "Real clients come to a listener at a constant rate, more than it accepts: what waits, what was " +
		"taken, what was refused and how often clients asked again, against the simulator. Boundaries in time " +
		"blur the counts, so a share of them is allowed for.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "nobody accepts", Takes: simulatedTime + time.Second, Run: func(ctx context.Context, c *Case) {
			loadListener(ctx, c, load{backlog: 10, perSecond: 20})
		}},
		{Name: "accepts half of them", Takes: simulatedTime + time.Second, Run: func(ctx context.Context, c *Case) {
			loadListener(ctx, c, load{backlog: 5, perSecond: 20, acceptPerSecond: 10})
		}},
		{Name: "accepts enough, but stalls", Takes: simulatedTime + time.Second, Run: func(ctx context.Context, c *Case) {
			loadListener(ctx, c, load{backlog: 8, perSecond: 20, acceptPerSecond: 40, stall: 1500 * time.Millisecond})
		}},
	},
}

// simulatedTime is how long a load goes on.
const simulatedTime = 4 * time.Second

// load is clients at a constant rate and an application that accepts.
type load struct {
	backlog, perSecond, acceptPerSecond int // accepts of 0 mean none ever
	stall                               time.Duration
}

// stallAt is when the application stalls.
const stallAt = time.Second

// simulate is what the model says of the load.
func (l load) simulate(c *Case) model.SimResult {
	config := model.SimDefaults(c.Server.Settings(), c.Dialect)
	client := c.Client.Settings()
	config.SynRetries, config.SynLinearTimeouts = client.SynRetries, client.SynLinearTimeouts
	config.Backlog, config.Quiet, config.RTT = l.backlog, true, 100*time.Microsecond
	config.Arrivals = []model.Arrivals{{Kind: model.ConstantArrivals, PerSecond: float64(l.perSecond)}}
	config.Service = model.Service{PerSecond: float64(l.acceptPerSecond), Never: l.acceptPerSecond == 0}
	if l.stall > 0 {
		config.Stalls = []model.Stall{{At: stallAt, Length: l.stall}}
	}
	config.Duration = simulatedTime
	result, err := model.Simulate(config)
	c.Fail(err)
	return result
}

// play puts the load on a listener. It returns how many were accepted, and by how
// much this machine was late in playing.
func (l load) play(ctx context.Context, c *Case, port uint16, listener *Socket) (accepted int, late time.Duration) {
	began := time.Now()
	arrival := time.Second / time.Duration(l.perSecond)
	nextArrival, nextAccept := arrival, simulatedTime
	if l.acceptPerSecond > 0 {
		nextAccept = time.Second / time.Duration(l.acceptPerSecond)
	}
	for !c.Failed() {
		next := min(nextArrival, nextAccept)
		if next >= simulatedTime {
			break
		}
		c.PauseUntil(ctx, began.Add(next))
		late = max(late, time.Since(began.Add(next)))
		if next == nextArrival {
			c.Client.Dial(c.Server.Addr(port))
			nextArrival += arrival
			continue
		}
		nextAccept += time.Second / time.Duration(l.acceptPerSecond)
		if stalled := l.stall > 0 && next >= stallAt && next < stallAt+l.stall; !stalled && listener.Accept() != nil {
			accepted++
		}
	}
	c.PauseUntil(ctx, began.Add(simulatedTime))
	return accepted, late
}

// loadListener plays a load on both sides. A machine that was too busy to keep the
// time plays it again, and is allowed more if that was to no avail.
func loadListener(ctx context.Context, c *Case, l load) {
	const tries, tooLate = 3, 50 * time.Millisecond
	want := l.simulate(c)
	for try := 1; !c.Failed(); try++ {
		port := c.Port()
		listener := c.Server.Listen(port, l.backlog)
		before, clientBefore := c.Server.Counters(), c.Client.Counters()
		accepted, late := l.play(ctx, c, port, listener)
		after, clientAfter := c.Server.Counters(), c.Client.Counters()
		if late > tooLate && try < tries {
			c.hangUp()
			continue
		}
		socket, _ := c.Server.Listener(ctx, port)
		share := 0.1
		if late > tooLate {
			share = 0.25
		}
		compareLoad(c, want, share, accepted, int(socket.RecvQueue), after.Since(before), clientAfter.Since(clientBefore))
		return
	}
}

// compareLoad compares what a load came to, but for a share of it.
func compareLoad(c *Case, want model.SimResult, share float64, accepted, waiting int, server, client lab.Counters) {
	c.Compare("waiting in the queue", Near{float64(want.Queued), share}, float64(waiting))
	c.Compare("accepted", Near{float64(want.Accepted), share}, float64(accepted))
	for _, counter := range []model.Counter{model.CListenOverflows, model.CListenDrops, model.CPassiveOpens} {
		c.Compare(string(counter), Near{float64(want.Counters.Map()[counter]), share}, float64(server[string(counter)]))
	}
	c.Compare("SYNs that clients repeated", Near{float64(want.SynRepeats), share}, float64(client[string(model.CTCPSynRetrans)]))
}
