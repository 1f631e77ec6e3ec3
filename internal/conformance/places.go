package conformance

import (
	"context"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// place is a node of the state space and how to get a connection there. The steps
// on the way are compared like any others.
type place struct {
	name       string
	active     bool // the kernel connects
	timestamps bool
	way        func(ctx context.Context, t *Twin)
}

func passivePlace(name string, way func(ctx context.Context, t *Twin)) place {
	return place{name: name, way: way}
}

func activePlace(name string, way func(ctx context.Context, t *Twin)) place {
	return place{name: name, active: true, way: way}
}

// reach brings a new connection there.
func (p place) reach(ctx context.Context, c *Case) *Twin {
	var t *Twin
	if p.active {
		t = c.Active()
	} else {
		t = c.Passive()
	}
	t.Timestamps = p.timestamps
	c.Prepare(func() { p.way(ctx, t) })
	return t
}

// fin is the stranger's FIN that acknowledges all of the kernel's.
func (t *Twin) fin(ctx context.Context) { t.Segment(ctx, "FIN", Say{Flags: model.FIN | model.ACK}) }

// ack is the stranger's acknowledgement of all that the kernel has sent.
func (t *Twin) ack(ctx context.Context) { t.Segment(ctx, "ACK", Say{Flags: model.ACK}) }

// crossingFIN is the stranger's FIN sent before the kernel's had come.
func (t *Twin) crossingFIN(ctx context.Context) {
	t.Segment(ctx, "FIN that crosses", Say{Flags: model.FIN | model.ACK, Ack: -1})
}

// synchronizedPlaces are where both sides have agreed on sequence numbers.
func synchronizedPlaces() []place {
	return []place{
		passivePlace("ESTABLISHED", func(ctx context.Context, t *Twin) { t.Open(ctx) }),
		passivePlace("CLOSE_WAIT", func(ctx context.Context, t *Twin) { t.Open(ctx); t.fin(ctx) }),
		passivePlace("FIN_WAIT1 of a socket", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Shutdown(ctx) }),
		passivePlace("FIN_WAIT1 of an orphan", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Close(ctx) }),
		activePlace("FIN_WAIT2 of a socket", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Shutdown(ctx); t.ack(ctx) }),
		passivePlace("CLOSING of a socket", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Shutdown(ctx); t.crossingFIN(ctx) }),
		passivePlace("CLOSING of an orphan", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Close(ctx); t.crossingFIN(ctx) }),
		passivePlace("LAST_ACK of a socket", func(ctx context.Context, t *Twin) { t.Open(ctx); t.fin(ctx); t.Shutdown(ctx) }),
		passivePlace("LAST_ACK of an orphan", func(ctx context.Context, t *Twin) { t.Open(ctx); t.fin(ctx); t.Close(ctx) }),
		simultaneousSynRecv(),
	}
}

// simultaneousSynRecv is a full socket in SYN_RECV.
func simultaneousSynRecv() place {
	return activePlace("SYN_RECV of a socket", func(ctx context.Context, t *Twin) {
		t.Connect(ctx)
		t.Segment(ctx, "SYN that crosses", Say{Flags: model.SYN})
	})
}

func requestPlace() place {
	return passivePlace("SYN_RECV of a request", func(ctx context.Context, t *Twin) {
		t.Segment(ctx, "SYN", Say{Flags: model.SYN})
	})
}

func finWait2TW() place {
	return passivePlace("FIN_WAIT2 of a tw object", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Close(ctx); t.ack(ctx) })
}

func timeWait() place {
	return passivePlace("TIME_WAIT", func(ctx context.Context, t *Twin) { t.Open(ctx); t.Close(ctx); t.ack(ctx); t.fin(ctx) })
}

// from makes a variant of each place: what is done there follows the way to it.
func from(places []place, then func(ctx context.Context, t *Twin)) []Variant {
	var out []Variant
	for _, p := range places {
		out = append(out, Variant{Name: p.name, Takes: stepsTake, Run: func(ctx context.Context, c *Case) {
			c.Server.Set(model.KeyInvalidRateLimit, 0)
			then(ctx, p.reach(ctx, c))
		}})
	}
	return out
}
