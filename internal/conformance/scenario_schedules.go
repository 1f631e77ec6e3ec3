package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var synAckSchedule = Scenario{
	Subject: "syn-ack-schedule", Name: "unanswered",
	Doc: "A half-open entry that nobody answers: when its SYN-ACKs leave, when it dies, and what is counted, " +
		"for tcp_synack_retries and for TCP_SYNCNT of the listener.",
	Families: bothFamilies(),
	Variants: synAckVariants(),
}

func synAckVariants() []Variant {
	var out []Variant
	for retries := range 4 {
		out = append(out, Variant{
			Name: fmt.Sprintf("tcp_synack_retries=%d", retries), Takes: deathOf(model.SynAckSchedule(retries, rtoMaxDefault)),
			Run: func(ctx context.Context, c *Case) {
				c.Server.Set(model.KeySynackRetries, retries)
				halfOpenLife(ctx, c, c.Server.Settings().SynackRetries)
			},
		})
	}
	return append(out, Variant{
		Name: "TCP_SYNCNT=1", Takes: deathOf(model.SynAckSchedule(1, rtoMaxDefault)),
		Run: func(ctx context.Context, c *Case) { halfOpenLife(ctx, c, 1, Option{optSynCount, 1}) },
	})
}

// rtoMaxDefault is the longest timeout where nobody has changed it, to guess how
// long a scenario takes.
const rtoMaxDefault = 2 * time.Minute

// deathOf is how long a scenario takes that waits for the end of a schedule.
func deathOf(s model.Schedule) time.Duration { return model.Slack(s.Death) + time.Second }

// halfOpenLife watches one half-open entry from its SYN to its death.
func halfOpenLife(ctx context.Context, c *Case, retries int, options ...Option) {
	port := c.Port()
	c.Server.Listen(port, 16, options...)
	schedule := model.SynAckSchedule(retries, c.Server.Settings().RTOMax)
	policy := c.Server.Policy()
	policy.SynAckRepeats = retries
	k := c.Caller(1, port)
	before := c.Server.Counters()
	began := c.Do(k.Begin)
	c.Until(ctx, "the half-open entry", patience, func() bool {
		return c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.SynRecv
	})
	died := c.Watch(ctx, began, schedule.Death, func() bool {
		return c.Server.State(k.line.ends.kernel, k.line.ends.stranger) == facts.SynRecv
	})
	compareSends(c, "SYN-ACK", schedule, began, k.line.Receive(ctx, 0, 0))
	c.Compare("the entry dies", schedule.Death, died)
	request := c.request()
	request.Policy = policy
	wanted := Counts{}
	timedOut(request, wanted)
	c.Compare("counters", c.countable(wanted).String(), c.moved(before, c.Server.Counters()).String())
}

// compareSends compares when the kernel sent the repeats of a segment.
func compareSends(c *Case, what string, schedule model.Schedule, began Stamp, sent []Arrival) {
	c.Compare(what+"s sent", len(schedule.Sends), len(sent))
	for i, at := range schedule.Sends {
		if i > 0 && i < len(sent) {
			c.Compare(fmt.Sprintf("repeat %d of the %s", i, what), at, sent[i].Since(began))
		}
	}
}

// timedOut lets the timer of a connection fire in the model until it has given up.
// It adds what that counts, and returns what the application is told at last.
func timedOut(conn model.Conn, into Counts) Errno {
	const firings = 1000
	var told Errno
	for i := 0; i < firings && conn.Object != model.NoObject; i++ {
		var actions []model.Action
		conn, actions = conn.Step(model.Event{Kind: model.EvTimer})
		into.Take(actions)
		told = errorOf(actions)
	}
	return told
}

var synSchedule = Scenario{
	Subject: "syn-schedule", Name: "unanswered",
	Doc: "A connecting socket that nobody answers: when its SYNs leave, when connect() fails and how, and what " +
		"is counted, with and without linear timeouts.",
	Families: bothFamilies(),
	Variants: append(synVariants(0), Variant{
		Name: "TCP_SYNCNT=1, default linear timeouts", Takes: deathOf(model.SynSchedule(1, 4, rtoMaxDefault)),
		Run: func(ctx context.Context, c *Case) { connectInVain(ctx, c, 1, Option{optSynCount, 1}) },
	}),
}

var synScheduleLinear = Scenario{
	Subject: "syn-schedule", Name: "linear-timeouts",
	Doc:      "As unanswered, on kernels that repeat the first SYNs at one-second intervals.",
	Needs:    dialectHas(func(d model.Dialect) bool { return d.LinearSYN }, "this kernel has no tcp_syn_linear_timeouts"),
	Families: bothFamilies(),
	Variants: append(synVariants(4), synVariants(1)...),
}

// synVariants connects with one to three retries.
func synVariants(linear int) []Variant {
	var out []Variant
	for retries := 1; retries <= 3; retries++ {
		out = append(out, Variant{
			Name:  fmt.Sprintf("tcp_syn_retries=%d, tcp_syn_linear_timeouts=%d", retries, linear),
			Takes: deathOf(model.SynSchedule(retries, linear, rtoMaxDefault)),
			Run: func(ctx context.Context, c *Case) {
				c.Server.Set(model.KeySynRetries, retries)
				if c.Dialect.LinearSYN {
					c.Server.Set(model.KeySynLinearTimeouts, linear)
				}
				connectInVain(ctx, c, c.Server.Settings().SynRetries)
			},
		})
	}
	return out
}

// connectInVain connects to a stranger that keeps silent.
func connectInVain(ctx context.Context, c *Case, retries int, options ...Option) {
	set := c.Server.Settings()
	set.SynRetries = retries
	schedule := model.SynSchedule(retries, set.SynLinearTimeouts, set.RTOMax)
	to := c.Stranger(1, 443)
	before := c.Server.Counters()
	var socket *Socket
	began := c.Do(func() { socket = c.Server.Dial(to, options...) })
	line := c.Wire.Line(socket.Local(), to)
	died := c.Watch(ctx, began, schedule.Death, func() bool { return c.Server.State(socket.Local(), to) == facts.SynSent })
	compareSends(c, "SYN", schedule, began, line.Receive(ctx, 0, 0))
	c.Compare("connect() fails", schedule.Death, died)

	conn, actions := model.NewConn(model.NewPolicy(set, c.Dialect)).Step(model.Event{Kind: model.EvConnect, ISS: 1})
	wanted := Counts{}
	wanted.Take(actions)
	told := timedOut(conn, wanted)
	c.Compare("error of connect()", told, socket.Connected(ctx))
	c.Compare("counters", c.countable(wanted).String(), c.moved(before, c.Server.Counters()).String())
}
