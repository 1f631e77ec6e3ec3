package conformance

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

var portBind = Scenario{
	Subject: "ports", Name: "bind",
	Doc: "bind() to a port that somebody has: a listener, a bound socket, a connection or a TIME_WAIT, with and " +
		"without SO_REUSEADDR and SO_REUSEPORT on both sides, at the same and at another address.",
	Families: bothFamilies(),
	Variants: once(4*stepsTake, func(ctx context.Context, c *Case) {
		for _, h := range holders() {
			c.compareBinds(ctx, h)
		}
	}),
}

// holderCase is a socket that has a port already.
type holderCase struct {
	name   string
	holder model.BindHolder
	hold   func(ctx context.Context, c *Case, port uint16, h model.BindHolder)
}

func holders() []holderCase {
	var out []holderCase
	for _, flags := range []struct{ addr, port bool }{{}, {addr: true}, {port: true}} {
		h := model.BindHolder{SameAddress: true, SameUser: true, ReuseAddr: flags.addr, ReusePort: flags.port}
		listening, timeWait := h, h
		listening.Listening, timeWait.TimeWait = true, true
		out = append(out, holderCase{"a bound socket", h, holdBound}, holderCase{"a listener", listening, holdListening},
			holderCase{"a TIME_WAIT of a bound socket", timeWait, holdTimeWait})
	}
	return append(out,
		holderCase{"a connection by connect()", model.BindHolder{SameAddress: true, Connected: true, SameUser: true}, holdConnected},
		holderCase{"a bound socket at another address", model.BindHolder{SameUser: true}, holdElsewhere})
}

// options are those of a socket that a bind holder stands for.
func options(reuseAddr, reusePort bool) []Option {
	var out []Option
	if reuseAddr {
		out = append(out, Option{optReuseAddr, 1})
	}
	if reusePort {
		out = append(out, Option{optReusePort, 1})
	}
	return out
}

func holdBound(_ context.Context, c *Case, port uint16, h model.BindHolder) {
	s := c.Server.Socket(options(h.ReuseAddr, h.ReusePort)...)
	s.Must("bind", s.Bind(c.Server.Addr(port)))
}

func holdElsewhere(_ context.Context, c *Case, port uint16, h model.BindHolder) {
	s := c.Server.Socket(options(h.ReuseAddr, h.ReusePort)...)
	s.Must("bind", s.Bind(netip.AddrPortFrom(c.loopback(), port)))
}

func holdListening(_ context.Context, c *Case, port uint16, h model.BindHolder) {
	c.Server.Listen(port, 4, options(h.ReuseAddr, h.ReusePort)...)
}

// holdTimeWait connects from the port and closes first.
func holdTimeWait(ctx context.Context, c *Case, port uint16, h model.BindHolder) {
	s := c.Server.Socket(options(h.ReuseAddr, h.ReusePort)...)
	s.Must("bind", s.Bind(c.Server.Addr(port)))
	c.endFirst(ctx, s, c.Stranger(1, 443))
}

func holdConnected(_ context.Context, c *Case, port uint16, _ model.BindHolder) {
	c.Server.Set(model.KeyPortRange, fmt.Sprintf("%d %d", port, port))
	c.Server.Dial(c.Stranger(1, 443))
}

// endFirst connects a socket to a stranger and goes into TIME_WAIT.
func (c *Case) endFirst(ctx context.Context, s *Socket, to netip.AddrPort) {
	if err := s.Connect(to); err != inProgress {
		s.Must("connect", err)
	}
	from := s.Local()
	line := c.Wire.Line(from, to)
	answer := func(flags lab.Flags, seq uint32) {
		for _, got := range line.Receive(ctx, 1, patience) {
			reply := got.Reply(flags)
			reply.Seq = seq
			line.Send(reply)
		}
	}
	answer(lab.SYN|lab.ACK, strangerISS)
	s.Must("connect", s.Connected(ctx))
	line.Receive(ctx, 1, patience) // the ACK
	s.Close()
	answer(lab.FIN|lab.ACK, strangerISS+1)
	c.Until(ctx, "TIME_WAIT", patience, func() bool { return c.Server.State(from, to) == facts.TimeWait })
}

// compareBinds binds to the port of a holder with each set of options.
func (c *Case) compareBinds(ctx context.Context, h holderCase) {
	port := c.Port()
	h.hold(ctx, c, port, h.holder)
	for _, want := range []struct{ addr, port bool }{{}, {addr: true}, {port: true}} {
		what := fmt.Sprintf("bind (%s) over %s (%s)", reuses(want.addr, want.port), h.name, reuses(h.holder.ReuseAddr, h.holder.ReusePort))
		s := c.Server.Socket(options(want.addr, want.port)...)
		c.Compare(what, bound(model.BindConflict(want.addr, want.port, h.holder)), s.Bind(c.Server.Addr(port)))
		s.Close()
	}
}

func reuses(addr, port bool) string {
	switch {
	case addr:
		return "SO_REUSEADDR"
	case port:
		return "SO_REUSEPORT"
	}
	return "no option"
}

var portBindZero = Scenario{
	Subject: "ports", Name: "bind-zero",
	Doc: "bind(0) finds no port free of conflict when connections hold all of them, although connect() to another " +
		"destination still does.",
	Families: bothFamilies(),
	Variants: once(stepsTake, func(ctx context.Context, c *Case) {
		r := useTenPorts(c)
		open, _ := connectAll(c, c.Stranger(1, 443))
		conflict := model.BindConflict(false, false, model.BindHolder{Connected: true, SameAddress: true, SameUser: true})
		s := c.Server.Socket()
		c.Compare("bind(0)", bound(conflict && len(open) == r.Size()), s.Bind(c.Server.Addr(0)))
		other, refused := connectAll(c, c.Stranger(2, 443))
		c.Compare("connect() to another destination", connects(model.PortCapacity(r, nil, 0), noPort()), connects(len(other), refused))
	}),
}
