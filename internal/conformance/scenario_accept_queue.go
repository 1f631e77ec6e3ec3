package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var acceptQueueLimits = Scenario{
	Subject: "accept-queue", Name: "limits",
	Doc: "Connections nobody accepts: how many fit for each backlog and somaxconn, what INET_DIAG shows, and " +
		"what the next SYN meets.",
	Families: bothFamilies(),
	Variants: acceptVariants([]acceptSetting{
		{backlog: 0, somaxconn: 4096}, {backlog: 1, somaxconn: 4096}, {backlog: 4, somaxconn: 4096},
		{backlog: 64, somaxconn: 3}, {backlog: -1, somaxconn: 5},
	}),
}

// acceptSetting is what bounds an accept queue.
type acceptSetting struct{ backlog, somaxconn int }

func acceptVariants(settings []acceptSetting) []Variant {
	var out []Variant
	for _, s := range settings {
		out = append(out, Variant{
			Name: fmt.Sprintf("backlog %d, somaxconn %d", s.backlog, s.somaxconn), Takes: stepsTake,
			Run: func(ctx context.Context, c *Case) {
				c.Server.Set(model.KeySomaxconn, s.somaxconn)
				port := c.Port()
				c.Server.Listen(port, s.backlog)
				q := model.AcceptQueue{Limit: model.AcceptLimit(s.backlog, c.Server.Settings().Somaxconn)}
				fillAcceptQueue(ctx, c, port, &q)
				c.Compare("length and limit when full", queue(q), c.Server.queue(ctx, port))
				compareArrival(ctx, c, "a SYN when full", q, model.ArrivalSYN, c.Caller(1000, port))
			},
		})
	}
	return out
}

// queue writes the length and the limit of an accept queue.
func queue(q model.AcceptQueue) string { return fmt.Sprintf("%d of %d", q.Length, q.Limit) }

// queue is what INET_DIAG shows of the accept queue at a port.
func (s *Side) queue(ctx context.Context, port uint16) string {
	l, _ := s.Listener(ctx, port)
	return fmt.Sprintf("%d of %d", l.RecvQueue, l.SendQueue)
}

// fillAcceptQueue connects strangers until the model says that no more fit.
func fillAcceptQueue(ctx context.Context, c *Case, port uint16, q *model.AcceptQueue) {
	for q.Room() > 0 && !c.Failed() {
		c.Caller(q.Length, port).Connect(ctx)
		q.Length++
	}
}

// compareArrival compares what one arrival at the queue leads to. The caller has
// got so far that its next segment is this arrival.
func compareArrival(ctx context.Context, c *Case, what string, q model.AcceptQueue, a model.AcceptArrival, k *Caller) {
	port := k.line.ends.kernel.Port()
	wanted := q.Arrive(a)
	counts := Counts{}
	counts.Add(1, wanted.Counters...)
	expected := arrival(wanted.Child, wanted.Reset, wanted.RequestStays, Effect{counts, wanted.ListenerDrops})

	did := c.Effect(ctx, port, 1, func() {
		if a == model.ArrivalSYN {
			k.Begin()
		} else {
			k.Complete(0)
		}
	})
	state := c.Server.State(k.line.ends.kernel, k.line.ends.stranger)
	c.Compare(what, expected, arrival(state == facts.Established, k.WasReset(ctx, wanted.Reset), state == facts.SynRecv, did))
}

// arrival writes what became of an arrival.
func arrival(child, reset, request bool, e Effect) string {
	fate := "nothing kept"
	switch {
	case child:
		fate = "connection"
	case request:
		fate = "half-open entry stays"
	}
	if reset {
		fate += ", reset"
	}
	return fmt.Sprintf("%s; %v", fate, e)
}

var acceptQueueOverflow = Scenario{
	Subject: "accept-queue", Name: "final-ack-when-full",
	Doc: "The final ACK of a stored request meets a full queue: dropped, or reset with tcp_abort_on_overflow. " +
		"Once somebody accepts, the entry that stayed completes with its next ACK.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "tcp_abort_on_overflow=0", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { overflowStored(ctx, c, 0) }},
		{Name: "tcp_abort_on_overflow=1", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { overflowStored(ctx, c, 1) }},
	},
}

func overflowStored(ctx context.Context, c *Case, abort int) {
	const backlog = 4
	c.Server.Set(model.KeyAbortOnOverflow, abort)
	port := c.Port()
	listener := c.Server.Listen(port, backlog)
	q := model.AcceptQueue{Limit: backlog, AbortOnOverflow: c.Server.Settings().AbortOnOverflow}
	late := c.Caller(1000, port)
	late.Begin()
	late.Answered(ctx, patience)
	fillAcceptQueue(ctx, c, port, &q)
	compareArrival(ctx, c, "final ACK when full", q, model.ArrivalStoredACK, late)
	compareArrival(ctx, c, "a SYN when full", q, model.ArrivalSYN, c.Caller(1001, port))
	listener.AcceptOne(ctx)
	q.Length--
	if abort == 0 {
		compareArrival(ctx, c, "the ACK again, with room", q, model.ArrivalStoredACK, late)
		return
	}
	again := c.Caller(1002, port)
	again.Begin()
	again.Answered(ctx, patience)
	compareArrival(ctx, c, "a new final ACK, with room", q, model.ArrivalStoredACK, again)
}

var acceptQueueCookie = Scenario{
	Subject: "accept-queue", Name: "cookie-ack-when-full",
	Doc: "The final ACK of a SYN cookie meets a full queue: dropped whatever tcp_abort_on_overflow says, nothing " +
		"is kept; with room the next segment still completes the connection.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "tcp_abort_on_overflow=0", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { overflowCookie(ctx, c, 0) }},
		{Name: "tcp_abort_on_overflow=1", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { overflowCookie(ctx, c, 1) }},
	},
}

func overflowCookie(ctx context.Context, c *Case, abort int) {
	const backlog = 4
	c.Server.Set(model.KeyAbortOnOverflow, abort)
	c.Server.Set(model.KeySyncookies, 2)
	port := c.Port()
	listener := c.Server.Listen(port, backlog)
	q := model.AcceptQueue{Limit: backlog, AbortOnOverflow: c.Server.Settings().AbortOnOverflow}
	late := c.Caller(1000, port)
	late.Begin()
	late.Answered(ctx, patience)
	fillAcceptQueue(ctx, c, port, &q)
	compareArrival(ctx, c, "a cookie's ACK when full", q, model.ArrivalCookieACK, late)
	listener.AcceptOne(ctx)
	q.Length--
	compareArrival(ctx, c, "the cookie's ACK again, with room", q, model.ArrivalCookieACK, late)
}

var acceptQueueRelisten = Scenario{
	Subject: "accept-queue", Name: "listen-again",
	Doc: "The limit is that of the last listen(): a changed somaxconn alone does nothing, a second listen() " +
		"resizes up and down without losing connections.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeySomaxconn, 4)
		port := c.Port()
		listener := c.Server.Listen(port, 64)
		q := model.AcceptQueue{Limit: model.AcceptLimit(64, c.Server.Settings().Somaxconn)}
		fillAcceptQueue(ctx, c, port, &q)
		c.Server.Set(model.KeySomaxconn, 4096)
		c.Compare("after raising somaxconn", queue(q), c.Server.queue(ctx, port))
		compareArrival(ctx, c, "a SYN after raising somaxconn", q, model.ArrivalSYN, c.Caller(1000, port))
		for _, backlog := range []int{8, 1, 6} {
			listener.Must("listen", listener.Listen(backlog))
			q.Limit = model.AcceptLimit(backlog, c.Server.Settings().Somaxconn)
			c.Compare(fmt.Sprintf("after listen(%d)", backlog), queue(q), c.Server.queue(ctx, port))
			fillAcceptQueue(ctx, c, port, &q)
			c.Compare(fmt.Sprintf("full after listen(%d)", backlog), queue(q), c.Server.queue(ctx, port))
			compareArrival(ctx, c, fmt.Sprintf("a SYN, full after listen(%d)", backlog), q, model.ArrivalSYN, c.Caller(1001+backlog, port))
		}
	}),
}

var acceptQueueClient = Scenario{
	Subject: "accept-queue", Name: "client-view",
	Doc: "What a client sees of a full queue: late success if its SYN was dropped; a connection with SYN-ACKs " +
		"that keep coming if its ACK was; ECONNRESET after connect() had succeeded with tcp_abort_on_overflow.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "SYN dropped", Takes: 3 * time.Second, Run: clientWhoseSYNIsDropped},
		{Name: "ACK dropped", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			c.Server.Set(model.KeyInvalidRateLimit, 0)
			t := c.Active()
			t.Open(ctx)
			t.Segment(ctx, "the SYN-ACK again", Say{Flags: model.SYN | model.ACK, Seq: -1})
			t.Write(ctx, 10)
			t.Segment(ctx, "the SYN-ACK after data", Say{Flags: model.SYN | model.ACK, Seq: -1, Ack: -10})
			t.Segment(ctx, "RST, the entry has expired", Say{Flags: model.RST})
		}},
		{Name: "tcp_abort_on_overflow", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			t := c.Active()
			t.Open(ctx)
			t.Segment(ctx, "RST right after the handshake", Say{Flags: model.RST})
		}},
	},
}

// clientWhoseSYNIsDropped connects a real client to a full queue, makes room, and
// waits for the client's next SYN.
func clientWhoseSYNIsDropped(ctx context.Context, c *Case) {
	const backlog = 2
	port := c.Port()
	listener := c.Server.Listen(port, backlog)
	q := model.AcceptQueue{Limit: backlog}
	fillAcceptQueue(ctx, c, port, &q)
	set := c.Client.Settings()
	schedule := model.SynSchedule(set.SynRetries, set.SynLinearTimeouts, set.RTOMax)
	var client *Socket
	began := c.Do(func() { client = c.Client.Dial(c.Server.Addr(port)) })
	c.Pause(ctx, 100*time.Millisecond)
	waiting := func() bool { return c.Client.State(client.Local(), c.Server.Addr(port)) == facts.SynSent }
	c.Compare("waiting while the queue is full", true, waiting())
	listener.AcceptOne(ctx)
	room := time.Since(began.Began)
	next := schedule.Sends[slices.IndexFunc(schedule.Sends, func(at time.Duration) bool { return at > room })]
	c.Compare("late success", next, c.Watch(ctx, began, next, waiting))
	c.Compare("error of connect()", Errno(""), client.Connected(ctx))
}
