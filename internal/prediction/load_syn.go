package prediction

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// synQueue is about SYNs that a full half-open queue refuses, and about what SYN
// cookies cost.
func synQueue() Subject {
	return Subject{
		Name: "syn-queue",
		Harms: []Measure{
			refusedSYNs(),
			{
				Name: "clients without an answer", Unit: "/s", Floor: 2,
				Of: always(func(s *Sample) float64 { return (s.Told.GaveUp + s.Told.Broken) / s.Told.Seconds }),
			},
			{Name: "connections without window scaling", Unit: "", Floor: 3, Of: note(noteBare)},
		},
		Figures: synFigures(),
	}
}

// halfOpenEntries is about half-open entries that stay, and about clients that
// need their SYN-ACK repeated.
func halfOpenEntries() Subject {
	return Subject{
		Name: "half-open",
		Harms: []Measure{
			{Name: "half-open entries", Floor: 4, Of: always(halfOpen)},
			{
				Name: "handshakes not completed", Unit: "/s", Floor: 2,
				Of: always(func(s *Sample) float64 {
					return s.Told.Begun/s.Told.Seconds - s.Rate(lab.ServerSide, string(model.CPassiveOpens))
				}),
			},
		},
		Figures: synFigures(),
	}
}

func synFigures() map[string]Measure {
	return map[string]Measure{
		model.FigureDrops:    refusedSYNs(),
		model.FigureHalfOpen: {Floor: 4, Of: always(halfOpen)},
		model.FigureHalfOpenMax: {Floor: 1, Of: func(s *Sample) (float64, bool) {
			n := s.At(lab.ServerSide)
			most := max(n.Start.Census.States()[facts.SynRecv], n.End.Census.States()[facts.SynRecv])
			full := refused(s) > 1 || s.Rate(lab.ServerSide, string(model.CSyncookiesSent)) > 1
			return float64(most), full
		}},
		model.FigureHalfOpenLife: {Floor: 1, Of: halfOpenLife},
	}
}

// refusedSYNs is the SYNs dropped for any reason but a full accept queue.
func refusedSYNs() Measure {
	return Measure{Name: "refused SYNs", Unit: "/s", Floor: 3, AsSeen: true, Of: always(refused)}
}

func refused(s *Sample) float64 {
	return s.Rate(lab.ServerSide, string(model.CListenDrops)) - s.Rate(lab.ServerSide, string(model.CListenOverflows))
}

func halfOpen(s *Sample) float64 { return s.Mean(lab.ServerSide, facts.SynRecv) }

// cohortSeconds is how long must be measured for a mean life: entries that were
// made together die together, every seven seconds in a full queue.
const cohortSeconds = 14

// halfOpenLife is how long an entry that nobody answers stays, by Little's law: the
// entries divided by how many are made each second.
func halfOpenLife(s *Sample) (float64, bool) {
	rate := func(c model.Counter) float64 { return s.Rate(lab.ServerSide, string(c)) }
	stored := (s.Told.Begun+s.Told.Attempts)/s.Told.Seconds - refused(s) - rate(model.CSyncookiesSent)
	unanswered := stored - (rate(model.CPassiveOpens) - rate(model.CSyncookiesRecv))
	steady := s.Seconds() >= cohortSeconds || refused(s) < 1 && rate(model.CSyncookiesSent) < 1
	if unanswered <= 0 {
		return 0, false
	}
	return halfOpen(s) / unanswered, steady
}

// defence is what bounds the half-open queue of a server.
type defence struct {
	backlog   int // 0 stands for what somaxconn is then
	somaxconn int // 0 stands for 4096
	cookies   int
	memory    int // tcp_max_syn_backlog; 0 stands for the kernel's choice
	retries   int // tcp_synack_retries; 0 stands for 5
}

func (d defence) String() string {
	text := fmt.Sprintf("a server (backlog %d", d.backlog)
	if d.somaxconn != 0 {
		text += fmt.Sprintf(", somaxconn %d", d.somaxconn)
	}
	text += fmt.Sprintf(", tcp_syncookies %d", d.cookies)
	if d.memory != 0 {
		text += fmt.Sprintf(", tcp_max_syn_backlog %d", d.memory)
	}
	if d.retries != 0 {
		text += fmt.Sprintf(", tcp_synack_retries %d", d.retries)
	}
	return text + ")"
}

func (d defence) start(ctx context.Context, s *Scene, conduct lab.Conduct) {
	if d.somaxconn == 0 {
		d.somaxconn = 4096
	}
	s.Set(lab.ServerSide, model.KeySomaxconn, d.somaxconn)
	s.Set(lab.ServerSide, model.KeySyncookies, d.cookies)
	if d.memory != 0 {
		s.Set(lab.ServerSide, model.KeyMaxSynBacklog, d.memory)
	}
	if d.retries != 0 {
		s.Set(lab.ServerSide, model.KeySynackRetries, d.retries)
	}
	s.Serve(ctx, lab.Server{Backlog: d.backlog, Conduct: conduct})
}

// impatient is how long real clients of a flooded server wait: less than until
// their kernel repeats the SYN, so that each refused client counts once.
const impatient = 800 * time.Millisecond

// flood is SYNs that nobody answers for, beside a few clients in earnest.
func flood(d defence, perSecond int) Load {
	return Load{
		Text:    fmt.Sprintf("%v, a flood of %d SYNs each second, and ten clients in earnest", d, perSecond),
		Subject: synQueue(),
		Start: func(ctx context.Context, s *Scene) {
			d.start(ctx, s, lab.Serve)
			s.Visit(ctx, Visitors{PerSecond: perSecond, Silent: true})
			s.Connect(ctx, lab.Client{PerSecond: 10, GiveUp: impatient})
		},
		Warm: 16 * time.Second,
	}
}

// floodWithOptions is a flood whose clients in earnest keep their connections for a
// while, so that their options can be seen.
func floodWithOptions(d defence, perSecond int) Load {
	l := flood(d, perSecond)
	l.Text += " that keep their connections for a while"
	l.Start = func(ctx context.Context, s *Scene) {
		d.start(ctx, s, lab.Serve)
		s.Visit(ctx, Visitors{PerSecond: perSecond, Silent: true})
		s.Connect(ctx, lab.Client{PerSecond: 10, GiveUp: impatient, Hold: heldFor})
	}
	l.Finish = countBare
	return l
}

// floodWatched is a flood whose half-open entries are followed for long enough to
// know how long they live.
func floodWatched(d defence, perSecond int) Load {
	l := flood(d, perSecond)
	l.Text += "; windows of 21 s"
	l.Subject = halfOpenEntries()
	l.Warm, l.Window = 74*time.Second, 21*time.Second
	return l
}

// slowClients complete their handshakes, each after a while.
func slowClients(d defence, perSecond int, delay time.Duration) Load {
	return Load{
		Text:    fmt.Sprintf("%v, %d clients each second that answer after %s", d, perSecond, seconds(delay)),
		Subject: synQueue(), Lively: true,
		Start: func(ctx context.Context, s *Scene) {
			d.start(ctx, s, lab.CloseFirst)
			s.Visit(ctx, Visitors{PerSecond: perSecond, Delay: delay})
		},
		Warm: 2 * time.Second,
	}
}

// trickle is SYNs that nobody answers for, so few that the queue stays far from
// full.
func trickle(d defence, perSecond int, warm time.Duration) Load {
	return Load{
		Text:    fmt.Sprintf("%v, %d SYNs each second that nobody answers for", d, perSecond),
		Subject: halfOpenEntries(),
		Start: func(ctx context.Context, s *Scene) {
			d.start(ctx, s, lab.CloseFirst)
			s.Visit(ctx, Visitors{PerSecond: perSecond, Silent: true})
		},
		Warm: warm,
	}
}

// lossyClients need their SYN-ACK repeated.
func lossyClients(d defence, perSecond, misses int, warm time.Duration) Load {
	return Load{
		Text:    fmt.Sprintf("%v, %d clients each second, to each of which the first %d SYN-ACKs are lost", d, perSecond, misses),
		Subject: halfOpenEntries(),
		Start: func(ctx context.Context, s *Scene) {
			d.start(ctx, s, lab.CloseFirst)
			s.Visit(ctx, Visitors{PerSecond: perSecond, Misses: misses})
		},
		Warm: warm,
	}
}

// noteBare is how many connections of the server have no window scaling.
const noteBare = "bare"

// heldFor is how long the clients of [withoutTimestamps] keep a connection.
const heldFor = 2 * time.Second

// withoutTimestamps is clients whose kernel does not offer timestamps: a cookie
// cannot keep their options.
func withoutTimestamps(d defence, perSecond int) Load {
	return Load{
		Text:    fmt.Sprintf("%v, %d clients each second without TCP timestamps", d, perSecond),
		Subject: synQueue(),
		Start: func(ctx context.Context, s *Scene) {
			s.Set(lab.ClientSide, model.KeyTimestamps, 0)
			d.start(ctx, s, lab.Serve)
			s.Connect(ctx, lab.Client{PerSecond: perSecond, GiveUp: impatient, Hold: heldFor})
		},
		Warm:   3 * time.Second,
		Finish: countBare,
	}
}

// countBare notes how many of the server's connections have no window scaling.
func countBare(ctx context.Context, s *Scene) {
	if s.Failed() {
		return
	}
	const scaled = 1 << 2 // TCPI_OPT_WSCALE of include/uapi/linux/tcp.h
	var conn *sockdiag.Conn
	err := s.side(lab.ServerSide).Do(func() (err error) {
		conn, err = sockdiag.Dial()
		return err
	})
	if err != nil {
		s.Fail(err)
		return
	}
	defer conn.Close()
	count := 0
	for socket, err := range conn.Sockets(ctx, sockdiag.Request{States: facts.StateSet(facts.Established), Attributes: sockdiag.Info}) {
		if err != nil {
			s.Fail(err)
			return
		}
		if socket.Local.Port() == s.Port && socket.Info.Options&scaled == 0 {
			count++
		}
	}
	s.Note(noteBare, float64(count))
}
