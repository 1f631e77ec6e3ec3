package prediction

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// connecting is about connects that nobody answers, or late. They are made on the
// server's side, which alone reaches the addresses that nobody owns.
func connecting() Subject {
	count := Measure{
		Name: "connects that wait", Floor: 4,
		Of: always(func(s *Sample) float64 { return s.Mean(lab.ServerSide, facts.SynSent) }),
	}
	return Subject{
		Name: "connecting",
		Harms: []Measure{
			count,
			{
				Name: "connections made", Unit: "/s", Floor: 2, MoreIsBetter: true,
				Of: always(func(s *Sample) float64 { return s.Told.Connected / s.Told.Seconds }),
			},
		},
		Figures: map[string]Measure{
			model.FigurePopulation: count,
			model.FigureLifetime: {Floor: 0.5, Of: func(s *Sample) (float64, bool) {
				v, ok := stay(count)(s)
				return v, ok && s.Told.Connected == 0
			}},
		},
	}
}

// patientDial is how long a client waits at least: the kernel gives up before.
const patientDial = 3 * time.Minute

// calling connects to an address at which nobody answers.
func calling(perSecond, synRetries int, warm time.Duration) Load {
	return Load{
		Text:    fmt.Sprintf("a client that begins %d connections a second to an address that does not answer, tcp_syn_retries %d", perSecond, synRetries),
		Subject: connecting(), Warm: warm,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeySynRetries, synRetries)
			s.ConnectFrom(ctx, lab.ServerSide, lab.Client{
				To: netip.AddrPortFrom(s.Stranger(s.Family, 7), 80), PerSecond: perSecond, Pending: 4096, GiveUp: patientDial,
			})
		},
	}
}

// callingLate connects to an address that answers the so-manieth SYN of each.
func callingLate(perSecond, synRetries, answered int) Load {
	return Load{
		Text: fmt.Sprintf("a client that begins %d connections a second to an address that answers the %dth SYN of each, tcp_syn_retries %d",
			perSecond, answered, synRetries),
		Subject: connecting(), Warm: 7 * time.Second,
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeySynRetries, synRetries)
			to := netip.AddrPortFrom(s.Stranger(s.Family, 7), 80)
			s.answerLate(ctx, to, answered)
			s.ConnectFrom(ctx, lab.ServerSide, lab.Client{
				To: to, PerSecond: perSecond, Pending: 4096, GiveUp: patientDial, Conduct: lab.Abort,
			})
		},
	}
}

// answerLate speaks for an address that lets the first SYNs of each connection go by.
func (s *Scene) answerLate(ctx context.Context, at netip.AddrPort, which int) {
	if s.Failed() {
		return
	}
	peer, err := s.Peer()
	if err != nil {
		s.Fail(err)
		return
	}
	s.mu.Lock()
	s.peers = append(s.peers, peer)
	s.mu.Unlock()
	var mu sync.Mutex
	came := make(map[netip.AddrPort]int)
	s.Go(func() error {
		return ended(ctx, peer.Serve(ctx, func(got lab.Segment) []lab.Segment {
			mu.Lock()
			defer mu.Unlock()
			if got.To != at || !got.Flags.Has(lab.SYN) {
				return nil
			}
			if came[got.From]++; came[got.From] < which {
				return nil
			}
			return []lab.Segment{got.Reply(lab.SYN | lab.ACK)}
		}))
	})
}

// noteLife is for how many seconds connections to vanished peers stayed.
const noteLife = "life"

// deadPeers is about connections whose peer has vanished.
func deadPeers() Subject {
	life := Measure{Name: "dead connections stay", Unit: "s", Floor: 0.7, Of: note(noteLife)}
	return Subject{
		Name: "dead-peers",
		Harms: []Measure{
			life,
			{
				Name: "connections lost to an outage", Floor: 3,
				Of: note(noteBroken),
			},
			{
				Name: "dead connections", Floor: 3,
				Of: func(s *Sample) (float64, bool) {
					_, timed := s.Note(noteLife)
					_, outage := s.Note(noteBroken)
					return s.Mean(lab.ServerSide, facts.Established), !timed && !outage
				},
			},
		},
		Figures: map[string]Measure{model.FigureLifetime: life},
	}
}

// probing is what tcp_keepalive_time, tcp_keepalive_intvl and tcp_keepalive_probes
// are.
type probing struct{ time, interval, probes int }

func (p probing) String() string {
	return fmt.Sprintf("keepalive after %d s, every %d s, %d times", p.time, p.interval, p.probes)
}

func (p probing) set(s *Scene) {
	s.Set(lab.ServerSide, model.KeyKeepaliveTime, p.time)
	s.Set(lab.ServerSide, model.KeyKeepaliveInterval, p.interval)
	s.Set(lab.ServerSide, model.KeyKeepaliveProbes, p.probes)
}

// cohort is connections that are made together and whose peers then vanish.
type cohort struct {
	host     *Host
	visitors *Group
	since    time.Time
}

// cohortSize is how many connections a cohort has.
const cohortSize = 30

// make lets go of what is left of the last cohort and makes a new one.
func (c *cohort) make(ctx context.Context, s *Scene) {
	if s.Failed() {
		return
	}
	c.host.Forget()
	c.visitors.Bring(cohortSize)
	s.Until(ctx, "connections", 10*time.Second, func() bool { return c.host.Len() >= cohortSize })
	c.since = time.Now()
}

// vanish waits until the kernel has given up every connection, and notes how long
// it took since they were made.
func (c *cohort) vanish(ctx context.Context, s *Scene) {
	s.Until(ctx, "the end of dead connections", time.Minute, func() bool {
		return s.Count(lab.ServerSide, lab.Established) == 0
	})
	s.Note(noteLife, time.Since(c.since).Seconds())
}

// idle is connections without traffic whose peers have vanished. With keepalive the
// kernel finds out.
func idle(p probing, keepalive bool) Load {
	text := fmt.Sprintf("%d idle connections whose peers have vanished, with SO_KEEPALIVE, %v", cohortSize, p)
	if !keepalive {
		text = fmt.Sprintf("%d idle connections whose peers have vanished, without SO_KEEPALIVE, %v", cohortSize, p)
	}
	l := Load{
		Text: text, Subject: deadPeers(),
		Start: func(ctx context.Context, s *Scene) {
			p.set(s)
			s.cohort = cohort{host: s.Host(ctx, keepalive), visitors: s.Visit(ctx, Visitors{OnCall: true})}
		},
		Prepare: func(ctx context.Context, s *Scene) { s.cohort.make(ctx, s) },
	}
	if keepalive {
		l.Event = func(ctx context.Context, s *Scene) { s.cohort.vanish(ctx, s) }
	}
	return l
}

// rtoMaxMillis is what tcp_rto_max_ms is under loads about tcp_retries2, so that
// many repeats do not take a quarter of an hour.
const rtoMaxMillis = 1000

// unanswered is connections with data that vanished peers do not acknowledge.
func unanswered(retries2 int) Load {
	return Load{
		Text: fmt.Sprintf("%d connections with data unacknowledged whose peers have vanished, tcp_retries2 %d, tcp_rto_max_ms %d",
			cohortSize, retries2, rtoMaxMillis),
		Subject: deadPeers(),
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeyRTOMax, rtoMaxMillis)
			s.Set(lab.ServerSide, model.KeyRetries2, retries2)
			s.cohort = cohort{host: s.Host(ctx, false), visitors: s.Visit(ctx, Visitors{OnCall: true})}
		},
		Prepare: func(ctx context.Context, s *Scene) {
			s.cohort.make(ctx, s)
			s.cohort.say(s)
		},
		Event: func(ctx context.Context, s *Scene) { s.cohort.vanish(ctx, s) },
	}
}

// say sends a few bytes on every connection.
func (c *cohort) say(s *Scene) {
	if s.Failed() {
		return
	}
	c.host.Each(func(conn *net.TCPConn) {
		_, err := conn.Write([]byte("are you there?"))
		s.Fail(err)
	})
	c.since = time.Now()
}

// noteBroken is how many connections an outage has cost.
const noteBroken = "broken"

// outage is connections with data under way whose peers are not reached for a
// while, and are then.
func outage(retries2 int, length time.Duration) Load {
	return Load{
		Text: fmt.Sprintf("%d connections that send data, and an outage of %s in each window, tcp_retries2 %d, tcp_rto_max_ms %d",
			cohortSize, seconds(length), retries2, rtoMaxMillis),
		Subject: deadPeers(),
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ServerSide, model.KeyRTOMax, rtoMaxMillis)
			s.Set(lab.ServerSide, model.KeyRetries2, retries2)
			s.cohort = cohort{host: s.Host(ctx, false), visitors: s.Visit(ctx, Visitors{OnCall: true, AnswerData: true})}
		},
		Prepare: func(ctx context.Context, s *Scene) { s.cohort.make(ctx, s) },
		Event: func(ctx context.Context, s *Scene) {
			if s.Failed() {
				return
			}
			s.cohort.visitors.deaf.Store(true)
			s.cohort.say(s)
			s.Pause(ctx, length)
			s.cohort.visitors.deaf.Store(false)
			s.Pause(ctx, 2*time.Second)
			s.Note(noteBroken, float64(cohortSize-s.Count(lab.ServerSide, lab.Established)))
		},
	}
}

// answered is connections whose data is acknowledged.
func answered(retries2 int) Load {
	l := outage(retries2, 0)
	l.Text = fmt.Sprintf("%d connections whose data is acknowledged, tcp_retries2 %d, tcp_rto_max_ms %d", cohortSize, retries2, rtoMaxMillis)
	return l
}
