package prediction

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// ports is about connections that cannot be made for want of a local port.
func ports() Subject {
	made := Measure{
		Name: "connections made", Unit: "/s", Floor: 2, MoreIsBetter: true,
		Of: always(func(s *Sample) float64 { return s.Told.Connected / s.Told.Seconds }),
	}
	return Subject{
		Name: "ports",
		Harms: []Measure{
			made,
			{
				Name: "connections that skip TIME_WAIT", Unit: "/s", Floor: 1,
				Of: always(func(s *Sample) float64 { return s.Rate(lab.ClientSide, string(model.CTCPTimeWaitOverflow)) }),
			},
		},
		Figures: map[string]Measure{
			model.FigurePorts:    {Floor: 0, Of: portsAtMost},
			model.FigurePortRate: {Floor: 1, Of: func(s *Sample) (float64, bool) { return sustained(s, made) }},
		},
	}
}

// notePorts is how many local ports were in use to the destination when a window
// ended.
const notePorts = "ports"

// portsAtMost is how many local ports were in use to the destination when no more
// could be had.
func portsAtMost(s *Sample) (float64, bool) {
	v, _ := s.Note(notePorts)
	return v, s.Told.NoPort > 0
}

// countPorts notes how many of the ports that connections may choose from are in
// use. Ports used before they were set aside do not count.
func countPorts(_ context.Context, s *Scene) {
	if s.Failed() {
		return
	}
	settings, err := s.settings(lab.ClientSide)
	s.Fail(err)
	found, err := lab.Sockets(s.side(lab.ClientSide), lab.Established, lab.SynSent, lab.FinWait1, lab.FinWait2, lab.TimeWait,
		lab.CloseWait, lab.LastAck, lab.Closing)
	s.Fail(err)
	used := make(map[uint16]bool)
	for _, c := range found {
		p := c.Local.Port()
		aside := slices.ContainsFunc(settings.ReservedPorts, func(r model.PortRange) bool { return r.Has(p) })
		if c.Remote.Port() == s.Port && settings.PortRange.Has(p) && !aside {
			used[p] = true
		}
	}
	s.Note(notePorts, float64(len(used)))
}

// settings reads the range of ports of one side.
func (s *Scene) settings(of lab.Side) (model.Settings, error) {
	values := make(map[string]string)
	for _, key := range []string{model.KeyPortRange, model.KeyReservedPorts} {
		v, err := lab.Sysctl(s.side(of), key)
		if err != nil {
			return model.Settings{}, err
		}
		values[key] = v
	}
	return model.ParseSettings(values, model.Dialect{}, 0)
}

// sustained is how many connections were made each second, where no more could
// be and the window is long enough for every port to have been used again.
func sustained(s *Sample, made Measure) (float64, bool) {
	v, _ := made.Of(s)
	settings := s.At(lab.ClientSide).Settings
	reuse := settings[model.KeyTWReuse]
	again := settings[model.KeyTimestamps] != "0" && (reuse == "1" || reuse == "2" && s.loopback())
	return v, s.Told.NoPort > 0 && (again && v > 0 || s.Seconds() >= model.TimeWaitLength.Seconds())
}

// loopback tells whether the connections are made to a loopback address.
func (s *Sample) loopback() bool {
	for _, d := range s.At(lab.ClientSide).End.Census.Destinations {
		if d.Dest.Port() == s.port {
			return d.Dest.Addr().IsLoopback()
		}
	}
	return false
}

// dialling is a client and the ports it has.
type dialling struct {
	ports     int    // size of the range
	reserved  string // ports set aside
	perSecond int    // connections wanted each second
	reuse     int    // tcp_tw_reuse
	delay     int    // tcp_tw_reuse_delay in milliseconds; 0 stands for 1000
	bare      bool   // without timestamps
	held      bool   // connections stay open
	loopback  bool   // the server is on the same host
}

// lowPort is where every range begins.
const lowPort = 40000

// portRange is a range as the parameter spells it.
func portRange(size int) string { return fmt.Sprintf("%d %d", lowPort, lowPort+size-1) }

func (d dialling) String() string {
	text := fmt.Sprintf("a client with %d local ports that wants %d connections a second and closes each at once", d.ports, d.perSecond)
	if d.held {
		text = fmt.Sprintf("a client with %d local ports that wants %d connections a second and keeps them", d.ports, d.perSecond)
	}
	if d.loopback {
		text += ", to the same host"
	}
	if d.reserved != "" {
		text += ", ports " + d.reserved + " reserved"
	}
	text += fmt.Sprintf("; tcp_tw_reuse %d", d.reuse)
	if d.delay != 0 {
		text += fmt.Sprintf(", tcp_tw_reuse_delay %d", d.delay)
	}
	if d.bare {
		text += ", tcp_timestamps 0"
	}
	return text
}

// dial makes a load of a client.
func dial(d dialling, warm time.Duration) Load {
	return Load{
		Text: d.String(), Judged: lab.ClientSide, Subject: ports(), Warm: warm,
		Start:  func(ctx context.Context, s *Scene) { d.start(ctx, s) },
		Finish: countPorts,
	}
}

func (d dialling) start(ctx context.Context, s *Scene) {
	s.Set(lab.ClientSide, model.KeyPortRange, portRange(d.ports))
	s.Set(lab.ClientSide, model.KeyTWReuse, d.reuse)
	if d.reserved != "" {
		s.Set(lab.ClientSide, model.KeyReservedPorts, d.reserved)
	}
	if d.delay != 0 {
		s.Set(lab.ClientSide, model.KeyTWReuseDelay, d.delay)
	}
	if d.bare {
		s.Set(lab.ClientSide, model.KeyTimestamps, 0)
	}
	spec := lab.Client{PerSecond: d.perSecond, Pending: 1024}
	if d.held {
		spec.Hold = -1
	}
	server := lab.ServerSide
	if d.loopback {
		server = lab.ClientSide
		s.Fail(lab.LoopbackUp(s.side(server)))
		spec.To = netip.AddrPortFrom(s.loopbackAddr(), s.Port)
	}
	s.ServeOn(ctx, server, lab.Server{Backlog: 4096})
	s.Connect(ctx, spec)
}

func (s *Scene) loopbackAddr() netip.Addr {
	if s.Family == lab.IPv6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// timeWait is about TIME_WAIT objects and connections that get none.
func timeWait(of lab.Side) Subject {
	skipped := Measure{
		Name: "connections that skip TIME_WAIT", Unit: "/s", Floor: 3, AsSeen: true,
		Of: always(func(s *Sample) float64 { return s.Rate(of, string(model.CTCPTimeWaitOverflow)) }),
	}
	return Subject{
		Name: "time-wait",
		Harms: []Measure{
			skipped,
			{Name: "connections in TIME_WAIT", Floor: 20, Of: steadyTimeWait(of)},
		},
		Figures: map[string]Measure{
			model.FigureDrops: skipped,
			model.FigureTimeWait: {Floor: 5, AsSeen: true, Of: func(s *Sample) (float64, bool) {
				steady := s.Age > fullCycle || skipped.over(s, skipped.Floor)
				return float64(s.At(of).End.Census.States()[facts.TimeWait]), steady
			}},
		},
	}
}

// fullCycle is longer than TIME_WAIT: the first objects are gone.
const fullCycle = 69 * time.Second

// steadyTimeWait is the number of TIME_WAIT objects as a nuisance: where it has
// stopped to grow by itself.
func steadyTimeWait(of lab.Side) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) { return s.Mean(of, facts.TimeWait), s.Age > fullCycle }
}

// closeFirst is a server that closes its connections first, so that it keeps the
// TIME_WAIT.
func closeFirst(perSecond, buckets int, warm time.Duration) Load {
	text := fmt.Sprintf("a server that closes %d connections a second first", perSecond)
	if buckets != 0 {
		text += fmt.Sprintf(", tcp_max_tw_buckets %d", buckets)
	}
	return Load{
		Text: text, Subject: timeWait(lab.ServerSide), Warm: warm,
		Start: func(ctx context.Context, s *Scene) {
			if buckets != 0 {
				s.Set(lab.ServerSide, model.KeyMaxTWBuckets, buckets)
			}
			s.Serve(ctx, lab.Server{Backlog: 4096, Conduct: lab.CloseFirst})
			s.Visit(ctx, Visitors{PerSecond: perSecond, Farewell: Finishes})
		},
	}
}
