package conformance

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// onlyPort is the one port that the kernel may choose where a scenario wants to
// know its choice.
const onlyPort = 45000

// reuse is a connect() that would take over a TIME_WAIT object.
type reuse struct {
	twReuse    int
	timestamps bool
	bound      bool // explicitly, both sockets with SO_REUSEADDR
	old        bool // older than the delay
	finWait2   bool // the object is still in the FIN_WAIT2 substate
}

func (r reuse) name() string {
	parts := []string{fmt.Sprintf("tcp_tw_reuse=%d", r.twReuse)}
	for _, p := range []struct {
		holds     bool
		yes, none string
	}{
		{r.timestamps, "timestamps", "no timestamps"}, {r.bound, "bound port", ""}, {r.old, "past the delay", "at once"}, {r.finWait2, "FIN_WAIT2", ""},
	} {
		if p.holds {
			parts = append(parts, p.yes)
		} else if p.none != "" {
			parts = append(parts, p.none)
		}
	}
	return strings.Join(parts, ", ")
}

var timeWaitReuseOutgoing = Scenario{
	Subject: "time-wait-reuse", Name: "outgoing",
	Doc: "connect() where only the port of a TIME_WAIT is left: taken over with timestamps, tcp_tw_reuse and " +
		"past the delay; for an explicitly bound port with timestamps alone; in FIN_WAIT2 never.",
	Families: bothFamilies(),
	Variants: reuseVariants([]reuse{
		{twReuse: 0, timestamps: true, old: true},
		{twReuse: 1, timestamps: true, old: true},
		{twReuse: 1, timestamps: true},
		{twReuse: 1, old: true},
		{twReuse: 2, timestamps: true, old: true},
		{twReuse: 0, timestamps: true, bound: true},
		{twReuse: 1, bound: true, old: true},
		{twReuse: 1, timestamps: true, old: true, finWait2: true},
	}),
}

func reuseVariants(cases []reuse) []Variant {
	var out []Variant
	for _, r := range cases {
		out = append(out, Variant{Name: r.name(), Takes: 3 * time.Second, Run: r.run})
	}
	return out
}

// socket opens a socket that will have the only port.
func (r reuse) socket(c *Case) *Socket {
	if !r.bound {
		return c.Server.Socket()
	}
	s := c.Server.Socket(Option{optReuseAddr, 1})
	s.Must("bind", s.Bind(c.Server.Addr(onlyPort)))
	return s
}

// age waits until the object is past the delay or makes sure that it is not, and
// returns how old the model is to take it for.
func (r reuse) age(ctx context.Context, c *Case, entered Stamp) time.Duration {
	delay := model.ReuseDelay(c.Server.Settings(), c.Dialect)
	if r.old {
		late := delay + 200*time.Millisecond
		if !c.Dialect.TWReuseDelay {
			late += time.Second // the kernel compares whole seconds
		}
		c.PauseUntil(ctx, entered.Done.Add(late))
	}
	return time.Since(entered.Began)
}

// setReuse sets the parameters of reuse, with a delay that is short to wait for or
// long enough for any machine.
func (r reuse) setReuse(c *Case) {
	c.Server.Set(model.KeyPortRange, fmt.Sprintf("%d %d", onlyPort, onlyPort))
	c.Server.Set(model.KeyTWReuse, r.twReuse)
	if c.Dialect.TWReuseDelay {
		c.Server.Set(model.KeyTWReuseDelay, map[bool]int{true: 300, false: 60000}[r.old])
	}
}

func (r reuse) run(ctx context.Context, c *Case) {
	r.setReuse(c)
	t := c.twin(onlyPort, c.Stranger(1, 443))
	t.Timestamps = r.timestamps
	t.Sock = r.socket(c)
	t.Open(ctx)
	t.Close(ctx)
	entered := c.Do(func() { t.ack(ctx) })
	if !r.finWait2 {
		entered = c.Do(func() { t.fin(ctx) })
	}
	age := r.age(ctx, c, entered)
	t.Sock = r.socket(c)
	t.Env.Reusable = model.ConnectReuse{
		FinWait2: r.finWait2, Timestamps: r.timestamps, BoundPort: r.bound, Age: age,
	}.Allowed(c.Server.Settings(), c.Dialect)
	t.Connect(ctx)
}

var timeWaitReuseLoopback = Scenario{
	Subject: "time-wait-reuse", Name: "outgoing-loopback",
	Doc: "The same over loopback, where tcp_tw_reuse=2 is enough.",
	Variants: loopbackVariants([]reuse{
		{twReuse: 0, timestamps: true, old: true}, {twReuse: 2, timestamps: true, old: true}, {twReuse: 2, timestamps: true},
		{twReuse: 1, timestamps: true, old: true}, {twReuse: 2, old: true},
	}),
}

func loopbackVariants(cases []reuse) []Variant {
	var out []Variant
	for _, r := range cases {
		out = append(out, Variant{Name: r.name(), Takes: 3 * time.Second, Run: r.runLoopback})
	}
	return out
}

func (r reuse) runLoopback(ctx context.Context, c *Case) {
	r.setReuse(c)
	if !r.timestamps {
		c.Server.Set(model.KeyTimestamps, 0)
	}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.Port())
	listener := c.Server.Listen(to.Port(), 16)
	client := c.Server.Dial(to)
	server := listener.AcceptOne(ctx)
	client.Connected(ctx)
	from := client.Local()
	entered := c.Do(func() {
		client.Close()
		server.Close()
		c.Until(ctx, "TIME_WAIT", patience, func() bool { return c.Server.State(from, to) == facts.TimeWait })
	})
	age := r.age(ctx, c, entered)
	allowed := model.ConnectReuse{Timestamps: r.timestamps, Loopback: true, Age: age}.Allowed(c.Server.Settings(), c.Dialect)
	c.Compare("connect() takes the port over", allowed, c.Server.Socket().Connect(to) == inProgress)
}

var timeWaitLife = Scenario{
	Subject: "time-wait-reuse", Name: "life",
	Doc: "TIME_WAIT lasts 60 s whatever tcp_fin_timeout says.",
	Variants: once(model.Slack(model.TimeWaitLength), func(ctx context.Context, c *Case) {
		c.Server.Set(model.KeyFinTimeout, 2)
		t := c.Passive()
		t.Open(ctx)
		t.Close(ctx)
		t.ack(ctx)
		since := t.since(func() { t.fin(ctx) })
		t.Dwells(ctx, since)
	}),
}
