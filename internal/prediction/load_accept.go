package prediction

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// acceptQueue is about connections that a full accept queue refuses.
func acceptQueue() Subject {
	overflows := Measure{
		Floor: 3, AsSeen: true,
		Of: always(func(s *Sample) float64 { return s.Rate(lab.ServerSide, string(model.CListenOverflows)) }),
	}
	// The kernel counts each repeated attempt; this counts clients.
	unserved := Measure{
		Name: "clients not served", Unit: "/s", Floor: 5,
		Of: always(func(s *Sample) float64 { return (s.Told.Begun - s.Told.Accepted) / s.Told.Seconds }),
	}
	reset := Measure{
		Name: "clients reset", Unit: "/s", Floor: 2,
		Of: always(func(s *Sample) float64 { return (s.Told.Reset + s.Told.Broken) / s.Told.Seconds }),
	}
	limit := Measure{Floor: 0, AsSeen: true, Of: func(s *Sample) (float64, bool) {
		l, _, err := s.Listener()
		return float64(l.Limit) + 1, err == nil
	}}
	peak := Measure{Floor: 6, AsSeen: true, Of: func(s *Sample) (float64, bool) {
		_, w, err := s.Listener()
		return float64(w.HighWater), err == nil
	}}
	return Subject{
		Name:  "accept-queue",
		Harms: []Measure{unserved, reset},
		Figures: map[string]Measure{
			model.FigureDrops: overflows, model.FigureResets: reset,
			model.FigureQueueLimit: limit, model.FigureQueuePeak: peak,
			model.FigurePostponed: {Floor: 0.7, AsSeen: true, Of: note(model.FigurePostponed)},
		},
	}
}

// listening is a server and what it is allowed.
type listening struct {
	somaxconn int // when it called listen()
	backlog   int // what it asked for
	abort     bool
}

func (l listening) String() string {
	abort := ""
	if l.abort {
		abort = ", tcp_abort_on_overflow 1"
	}
	return fmt.Sprintf("a server (backlog %d, somaxconn %d%s)", l.backlog, l.somaxconn, abort)
}

// start starts the server, which closes each connection as soon as it has accepted
// it: visitors answer that with a reset, so that nothing is left behind.
func (l listening) start(ctx context.Context, s *Scene, acceptPerSecond int) {
	s.Set(lab.ServerSide, model.KeySomaxconn, l.somaxconn)
	if l.abort {
		s.Set(lab.ServerSide, model.KeyAbortOnOverflow, 1)
	}
	s.Serve(ctx, lab.Server{Backlog: l.backlog, Conduct: lab.CloseFirst, AcceptPerSecond: acceptPerSecond})
}

// oneStall is a server that keeps up, except for one stall in each window.
func oneStall(l listening, perSecond int, stall time.Duration) Load {
	return Load{
		Text: fmt.Sprintf("%v that stops accepting for %s once in a window, while %d clients come each second",
			l, seconds(stall), perSecond),
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, 0)
			s.Visit(ctx, Visitors{PerSecond: perSecond})
		},
		Event: func(ctx context.Context, s *Scene) {
			s.Pause(ctx, 600*time.Millisecond)
			s.Stall(ctx, stall)
		},
	}
}

// manyStalls is a server that stops accepting again and again.
func manyStalls(l listening, perSecond int, stall, between time.Duration) Load {
	return Load{
		Text: fmt.Sprintf("%v that accepts for %s and stops for %s by turns, while %d clients come each second; windows of 6 s",
			l, seconds(between), seconds(stall), perSecond),
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, 0)
			s.Visit(ctx, Visitors{PerSecond: perSecond})
			s.Go(func() error {
				for ctx.Err() == nil && !s.Failed() {
					s.Stall(ctx, stall)
					s.Pause(ctx, between)
				}
				return nil
			})
		},
		Warm: 2 * time.Second, Window: 6 * time.Second,
	}
}

// bursts is a server whose clients come many at a time.
func bursts(l listening, perSecond, burst, acceptPerSecond int) Load {
	return Load{
		Text: fmt.Sprintf("%v that accepts %d a second at most, while clients come %d at a time, %d each second",
			l, acceptPerSecond, burst, perSecond),
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, acceptPerSecond)
			s.Visit(ctx, Visitors{PerSecond: perSecond, Burst: burst})
		},
		Warm: 3 * time.Second,
	}
}

// lateACKs is a server that stops accepting twice in a window; in that time some
// clients fill a part of its queue, and more have their SYN answered before the queue
// is full and send their last ACK after.
func lateACKs(l listening, early, late int) Load {
	const away = 50 * time.Millisecond
	return Load{
		Text: fmt.Sprintf("%v that stops accepting for 0.5 s twice in a window, while first %d and then %d clients come at once",
			l, early, late),
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, 0)
			s.Visit(ctx, Visitors{OnCall: true})
			s.Visit(ctx, Visitors{OnCall: true, Delay: away})
		},
		Event: func(ctx context.Context, s *Scene) {
			for range 2 {
				if s.Failed() {
					return
				}
				s.Pause(ctx, 200*time.Millisecond)
				s.UpdateServer(func(spec *lab.Server) { spec.Stalled = true })
				s.Pause(ctx, 150*time.Millisecond)
				s.visitors[0].Bring(early)
				s.Pause(ctx, 100*time.Millisecond)
				s.visitors[1].Bring(late)
				s.Pause(ctx, 250*time.Millisecond)
				s.UpdateServer(func(spec *lab.Server) { spec.Stalled = false })
				// Those refused at their ACK get another SYN-ACK after a second.
				s.Pause(ctx, 750*time.Millisecond)
			}
		},
	}
}

// overload is a server that accepts fewer than come, all the time; none at all
// where acceptPerSecond is 0.
func overload(l listening, perSecond, acceptPerSecond int) Load {
	text := fmt.Sprintf("%v that accepts %d a second, while %d clients come each second", l, acceptPerSecond, perSecond)
	if acceptPerSecond == 0 {
		text = fmt.Sprintf("%v that accepts nothing any more, while %d clients come each second", l, perSecond)
	}
	return Load{
		Text:    text,
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, acceptPerSecond)
			if acceptPerSecond == 0 {
				s.UpdateServer(func(spec *lab.Server) { spec.Stalled = true })
				s.Pause(ctx, orderTakes)
			}
			s.Visit(ctx, Visitors{PerSecond: perSecond})
			s.Until(ctx, "a full accept queue", 20*time.Second, func() bool {
				got := s.Listener(lab.ServerSide)
				return got.ReceiveQueue > got.SendQueue
			})
		},
		// A client that was refused at its last ACK tries again after 1, 3, 7 and
		// 15 s; each try counts.
		Warm:   10 * time.Second,
		Follow: postponed,
	}
}

// postponed notes for how long a longer queue has room: from when the listener
// gets its new limit until the queue is full again.
func postponed(ctx context.Context, s *Scene) {
	const patience = 10 * time.Second
	var longer time.Time
	was := s.Listener(lab.ServerSide).SendQueue
	for began := time.Now(); !s.Failed() && time.Since(began) < patience; s.Pause(ctx, 20*time.Millisecond) {
		got := s.Listener(lab.ServerSide)
		switch {
		case longer.IsZero() && got.SendQueue > was:
			longer = time.Now()
		case longer.IsZero() && time.Since(began) > 2*time.Second:
			return
		case !longer.IsZero() && got.ReceiveQueue > got.SendQueue:
			s.Note(model.FigurePostponed, time.Since(longer).Seconds())
			return
		}
	}
}

// keepingUp is a server whose queue never fills.
func keepingUp(l listening, perSecond int) Load {
	return Load{
		Text:    fmt.Sprintf("%v that keeps up with %d clients a second", l, perSecond),
		Subject: acceptQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			l.start(ctx, s, 0)
			s.Visit(ctx, Visitors{PerSecond: perSecond})
		},
	}
}
