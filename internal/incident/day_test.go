package incident

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

const (
	dayTick  = 10 * time.Second
	dayTicks = int(24 * time.Hour / dayTick)
	// walkEvery and walkLeast are the pace of walks over all sockets, in ticks:
	// of their own accord, and when something calls for them.
	walkEvery, walkLeast = 6, 2
)

// service is two namespaces of the host, a server's and its clients', and what
// happens there at every tick of the day.
type service struct {
	name  string
	nets  [2]facts.Namespace
	at    []*scene
	taken []injected
}

// injected is a fault among the healthy traffic.
type injected struct {
	fault    *scene
	service  *service
	from, to int // ticks
}

// day is a host for 24 hours.
type day struct {
	services []*service
	faults   []injected
	rand     *rand.Rand
}

func newDay(seed uint64, all map[string]*scene) *day {
	d := &day{rand: rand.New(rand.NewPCG(seed, 24))}
	for i := range 8 {
		s := &service{name: fmt.Sprint("shop-", i+1), at: make([]*scene, dayTicks)}
		for side, name := range []string{s.name, s.name + "-clients"} {
			s.nets[side] = facts.Namespace{Cookie: uint64(100 + 2*i + side), Inode: uint64(4026532000 + 2*i + side), Name: name}
		}
		for tick := range s.at {
			s.at[tick] = all["healthy-steady"]
			if d.rand.Float64() < load(tick) {
				s.at[tick] = all["healthy-peak"]
			}
		}
		d.services = append(d.services, s)
	}
	d.live(all)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if f := all[name]; f.fault.Name != "" && !f.fault.Harmless {
			d.inject(f)
		}
	}
	return d
}

// load is the share of busy ticks: it peaks in the afternoon.
func load(tick int) float64 {
	hour := float64(tick) * dayTick.Hours()
	return 0.45 - 0.45*math.Cos((hour-3)*math.Pi/12)
}

// live lays over the traffic what a healthy host lives through: deploys, scans,
// backups in the night, and every look-alike of the lab, several times.
func (d *day) live(all map[string]*scene) {
	some := func(name string, times, least, most int) {
		for range times {
			s := d.services[d.rand.IntN(len(d.services))]
			n := least + d.rand.IntN(most-least+1)
			s.lay(d.rand.IntN(dayTicks-n), n, all[name])
		}
	}
	for _, s := range d.services[:2] {
		s.lay(2*360+d.rand.IntN(180), 360, all["healthy-backup"])
	}
	some("healthy-deploy", 32, 6, 12)
	some("healthy-scan", 16, 6, 60)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].fault.Harmless {
			some(name, 6, 12, 120)
		}
	}
}

func (s *service) lay(from, ticks int, what *scene) {
	for i := from; i < from+ticks; i++ {
		s.at[i] = what
	}
}

// inject lays a fault over some service at some time at which it has no other.
func (d *day) inject(f *scene) {
	const apart = 120 // ticks
	for {
		s := d.services[d.rand.IntN(len(d.services))]
		in := injected{fault: f, service: s}
		in.from = d.rand.IntN(dayTicks - 2*apart)
		in.to = in.from + 18 + d.rand.IntN(100)
		if slices.ContainsFunc(s.taken, func(o injected) bool { return in.from < o.to+apart && o.from < in.to+apart }) {
			continue
		}
		s.taken = append(s.taken, in)
		d.faults = append(d.faults, in)
		s.lay(in.from, in.to-in.from, f)
		return
	}
}

// observe is what one tick sees of the whole host.
func (d *day) observe(tick int, walk bool, ids []string) Observation {
	o := Observation{BootID: "7a6e1f0e-0d43", Rules: ids, Namespaces: []facts.Namespace{{Cookie: 1, Inode: 4026531840, Self: true}}}
	for _, s := range d.services {
		what := s.at[tick]
		windows := what.light
		if walk {
			windows = what.full
		}
		for side, j := range windows[tick%len(windows)] {
			n := s.nets[side]
			at := rules.Netns{Cookie: n.Cookie, Inode: n.Inode, Name: n.Name}
			o.Namespaces = append(o.Namespaces, n)
			for _, f := range j.findings {
				f.Netns = at
				o.Findings = append(o.Findings, f)
			}
			for _, id := range j.unknown {
				o.Unknown = append(o.Unknown, rules.Unknown{Rule: id, Netns: &at})
			}
			for _, id := range j.partial {
				o.Partial = append(o.Partial, rules.Unknown{Rule: id, Netns: &at})
			}
		}
	}
	return o
}

// told is an alert and the tick it was told at.
type told struct {
	Alert
	tick int
}

// play lives through the day. On all days but the first the agent is restarted
// now and then, and the clock set back and forth by an hour.
func (d *day) play(t *testing.T, disturbed bool) (alerts []told, walks int) {
	const restartEvery, setEvery = 97, 610 // ticks
	stage := newStage()
	stage.t = New(stage.options, Memory{})
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	at := steady.Moment{Wall: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Mono: time.Hour}
	last := -walkEvery
	for tick := range dayTicks {
		if disturbed && tick%restartEvery == 0 {
			stage.reload()
		}
		if disturbed && tick%setEvery == 0 {
			at.Wall = at.Wall.Add(time.Duration(1-2*(tick/setEvery%2)) * time.Hour)
		}
		o := d.observe(tick, false, ids)
		called := len(o.Findings) > 0 || len(stage.t.Incidents()) > 0
		if tick-last >= walkEvery || called && tick-last >= walkLeast {
			o = d.observe(tick, true, ids)
			last = tick
			walks++
		}
		_, out := stage.t.Observe(at, o)
		for _, a := range out {
			if !a.EndsAt.IsZero() && a.EndsAt.Before(a.StartsAt) {
				t.Errorf("tick %d: %s ends before it starts", tick, a.UID)
			}
			alerts = append(alerts, told{a, tick})
		}
		at.Wall, at.Mono = at.Wall.Add(dayTick), at.Mono+dayTick
	}
	return alerts, walks
}

// TestDay lives through days of healthy traffic with every fault of the lab among
// it: each is told of once, while it lasts, and resolved once, after it; nobody
// is told of anything else.
func TestDay(t *testing.T) {
	t.Parallel()
	all := scenes(t)
	checkScenes(t, all)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			d := newDay(seed, all)
			alerts, walks := d.play(t, seed > 0)
			var slowest, longest time.Duration
			for _, in := range d.faults {
				var fits []told
				fits, alerts = takeAlerts(alerts, in)
				if len(fits) != 2 || fits[0].Status != Firing || fits[1].Status != Resolved {
					t.Errorf("%s from %d to %d in %s: told %d times: %s", in.fault.name, in.from, in.to, in.service.name, len(fits), describe(fits))
					continue
				}
				fired, resolved := time.Duration(fits[0].tick-in.from)*dayTick, time.Duration(fits[1].tick-in.to)*dayTick
				slowest, longest = max(slowest, fired), max(longest, resolved)
				if fired > 2*time.Minute || fits[0].tick >= in.to || resolved < 0 || resolved > 5*time.Minute {
					t.Errorf("%s: told after %v, resolved %v after its end", in.fault.name, fired, resolved)
				}
			}
			if len(alerts) > 0 {
				t.Errorf("%d false alarms: %s", len(alerts), describe(alerts))
			}
			t.Logf("%d faults, told after %v at most, resolved %v after their end at most; %d walks", len(d.faults), slowest, longest, walks)
		})
	}
}

// takeAlerts parts the alerts about a fault from the others.
func takeAlerts(all []told, in injected) (fits, rest []told) {
	side := 0
	if in.fault.fault.Expect.Culprit == lab.ClientSide {
		side = 1
	}
	for _, a := range all {
		if a.Labels["id"] == in.fault.fault.Expect.ID && a.Labels["netns"] == in.service.nets[side].Name &&
			a.tick >= in.from && a.tick < in.to+60 {
			fits = append(fits, a)
		} else {
			rest = append(rest, a)
		}
	}
	return fits, rest
}

func describe(all []told) string {
	var out string
	for _, a := range all {
		out += fmt.Sprintf("\n  tick %d: %s %s %s on %s: %s", a.tick, a.Status, a.Labels["severity"], a.Labels["id"], a.Labels["netns"], a.Annotations["summary"])
	}
	return out
}
