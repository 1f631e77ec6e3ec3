package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseArrivals(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string][]Arrivals{
		"poisson:400/s":            {{Kind: PoissonArrivals, PerSecond: 400}},
		"400":                      {{Kind: PoissonArrivals, PerSecond: 400}},
		"constant:24000/m":         {{Kind: ConstantArrivals, PerSecond: 400}},
		"constant:7200/h":          {{Kind: ConstantArrivals, PerSecond: 2}},
		"10000000/s":               {{Kind: PoissonArrivals, PerSecond: 1e7}},
		"burst:1000000/1s":         {{Kind: BurstArrivals, Size: 1000000, Every: time.Second}},
		"burst:1/1s":               {{Kind: BurstArrivals, Size: 1, Every: time.Second}},
		"burst:500/10s":            {{Kind: BurstArrivals, Size: 500, Every: 10 * time.Second}},
		"poisson:3/s + burst:2/5s": {{Kind: PoissonArrivals, PerSecond: 3}, {Kind: BurstArrivals, Size: 2, Every: 5 * time.Second}},
	} {
		got, err := ParseArrivals(spec)
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%q: got %+v, %v, want %+v", spec, got, err, want)
		}
	}
	for spec, want := range map[string]string{
		"": "not a rate", "weird:4/s": "unknown kind", "poisson:-4/s": "more than 0", "poisson:0/s": "more than 0",
		"poisson:4/y": "unknown unit", "10000001/s": "at most", "poisson:x/s": "not a rate", "poisson:NaN": "not a rate", "poisson:1e9/s": "at most",
		"poisson:Inf": "at most", "burst:5": "size/interval", "burst:0/1s": "1 to 1000000", "burst:1000001/1s": "1 to 1000000",
		"burst:x/1s": "1 to 1000000", "burst:5/never": "not a duration", "burst:5/0s": "more than 0", "poisson:4/s+": "not a rate",
	} {
		if got, err := ParseArrivals(spec); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, %v, want one line with %q", spec, got, err, want)
		}
	}
}

func TestParseService(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Service{
		"350/s": {PerSecond: 350}, "never": {Never: true}, "poisson:60/m": {PerSecond: 1, Poisson: true},
		"constant:350/s": {PerSecond: 350}, "350/s,batch=32": {PerSecond: 350, Batch: 32},
	} {
		if got, err := ParseService(spec); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", spec, got, err, want)
		}
	}
	for spec, want := range map[string]string{
		"": "not a rate", "weird:4/s": "unknown kind", "-1/s": "more than 0", "350/s,batch=0": "batch=N", "350/s,32": "batch=N", "350/s,batch=x": "batch=N",
	} {
		if got, err := ParseService(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", spec, got, err, want)
		}
	}
}

func TestParseStalls(t *testing.T) {
	t.Parallel()
	got, err := ParseStalls("2s@10s, 100ms/5s, 1s@0s")
	want := []Stall{{At: 10 * sec, Length: 2 * sec}, {At: 5 * sec, Length: 100 * ms, Every: 5 * sec}, {Length: sec}}
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for spec, want := range map[string]string{
		"": "length@start", "2s": "length@start", "x@1s": "not a duration", "1s@x": "not a start", "1s@-1s": "not a start",
		"0s@1s": "more than 0", "-1s@1s": "more than 0", "5s/5s": "never ends", "6s/5s": "never ends", "1s/0s": "more than 0", "1s/x": "not a duration",
	} {
		if got, err := ParseStalls(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", spec, got, err, want)
		}
	}
}

func TestStallCursor(t *testing.T) {
	t.Parallel()
	c := newStallCursor([]Stall{{At: 10 * sec, Length: 2 * sec}, {At: 5 * sec, Length: sec, Every: 5 * sec}, {At: 11 * sec, Length: 3 * sec}})
	for at, want := range map[time.Duration]time.Duration{
		0: 0, 5*sec - 1: 5*sec - 1, 5 * sec: 6 * sec, 6*sec - 1: 6 * sec, 6 * sec: 6 * sec,
		10 * sec: 14 * sec, 14 * sec: 14 * sec, 15 * sec: 16 * sec, 105*sec + 1: 106 * sec, 107 * sec: 107 * sec,
	} {
		if got := c.after(int64(at)); got != int64(want) {
			t.Errorf("after %v: got %v, want %v", at, time.Duration(got), want)
		}
	}
	ever := newStallCursor([]Stall{{Length: 3 * sec, Every: 4 * sec}, {At: 2 * sec, Length: 3 * sec, Every: 4 * sec}})
	if got := ever.after(0); got < int64(maxDuration) {
		t.Errorf("stalls without a gap end at %v", time.Duration(got))
	}
}

func TestArrivalGaps(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	if a := (Arrivals{Kind: ConstantArrivals, PerSecond: 400}); a.gap(r) != 2500000 || a.first(r) != 2500000 || a.size() != 1 {
		t.Error("constant arrivals are evenly spaced")
	}
	if a := (Arrivals{Kind: BurstArrivals, Size: 7, Every: sec}); a.gap(r) != int64(sec) || a.first(r) != int64(sec)/2 || a.size() != 7 {
		t.Error("bursts come whole, the first after half of the interval")
	}
	var sum float64
	const n = 100000
	for range n {
		sum += float64(Arrivals{Kind: PoissonArrivals, PerSecond: 400}.gap(r))
	}
	if mean := sum / n / 1e9; math.Abs(mean-0.0025) > 0.0001 {
		t.Errorf("got a mean gap of %v, want 0.0025 s", mean)
	}
	s := Service{PerSecond: 1000, Batch: 3}
	if s.gap(r, 3) != 3e6 || s.batch() != 3 || (Service{}).batch() != 1 {
		t.Error("service takes as long as its connections")
	}
}

func TestSimValidate(t *testing.T) {
	t.Parallel()
	if _, err := Simulate(quietSim()); err != nil {
		t.Errorf("a listener without a load: %v", err)
	}
	good := quietSim()
	good.Duration, good.SynackRetries, good.SynRetries, good.SynLinearTimeouts = 24*time.Hour, 255, 127, 127
	good.Service.PerSecond, good.Arrivals = maxRate, constant(maxRate)
	good.Stalls = []Stall{{Length: 1}, {Length: 1, Every: 2}}
	good.FloodPerSecond, good.SlowShare, good.Samples, good.Somaxconn, good.MaxSynBacklog = maxRate, 1, 100000, 0, 0
	if err := good.Validate(); err != nil {
		t.Errorf("the ends of the ranges: %v", err)
	}
	for name, spoil := range map[string]func(*SimConfig){
		"no duration":            func(c *SimConfig) { c.Duration = 0 },
		"two days":               func(c *SimConfig) { c.Duration = 24*time.Hour + 1 },
		"negative somaxconn":     func(c *SimConfig) { c.Somaxconn = -1 },
		"negative M":             func(c *SimConfig) { c.MaxSynBacklog = -1 },
		"negative retries":       func(c *SimConfig) { c.SynackRetries = -1 },
		"too many SYN-ACKs":      func(c *SimConfig) { c.SynackRetries = 256 },
		"no SYN retries":         func(c *SimConfig) { c.SynRetries = 0 },
		"too many SYNs":          func(c *SimConfig) { c.SynRetries = 128 },
		"negative linear":        func(c *SimConfig) { c.SynLinearTimeouts = -1 },
		"too many linear":        func(c *SimConfig) { c.SynLinearTimeouts = 128 },
		"negative flood":         func(c *SimConfig) { c.FloodPerSecond = -1 },
		"endless flood":          func(c *SimConfig) { c.FloodPerSecond = maxRate + 1 },
		"negative share":         func(c *SimConfig) { c.SlowShare = -0.1 },
		"share above one":        func(c *SimConfig) { c.SlowShare = 1.1 },
		"negative delay":         func(c *SimConfig) { c.SlowDelay = -1 },
		"negative trip":          func(c *SimConfig) { c.RTT = -1 },
		"negative patience":      func(c *SimConfig) { c.GiveUp = -1 },
		"negative samples":       func(c *SimConfig) { c.Samples = -1 },
		"too many samples":       func(c *SimConfig) { c.Samples = 100001 },
		"arrivals without rate":  func(c *SimConfig) { c.Arrivals = constant(0) },
		"arrivals above all":     func(c *SimConfig) { c.Arrivals = constant(maxRate + 1) },
		"unknown arrivals":       func(c *SimConfig) { c.Arrivals = []Arrivals{{Kind: "weird", PerSecond: 1}} },
		"empty bursts":           func(c *SimConfig) { c.Arrivals = burst(0, sec) },
		"bursts without end":     func(c *SimConfig) { c.Arrivals = burst(1, 0) },
		"no service":             func(c *SimConfig) { c.Service = Service{} },
		"service above all":      func(c *SimConfig) { c.Service.PerSecond = maxRate + 1 },
		"negative batch":         func(c *SimConfig) { c.Service.Batch = -1 },
		"negative stall":         func(c *SimConfig) { c.Stalls = []Stall{{Length: -1}} },
		"stall before the start": func(c *SimConfig) { c.Stalls = []Stall{{Length: 1, At: -1}} },
		"stall back in time":     func(c *SimConfig) { c.Stalls = []Stall{{Length: 1, Every: -1}} },
		"stall without end":      func(c *SimConfig) { c.Stalls = []Stall{{Length: sec, Every: sec}} },
	} {
		c := quietSim()
		spoil(&c)
		if _, err := Simulate(c); err == nil || !strings.HasPrefix(err.Error(), "model: ") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string][]int{
		"somaxconn=128..1024": {128, 256, 512, 1024}, "backlog=0..5": {0, 1, 2, 4}, "backlog=5,1,5": {5, 1, 5},
		"service=100..200/50": {100, 150, 200}, "flood=7": {7}, "tcp_max_syn_backlog=64..64": {64},
	} {
		name, got, err := ParseSweep(spec)
		if err != nil || !slices.Equal(got, want) || !strings.HasPrefix(spec, name+"=") {
			t.Errorf("%q: got %s, %v, %v, want %v", spec, name, got, err, want)
		}
	}
	for spec, want := range map[string]string{
		"somaxconn": "name=from..to", "nosuch=1": "unknown parameter", "backlog=-1": "whole number", "backlog=a..3": "whole number",
		"backlog=3..a": "whole number", "backlog=5..3": "above", "backlog=1..9/0": "step", "backlog=1..9/x": "step", "backlog=1..100/1": "more than 64",
	} {
		if _, got, err := ParseSweep(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %q", spec, got, err, want)
		}
	}
	if _, got, err := ParseSweep("backlog=1..64/1"); err != nil || len(got) != 64 {
		t.Errorf("64 points: got %d, %v", len(got), err)
	}
	// A stall of two seconds at a hundred a second needs 200 places.
	c := quietSim()
	c.Backlog, c.Arrivals, c.Stalls, c.Duration = 100000, constant(100), []Stall{{At: 10 * sec, Length: 2 * sec}}, 20*sec
	if point := func(drops uint64) SweepPoint {
		return SweepPoint{Result: SimResult{Counters: SimCounters{ListenDrops: drops}}}
	}; Knee([]SweepPoint{point(100), point(6), point(5), point(0)}) != 2 ||
		Knee([]SweepPoint{point(0), point(100), point(0)}) != 0 || Knee([]SweepPoint{point(7), point(7)}) != 0 {
		t.Error("the knee is the first point within a twentieth of the best")
	}
	points, err := Sweep(c, "somaxconn", []int{64, 128, 256, 512})
	if err != nil {
		t.Fatal(err)
	}
	if knee := Knee(points); knee != 2 || points[knee].Value != 256 || points[knee].Result.Counters.ListenDrops != 0 || points[1].Result.Counters.ListenDrops == 0 {
		t.Errorf("got the knee at %d of %+v", knee, points)
	}
	if Knee(nil) != -1 || Knee(points[:1]) != 0 {
		t.Error("no points have no knee, one has")
	}
	for _, name := range SweepNames() {
		c := quietSim()
		c.FloodPerSecond, c.Duration, c.Service = 10, sec, Service{PerSecond: 5}
		before := c
		for _, p := range sweepParameters {
			if p.name == name {
				p.set(&c, 77)
			}
		}
		if cmp.Equal(before, c) {
			t.Errorf("%s varies nothing", name)
		}
	}
	if _, err := Sweep(c, "nosuch", nil); err == nil {
		t.Error("an unknown parameter was swept")
	}
	if _, err := Sweep(c, "service", []int{0}); err == nil {
		t.Error("nonsense was swept")
	}
}
