package conformance

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var synQueueLimits = Scenario{
	Subject: "syn-queue", Name: "limits",
	Doc: "More SYNs than a listener can keep, from as many strangers: how many entries are stored, how many " +
		"strangers are answered, and what is counted, for each way to set cookies, backlog and tcp_max_syn_backlog.",
	Families: bothFamilies(),
	Variants: synQueueVariants([]synQueueSetting{
		{cookies: 0, backlog: 64, maxSynBacklog: 128},
		{cookies: 0, backlog: 4096, maxSynBacklog: 128},
		{cookies: 0, backlog: 1024, maxSynBacklog: 256},
		{cookies: 0, backlog: 16, maxSynBacklog: 16},
		{cookies: 0, backlog: 8, maxSynBacklog: 1024},
		{cookies: 0, backlog: 0, maxSynBacklog: 128},
		{cookies: 1, backlog: 64, maxSynBacklog: 16},
		{cookies: 1, backlog: 8, maxSynBacklog: 128},
		{cookies: 1, backlog: 0, maxSynBacklog: 128},
		{cookies: 2, backlog: 64, maxSynBacklog: 128},
		{cookies: 2, backlog: 0, maxSynBacklog: 16},
	}),
}

// synQueueSetting is what bounds a half-open queue.
type synQueueSetting struct{ cookies, backlog, maxSynBacklog int }

func synQueueVariants(settings []synQueueSetting) []Variant {
	var out []Variant
	for _, s := range settings {
		out = append(out, Variant{
			Name:  fmt.Sprintf("cookies %d, backlog %d, tcp_max_syn_backlog %d", s.cookies, s.backlog, s.maxSynBacklog),
			Takes: stepsTake,
			Run:   func(ctx context.Context, c *Case) { floodListener(ctx, c, s) },
		})
	}
	return out
}

// apply sets the parameters and opens the listener.
func (s synQueueSetting) apply(c *Case) (port uint16, q model.SynQueue, listener *Socket) {
	c.Server.Set(model.KeySyncookies, s.cookies)
	c.Server.Set(model.KeyMaxSynBacklog, s.maxSynBacklog)
	port = c.Port()
	listener = c.Server.Listen(port, s.backlog)
	set := c.Server.Settings()
	return port, model.SynQueue{
		Limit:         model.AcceptLimit(s.backlog, set.Somaxconn),
		MaxSynBacklog: set.MaxSynBacklog, Syncookies: set.Syncookies, Extra: c.Dialect.SynQueueExtra,
	}, listener
}

// beyondCapacity is how many more SYNs are sent than fit.
const beyondCapacity = 15

func floodListener(ctx context.Context, c *Case, s synQueueSetting) {
	port, q, _ := s.apply(c)
	capacity := model.HalfOpenCapacity(q.Limit, q.MaxSynBacklog, q.Syncookies, false, c.Dialect)
	n := capacity + beyondCapacity
	answered, wanted := 0, Effect{Counts: Counts{}}
	for range n {
		if arrive(&q, model.SynArrival{}, &wanted) != model.SynDropped {
			answered++
		}
	}
	did := c.Effect(ctx, port, n, func() {
		for i := range n {
			c.Caller(i, port).Begin()
		}
	})
	c.Compare("half-open entries", capacity, c.Server.Count(ctx, port, facts.SynRecv))
	c.wait(ctx, patience, func() bool { return c.Wire.Answers(port, lab.SYN|lab.ACK) >= answered })
	c.Compare("stored and answered", stored(q.HalfOpen, answered),
		stored(c.Server.Count(ctx, port, facts.SynRecv), c.Wire.Answers(port, lab.SYN|lab.ACK)))
	c.Compare("counters", wanted.String(), did.String())
}

// stored writes how many SYNs were kept and how many strangers got an answer.
func stored(kept, answered int) string {
	return fmt.Sprintf("%d stored, %d strangers answered", kept, answered)
}

// arrive lets a SYN come to the queue in the model, and adds up what it does.
func arrive(q *model.SynQueue, a model.SynArrival, into *Effect) model.SynResult {
	d := q.Decide(a)
	into.Counts.Add(1, d.Counters...)
	into.Drops += d.ListenerDrops
	if d.Result == model.SynStored {
		q.HalfOpen++
	}
	return d.Result
}

var synQueueProven = Scenario{
	Subject: "syn-queue", Name: "proven-peers",
	Doc: "Without cookies the last quarter of tcp_max_syn_backlog is kept for peers whose round-trip time is " +
		"remembered from an earlier connection; they may fill the queue to its limit.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "backlog binds", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			fillWithProven(ctx, c, synQueueSetting{cookies: 0, backlog: 64, maxSynBacklog: 64})
		}},
		{Name: "backlog far", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			fillWithProven(ctx, c, synQueueSetting{cookies: 0, backlog: 4096, maxSynBacklog: 128})
		}},
		{Name: "cookies on", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			fillWithProven(ctx, c, synQueueSetting{cookies: 1, backlog: 32, maxSynBacklog: 32})
		}},
	},
}

// fillWithProven fills the queue with unknown strangers as far as they may, and
// then with one that is remembered.
func fillWithProven(ctx context.Context, c *Case, s synQueueSetting) {
	const provenSYNs = 30
	const peer = 1
	c.rememberPeer(ctx, peer)
	port, q, _ := s.apply(c)
	unknown := model.HalfOpenCapacity(q.Limit, q.MaxSynBacklog, q.Syncookies, false, c.Dialect) + beyondCapacity
	wanted := Effect{Counts: Counts{}}
	for range unknown {
		arrive(&q, model.SynArrival{}, &wanted)
	}
	c.Effect(ctx, port, unknown, func() {
		for i := range unknown {
			c.Caller(peer+1+i, port).Begin()
		}
	})
	c.Compare("entries of unknown peers", q.HalfOpen, c.Server.Count(ctx, port, facts.SynRecv))
	wanted = Effect{Counts: Counts{}}
	for range provenSYNs {
		arrive(&q, model.SynArrival{Proven: true}, &wanted)
	}
	did := c.Effect(ctx, port, provenSYNs, func() {
		for i := range provenSYNs {
			c.callerFrom(peer, uint16(41000+i), port).Begin()
		}
	})
	c.Compare("entries with a proven peer's", q.HalfOpen, c.Server.Count(ctx, port, facts.SynRecv))
	c.Compare("counters for the proven peer", wanted.String(), did.String())
}

var synQueueUnanswerable = Scenario{
	Subject: "syn-queue", Name: "unanswerable",
	Doc: "SYNs that no queue decides about: to a broadcast address, and from an address without a way back.",
	Variants: []Variant{
		{Name: "broadcast", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			oddSYN(ctx, c, netip.MustParseAddr("10.7.0.255"), c.Stranger(1, 40000), model.SynArrival{Multicast: true})
		}},
		{Name: "no route back", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			for _, where := range []string{"all", "lab0"} {
				c.Server.Set("net.ipv4.conf."+where+".rp_filter", 0)
			}
			oddSYN(ctx, c, c.Server.addr, netip.MustParseAddrPort("192.0.2.1:40000"), model.SynArrival{NoRoute: true})
		}},
	},
}

// oddSYN sends one SYN between any two addresses.
func oddSYN(ctx context.Context, c *Case, to netip.Addr, from netip.AddrPort, a model.SynArrival) {
	port, q, _ := synQueueSetting{cookies: 1, backlog: 8, maxSynBacklog: 128}.apply(c)
	wanted := Effect{Counts: Counts{}}
	result := arrive(&q, a, &wanted)
	did := c.Effect(ctx, port, 1, func() {
		c.Wire.Send(lab.Segment{From: from, To: netip.AddrPortFrom(to, port), Flags: lab.SYN, Seq: strangerISS})
	})
	c.Compare("counters", wanted.String(), did.String())
	c.Compare("half-open entries", q.HalfOpen, c.Server.Count(ctx, port, facts.SynRecv))
	answered := result != model.SynDropped
	c.Compare("answered", answered, len(c.Wire.Line(netip.AddrPortFrom(to, port), from).Receive(ctx, 1, patienceFor(answered))) > 0)
}

// rememberPeer has a stranger go through one connection, so that the kernel
// remembers its round-trip time (tcp_metrics).
func (c *Case) rememberPeer(ctx context.Context, n int) {
	port := c.Port()
	listener := c.Server.Listen(port, 16)
	c.Caller(n, port).leaveTimeWait(ctx, listener)
}
