package prediction

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// finWait2 is about connections whose peer does not close.
func finWait2(of lab.Side) Subject {
	count := Measure{
		Name: "connections in FIN_WAIT2", Floor: 4,
		Of: always(func(s *Sample) float64 { return s.Mean(of, facts.FinWait2) }),
	}
	return Subject{
		Name:  "fin-wait2",
		Harms: []Measure{count},
		Figures: map[string]Measure{
			model.FigureFinWait2: count,
			model.FigureLifetime: {Floor: 0.5, Of: stay(count)},
		},
	}
}

// stay is how long visitors' connections stay in a state, by Little's law.
func stay(count Measure) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) {
		n, _ := count.Of(s)
		rate := (s.Told.Begun + s.Told.Attempts) / s.Told.Seconds
		return n / max(rate, 1e-9), rate > 0
	}
}

// unclosed is a server that closes first while its peers never do.
func unclosed(perSecond int, finTimeout, warm time.Duration) Load {
	return Load{
		Text: fmt.Sprintf("a server that closes %d connections a second whose peers never close, tcp_fin_timeout %.0f",
			perSecond, finTimeout.Seconds()),
		Subject: finWait2(lab.ServerSide), Warm: warm,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeyFinTimeout, int(finTimeout.Seconds()))
			s.Serve(ctx, lab.Server{Backlog: 4096, Conduct: lab.CloseFirst})
			s.Visit(ctx, Visitors{PerSecond: perSecond, Farewell: Acknowledges})
		},
	}
}

// halfClosed is a client that shuts down its sending side and goes on reading.
func halfClosed(count int) Load {
	return Load{
		Text:   fmt.Sprintf("a client that keeps %d connections which it has shut down for sending", count),
		Judged: lab.ClientSide, Subject: finWait2(lab.ClientSide), Warm: time.Second,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ClientSide, model.KeyFinTimeout, 20)
			s.Serve(ctx, lab.Server{Backlog: 4096, Conduct: lab.Leak})
			s.Connect(ctx, lab.Client{Total: count, Conduct: lab.HalfClose})
			s.Until(ctx, "half-closed connections", 10*time.Second, func() bool {
				return s.Count(lab.ClientSide, lab.FinWait2) >= count
			})
		},
	}
}

// lingering is about connections that closed and wait for an acknowledgement.
func lingering() Subject {
	count := Measure{
		Name: "closed and not acknowledged", Floor: 4,
		Of: always(func(s *Sample) float64 {
			return s.Mean(lab.ServerSide, facts.FinWait1, facts.Closing, facts.LastAck)
		}),
	}
	return Subject{
		Name: "orphans",
		Harms: []Measure{
			count,
			{
				Name: "given up", Unit: "/s", Floor: 3,
				Of: always(func(s *Sample) float64 { return s.Rate(lab.ServerSide, string(model.CTCPAbortOnTimeout)) }),
			},
		},
		Figures: map[string]Measure{
			model.FigurePopulation: count,
			model.FigureLifetime:   {Floor: 0.5, Of: lingers(count)},
		},
	}
}

// lingers is [stay] where connections go on coming.
func lingers(count Measure) func(*Sample) (float64, bool) {
	of := stay(count)
	return func(s *Sample) (float64, bool) {
		v, ok := of(s)
		_, lossy := s.Note(noteLossy)
		return v, ok && !lossy
	}
}

// noteLossy marks windows of loads in which FINs are answered after all.
const noteLossy = "lossy"

// vanishing is a server that closes first, after which its peers are not heard of
// again. With a total they stop to come.
func vanishing(perSecond, total, retries int, warm time.Duration) Load {
	text := fmt.Sprintf("a server that closes %d connections a second whose peers have vanished, tcp_orphan_retries %d", perSecond, retries)
	if total > 0 {
		text = fmt.Sprintf("a server that has closed %d connections whose peers have vanished, tcp_orphan_retries %d", total, retries)
	}
	return Load{
		Text: text, Subject: lingering(), Warm: warm,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeyOrphanRetries, retries)
			s.Serve(ctx, lab.Server{Backlog: 4096, Conduct: lab.CloseFirst})
			s.Visit(ctx, Visitors{PerSecond: perSecond, Total: total, Farewell: Ignores})
		},
	}
}

// lossyFarewell is a server whose FINs get lost several times before they arrive.
func lossyFarewell(perSecond, losses, retries int) Load {
	return Load{
		Text: fmt.Sprintf("a server that closes %d connections a second, of each of which the first %d FINs are lost, tcp_orphan_retries %d",
			perSecond, losses, retries),
		Subject: lingering(), Warm: 4 * time.Second,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeyOrphanRetries, retries)
			s.Serve(ctx, lab.Server{Backlog: 4096, Conduct: lab.CloseFirst})
			s.Visit(ctx, Visitors{PerSecond: perSecond, MissesFIN: losses})
		},
		Event: func(_ context.Context, s *Scene) { s.Note(noteLossy, 1) },
	}
}

// shutWindows is a server that has closed connections with data unsent, to peers
// that answer every probe with a closed window.
func shutWindows(count int) Load {
	return Load{
		Text:    fmt.Sprintf("a server that has closed %d connections whose peers keep their windows shut", count),
		Subject: lingering(), Warm: 3 * time.Second,
		Start: func(ctx context.Context, s *Scene) {
			h := s.fill(ctx, Visitors{ShutWindow: true, AnswerData: true, OnCall: true}, count)
			h.Each(func(c *net.TCPConn) {
				_, err := c.Write([]byte("hello"))
				s.Fail(err)
				_ = c.Close()
			})
		},
	}
}

// ownedHalfClosed is a process that keeps connections which it has shut down, to
// peers that have vanished.
func ownedHalfClosed(count int) Load {
	return Load{
		Text:    fmt.Sprintf("a server that keeps %d connections which it has shut down for sending, to peers that have vanished", count),
		Subject: lingering(), Warm: 3 * time.Second,
		Start: func(ctx context.Context, s *Scene) {
			h := s.fill(ctx, Visitors{Farewell: Ignores, OnCall: true}, count)
			h.Each(func(c *net.TCPConn) { s.Fail(c.CloseWrite()) })
		},
	}
}

// fill starts a server inside this process and gives it so many connections.
func (s *Scene) fill(ctx context.Context, v Visitors, count int) *Host {
	h := s.Host(ctx, false)
	visitors := s.Visit(ctx, v)
	if s.Failed() {
		return &Host{}
	}
	visitors.Bring(count)
	s.Until(ctx, "connections", 10*time.Second, func() bool { return h.Len() >= count })
	return h
}
