package conformance

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// The ports that scenarios of this subject give the kernel to choose from.
const firstPort, lastPort = 50000, 50009

// useTenPorts narrows the range and returns it as the model reads it.
func useTenPorts(c *Case) model.PortRange {
	c.Server.Set(model.KeyPortRange, fmt.Sprintf("%d %d", firstPort, lastPort))
	return c.Server.Settings().PortRange
}

// connectAll connects to a destination until that fails, and returns the sockets
// and the error.
func connectAll(c *Case, to netip.AddrPort, options ...Option) (open []*Socket, refused Errno) {
	const tooMany = lastPort - firstPort + 10
	for range tooMany {
		s := c.Server.Socket(options...)
		if len(options) > 0 && options[0].option == optLateBind {
			s.Must("bind", s.Bind(c.Server.Addr(0)))
		}
		if refused = s.Connect(to); refused != inProgress {
			s.Close()
			return open, refused
		}
		open = append(open, s)
	}
	return open, ""
}

// noPort is what the model's connect() says when the only port is taken.
func noPort() Errno {
	taken := model.Conn{Node: model.Node{State: facts.TimeWait, Object: model.TimeWaitObject}}
	_, actions := taken.Step(model.Event{Kind: model.EvConnect})
	return errorOf(actions)
}

// connects writes how many connections were begun and how it ended.
func connects(n int, refused Errno) string { return fmt.Sprintf("%d, then %s", n, refused) }

var portCapacity = Scenario{
	Subject: "ports", Name: "capacity",
	Doc: "Connections from a range of ten ports until there are none: to one destination, to others beside it, " +
		"and again after one was closed; with reserved and with explicitly bound ports in the range.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "per destination", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			r := useTenPorts(c)
			want := connects(model.PortCapacity(r, nil, 0), noPort())
			open, refused := connectAll(c, c.Stranger(1, 443))
			c.Compare("to one destination", want, connects(len(open), refused))
			again, refused := connectAll(c, c.Stranger(2, 443))
			c.Compare("to another address", want, connects(len(again), refused))
			again, refused = connectAll(c, c.Stranger(1, 444))
			c.Compare("to another port of the first address", want, connects(len(again), refused))
			for _, s := range open[:3] {
				s.Close() // in SYN_SENT, so nothing is left of it
			}
			again, refused = connectAll(c, c.Stranger(1, 443))
			c.Compare("after three were closed", connects(3, noPort()), connects(len(again), refused))
		}},
		{Name: "reserved ports", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			r := useTenPorts(c)
			c.Server.Set(model.KeyReservedPorts, "50002,50005-50006,40000")
			want := connects(model.PortCapacity(r, c.Server.Settings().ReservedPorts, 0), noPort())
			open, refused := connectAll(c, c.Stranger(1, 443))
			c.Compare("with three reserved", want, connects(len(open), refused))
			s := c.Server.Socket()
			c.Compare("explicit bind to a reserved port", bound(false), s.Bind(c.Server.Addr(50002)))
		}},
		{Name: "bound ports", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			r := useTenPorts(c)
			const held = 4
			for i := range held {
				s := c.Server.Socket()
				s.Must("bind", s.Bind(netip.AddrPortFrom(c.loopback(), uint16(firstPort+2*i))))
			}
			open, refused := connectAll(c, c.Stranger(1, 443))
			c.Compare("with four bound at another address", connects(model.PortCapacity(r, nil, held), noPort()), connects(len(open), refused))
		}},
		{Name: "bound late", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			r := useTenPorts(c)
			open, refused := connectAll(c, c.Stranger(1, 443), Option{optLateBind, 1})
			c.Compare("with IP_BIND_ADDRESS_NO_PORT", connects(model.PortCapacity(r, nil, 0), noPort()), connects(len(open), refused))
		}},
		{Name: "binder gone", Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			r := useTenPorts(c)
			s := c.Server.Socket()
			s.Must("bind", s.Bind(c.Server.Addr(firstPort)))
			open, refused := connectAll(c, c.Stranger(1, 443))
			c.Compare("with one bound", connects(model.PortCapacity(r, nil, 1), noPort()), connects(len(open), refused))
			s.Close()
			open, refused = connectAll(c, c.Stranger(1, 443))
			c.Compare("after it was closed", connects(1, noPort()), connects(len(open), refused))
		}},
	},
}

// loopback is the loopback address of the family.
func (c *Case) loopback() netip.Addr {
	if c.Server.addr.Is4() {
		return netip.MustParseAddr("127.0.0.1")
	}
	return netip.IPv6Loopback()
}

// bound is what bind() returns where the model sees a conflict or none.
func bound(conflict bool) Errno {
	if conflict {
		return "EADDRINUSE"
	}
	return ""
}

var portOrder = Scenario{
	Subject: "ports", Name: "parity",
	Doc: "In which half of a range connect() and bind(0) look first: the ports as even or odd as the lowest, and " +
		"the others.",
	Families: bothFamilies(),
	Variants: []Variant{
		{Name: "even low end", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { portParity(c, firstPort, lastPort) }},
		{Name: "odd low end", Takes: stepsTake, Run: func(ctx context.Context, c *Case) { portParity(c, firstPort+1, lastPort+1) }},
	},
}

// portParity takes half of a range by connect(), and half of another by bind(0).
func portParity(c *Case, low, high int) {
	c.Server.Set(model.KeyPortRange, fmt.Sprintf("%d %d", low, high))
	r := c.Server.Settings().PortRange
	half := r.Size() / 2
	even := 0
	for range half {
		s := c.Server.Dial(c.Stranger(1, 443))
		even += int(1 - s.Local().Port()%2)
	}
	c.Compare("even ports among the first half by connect()", evenPorts(half, model.ConnectParity(r)), even)
	low += 100
	c.Server.Set(model.KeyPortRange, fmt.Sprintf("%d %d", low, high+100))
	r, even = c.Server.Settings().PortRange, 0
	for range half {
		s := c.Server.Socket()
		s.Must("bind", s.Bind(c.Server.Addr(0)))
		even += int(1 - s.Local().Port()%2)
	}
	c.Compare("even ports among the first half by bind(0)", evenPorts(half, model.BindParity(r)), even)
}

func evenPorts(n int, parity uint16) int {
	if parity == 0 {
		return n
	}
	return 0
}
