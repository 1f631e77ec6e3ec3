package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

var reuseportOverflow = Scenario{
	Subject: "reuseport", Name: "overflow",
	Doc: "More connections than a SO_REUSEPORT group accepts: each member has its own limit, and a full one " +
		"refuses while its siblings are empty; with the kernel's hash and with a program that picks one member.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "hash, four members", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowGroup(ctx, c, []int{4, 4, 4, 4}, -1) }},
		{Name: "hash, unequal members", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowGroup(ctx, c, []int{1, 8, 3}, -1) }},
		{Name: "all to the first", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowGroup(ctx, c, []int{4, 4, 4}, 0) }},
		{Name: "all to the second", Takes: 2 * stepsTake, Run: func(ctx context.Context, c *Case) { overflowGroup(ctx, c, []int{4, 2, 4}, 1) }},
	},
}

// group opens the members of a group, and steers all connections to one of them
// unless that is negative.
func group(c *Case, port uint16, backlogs []int, to int) []*Socket {
	var members []*Socket
	for _, b := range backlogs {
		members = append(members, c.Server.Listen(port, b, Option{optReusePort, 1}))
	}
	if to >= 0 {
		members[0].Steer(to)
	}
	return members
}

// memberQueues returns the queue lengths and drops of a group, in the order in
// which its members were opened.
func (c *Case) memberQueues(ctx context.Context, port uint16, members []*Socket) (lengths, drops []int) {
	byCookie := make(map[uint64]facts.Socket)
	r := sockdiag.Request{States: facts.StateSet(facts.Listen), LocalPort: port, Attributes: sockdiag.Memory}
	for _, s := range c.Server.Sockets(ctx, r) {
		byCookie[s.Cookie] = s
	}
	for _, m := range members {
		s := byCookie[m.Cookie()]
		lengths, drops = append(lengths, int(s.RecvQueue)), append(drops, int(s.Mem.Drops))
	}
	return lengths, drops
}

func overflowGroup(ctx context.Context, c *Case, backlogs []int, to int) {
	const callers = 40
	port := c.Port()
	members := group(c, port, backlogs, to)
	before := c.Server.Counters()
	c.callAll(ctx, port, callers)
	lengths, drops := c.memberQueues(ctx, port, members)
	sent := make([]int, len(backlogs))
	for i := range sent {
		// The hash's choice is told to the model, the program's is known.
		sent[i] = lengths[i] + drops[i]
		if to >= 0 {
			sent[i] = map[bool]int{true: callers}[i == to]
		}
	}
	accepted, refused := model.GroupAcceptance(backlogs, sent)
	total := 0
	for i, b := range backlogs {
		q := model.AcceptQueue{Limit: b}
		q.Length = min(sent[i], model.AcceptCapacity(q.Limit))
		c.Compare(fmt.Sprintf("queue of member %d", i), q.Length, lengths[i])
		total += lengths[i]
	}
	c.Compare("connections in the group", accepted, total)
	full := model.AcceptQueue{Length: 1}.Arrive(model.ArrivalSYN)
	wanted := Counts{}
	wanted.Add(refused, full.Counters...)
	got := c.moved(before, c.Server.Counters())
	for _, name := range []model.Counter{model.CListenOverflows, model.CListenDrops} {
		c.Compare(string(name), wanted[string(name)], got[string(name)])
	}
}

// callAll has strangers connect, as far as they are answered.
func (c *Case) callAll(ctx context.Context, port uint16, n int) {
	before := c.Server.Counters()
	var callers []*Caller
	for i := range n {
		k := c.Caller(i, port)
		did := c.Effect(ctx, port, 1, k.Begin)
		if did.Counts[string(model.CListenDrops)] == 0 && k.Answered(ctx, patience) {
			k.Complete(0)
			callers = append(callers, k)
		}
	}
	c.absorbed(ctx, before, n+len(callers))
}

var reuseportClose = Scenario{
	Subject: "reuseport", Name: "member-closes",
	Doc: "A member of a group closes with connections in its queue: they are reset, or moved to a sibling with " +
		"tcp_migrate_req.",
	Families: bothFamilies(),
	Needs:    dialectHas(func(d model.Dialect) bool { return d.MigrateReq }, "this kernel has no tcp_migrate_req"),
	Variants: []Variant{
		{Name: "tcp_migrate_req=0", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { closeMember(ctx, c, 0, 5) }},
		{Name: "tcp_migrate_req=1", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { closeMember(ctx, c, 1, 5) }},
		{Name: "tcp_migrate_req=1, two siblings", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { closeMember(ctx, c, 1, 5, 5) }},
		{Name: "tcp_migrate_req=1, sibling with room for two", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { closeMember(ctx, c, 1, 1) }},
		{Name: "tcp_migrate_req=1, no sibling", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { closeMember(ctx, c, 1) }},
	},
}

// closeMember fills the queue of the first member of a group and closes it.
func closeMember(ctx context.Context, c *Case, migrate int, siblings ...int) {
	const queued = 5
	c.Server.Set(model.KeyMigrateReq, migrate)
	port := c.Port()
	members := group(c, port, append([]int{queued}, siblings...), 0)
	c.callAll(ctx, port, queued)
	before := c.Server.Counters()
	members[0].Close()
	moved, reset, counters := model.GroupMemberCloses(queued, len(members)-1, c.Server.Settings().MigrateReq)
	c.wait(ctx, time.Second, func() bool { return c.Wire.Answers(port, lab.RST|lab.ACK)+c.Wire.Answers(port, lab.RST) >= reset })
	lengths, _ := c.memberQueues(ctx, port, members[1:])
	found := 0
	for _, n := range lengths {
		found += n
	}
	c.Compare("moved to siblings", moved, found)
	c.Compare("reset", reset, c.Wire.Answers(port, lab.RST|lab.ACK)+c.Wire.Answers(port, lab.RST))
	wanted := Counts{}
	wanted.Add(queued, counters...)
	c.Compare("counters", c.countable(wanted).String(), c.moved(before, c.Server.Counters()).String())
}
