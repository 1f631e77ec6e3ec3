package model

import (
	"math"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestPredictAcceptEdges holds the limits between one answer and the next.
func TestPredictAcceptEdges(t *testing.T) {
	t.Parallel()
	raised := AcceptChange{Somaxconn: some(4096), Relisten: true}
	with := func(f func(*AcceptLoad)) AcceptLoad { l := overflowing(128, 128); f(&l); return l }
	for _, tt := range []struct {
		name   string
		load   AcceptLoad
		change AcceptChange
		want   Verdict
	}{
		{"half a drop a second", with(func(l *AcceptLoad) { l.DropsPerSecond, l.HighWater = 0.5, 0 }), raised, Helps},
		{"no drop, one over the limit", with(func(l *AcceptLoad) { l.DropsPerSecond, l.HighWater = 0, 129 }), raised, Helps},
		{"no drop, at the limit", with(func(l *AcceptLoad) { l.DropsPerSecond, l.HighWater = 0, 128 }), raised, NoEffect},
		{"half an accept a second", with(func(l *AcceptLoad) { l.AcceptsPerSecond, l.ArrivalsPerSecond = 0.5, 0.5 }), raised, Helps},
		{"no accept, half an arrival a second", with(func(l *AcceptLoad) { l.AcceptsPerSecond, l.ArrivalsPerSecond = 0, 0.5 }), raised, NoEffect},
		{"neither", with(func(l *AcceptLoad) { l.AcceptsPerSecond, l.ArrivalsPerSecond = 0, 0 }), raised, Helps},
		{"no accept in no time", with(func(l *AcceptLoad) { l.AcceptsPerSecond, l.WindowSeconds = 0, 0 }), raised, Helps},
		{"no accept in half a second", with(func(l *AcceptLoad) { l.AcceptsPerSecond, l.WindowSeconds = 0, 0.5 }), raised, NoEffect},
		{"full nine times in ten, half too many", with(func(l *AcceptLoad) { l.FullShare, l.AcceptsPerSecond = 0.9, 248.5 }), raised, NoEffect},
		{"full nine times in ten, none too many", with(func(l *AcceptLoad) { l.FullShare = 0.9 }), raised, Helps},
		{"full less often, many too many", with(func(l *AcceptLoad) { l.FullShare, l.AcceptsPerSecond = 0.89, 100 }), raised, Helps},
		{"lowered to the limit", with(func(l *AcceptLoad) { l.Limit, l.HighWater = 64, 65 }), AcceptChange{Somaxconn: some(64), Relisten: true}, NoEffect},
		{"one more", overflowing(128, 128), AcceptChange{Somaxconn: some(129), Relisten: true}, Helps},
		{"limit above somaxconn, listen() again", with(func(l *AcceptLoad) { l.Limit = 256 }), AcceptChange{Relisten: true}, Harmful},
	} {
		if got := PredictAccept(tt.load, tt.change); got.Verdict != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
	// A window of half a second counts as a whole one for the burst.
	brief := with(func(l *AcceptLoad) { l.WindowSeconds = 0.5 })
	if f := figure(t, PredictAccept(brief, raised), FigureQueuePeak); f.After != 129+37 {
		t.Errorf("got a peak of %v, want 166", f.After)
	}
	full := with(func(l *AcceptLoad) { l.FullShare, l.AcceptsPerSecond, l.HighWater = 1, 212, 200 })
	if f := figure(t, PredictAccept(full, AcceptChange{Somaxconn: some(150), Relisten: true}), FigurePostponed); f.After != 0 {
		t.Errorf("a queue that was longer already: got %v s, want 0", f.After)
	}
}

func TestPredictPortsEdges(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 24<<30)
	s.TWReuse = 0
	load := PortLoad{Range: PortRange{10001, 11000}, Used: 500, TimeWait: 500, ConnectsPerSecond: 8, Timestamps: true}
	wide := PortChange{Range: some(PortRange{10001, 12000})}
	with := func(f func(*PortLoad)) PortLoad { l := load; f(&l); return l }
	for _, tt := range []struct {
		name   string
		load   PortLoad
		change PortChange
		want   Verdict
	}{
		{"half used, half the rate", load, wide, Helps},
		{"less than half used, less than half the rate", with(func(l *PortLoad) { l.Used, l.TimeWait = 499, 499 }), wide, NoEffect},
		{"less than half used, half the rate", with(func(l *PortLoad) { l.Used, l.TimeWait, l.ConnectsPerSecond = 499, 499, 1000.0/120 }), wide, Helps},
		{"reserving one port", load, PortChange{Reserved: some([]PortRange{{10500, 10500}})}, Harmful},
		{"one more port", with(func(l *PortLoad) { l.Used, l.TimeWait = 1000, 1000 }), PortChange{Range: some(PortRange{10000, 11000})}, Helps},
		{"one source", load, PortChange{Sources: some(1)}, NoEffect},
		{"no source", load, PortChange{Sources: some(0)}, NoEffect},
		{"a fifth in FIN_WAIT2", with(func(l *PortLoad) { l.FinWait2 = 100 }), PortChange{FinTimeout: some(10 * sec)}, Helps},
		{"less than a fifth in FIN_WAIT2", with(func(l *PortLoad) { l.FinWait2 = 99 }), PortChange{FinTimeout: some(10 * sec)}, NoEffect},
		{"the same FIN_WAIT2", with(func(l *PortLoad) { l.FinWait2 = 500 }), PortChange{FinTimeout: some(60 * sec)}, NoEffect},
		{"the same limit of TIME_WAIT", load, PortChange{MaxTWBuckets: some(s.MaxTWBuckets)}, NoEffect},
		{"one less", load, PortChange{MaxTWBuckets: some(s.MaxTWBuckets - 1)}, Harmful},
		{"the same timestamps", load, PortChange{Timestamps: some(1)}, NoEffect},
	} {
		if got := PredictPorts(tt.load, tt.change, s, modern); got.Verdict != tt.want {
			t.Errorf("%s: got %s (%s; %s), want %s", tt.name, got.Verdict, got.Reason, got.Predicted, tt.want)
		}
	}
	// The rate follows from how long connections are open.
	rate := func(l PortLoad) float64 {
		return figure(t, PredictPorts(l, PortChange{}, s, modern), FigurePortRate).Before
	}
	if got := rate(with(func(l *PortLoad) { l.Used, l.TimeWait, l.ConnectsPerSecond = 600, 500, 0.5 })); !close(got, 1000.0/260) {
		t.Errorf("open for 200 s: got %v/s, want %v", got, 1000.0/260)
	}
	if got := rate(with(func(l *PortLoad) { l.TimeWait, l.ConnectsPerSecond = 0, 5 })); got != 10 {
		t.Errorf("open for 100 s, no TIME_WAIT: got %v/s, want 10", got)
	}
	if got := rate(with(func(l *PortLoad) { l.Used, l.TimeWait = 1, 0 })); !close(got, 8000) {
		t.Errorf("one open, no TIME_WAIT: got %v/s, want 8000", got)
	}
	if got := rate(with(func(l *PortLoad) { l.Used, l.TimeWait = 0, 0 })); !close(got, 1000.0/60) {
		t.Errorf("nothing is known: got %v/s, want %v", got, 1000.0/60)
	}
	if got := rate(with(func(l *PortLoad) { l.ConnectsPerSecond = 0 })); !close(got, 1000.0/60) {
		t.Errorf("no rate is known: got %v/s, want %v", got, 1000.0/60)
	}
	for n, want := range map[int]float64{0: 0, 1: 0.1, 500: 50, 1000: 100} {
		if got := (outlook{capacity: 1000}).used(n); got != want {
			t.Errorf("%d of 1000: got %v %%, want %v", n, got, want)
		}
	}
	if (outlook{capacity: 1}).used(0) != 0 || (outlook{}).used(0) != 100 {
		t.Error("of no ports all are used")
	}
	short := with(func(l *PortLoad) { l.Used, l.TimeWait, l.ConnectsPerSecond = 1000, 1000, 2000.0/60 })
	if e := PredictPorts(short, wide, s, modern); e.Reason != "more connections to the same destination are possible at once" {
		t.Errorf("just enough: got %q", e.Reason)
	}
	if e := PredictPorts(with(func(l *PortLoad) { l.Used, l.TimeWait = 600, 0; l.ConnectsPerSecond = 1e9 }), PortChange{Sources: some(2)}, s, modern); e.Verdict != Helps {
		t.Errorf("got %s", e.Verdict)
	}
}

func TestPredictClosingEdges(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 24<<30)
	for _, tt := range []struct {
		name string
		got  Effect
		want Verdict
	}{
		{"half an overflow a second", PredictTimeWait(TimeWaitLoad{MaxBuckets: 10, OverflowPerSecond: 0.5}, TimeWaitChange{MaxBuckets: some(20)}, s), Helps},
		{"half in FIN_WAIT2", PredictTimeWait(TimeWaitLoad{Count: 10, FinWait2: 5}, TimeWaitChange{FinTimeout: some(10 * sec)}, s), NoEffect},
		{"more than half in FIN_WAIT2", PredictTimeWait(TimeWaitLoad{Count: 10, FinWait2: 6}, TimeWaitChange{FinTimeout: some(10 * sec)}, s), Helps},
		{"as many owned as orphans", PredictFinTimeout(FinWait2Load{Orphans: 5, Owned: 5}, 60*sec, 10*sec), Helps},
		{"one owned", PredictFinTimeout(FinWait2Load{Owned: 1}, 60*sec, 10*sec), NoEffect},
		{"one orphan", PredictFinTimeout(FinWait2Load{Orphans: 1}, 60*sec, 10*sec), Helps},
		{"one silent", PredictOrphanRetries(LingerLoad{Silent: 1, ZeroWindow: 9}, s, 3), Helps},
		{"two repeats", PredictOrphanRetries(LingerLoad{Silent: 1}, s, 2), Helps},
		{"one connecting", PredictSynRetries(DialLoad{Count: 1}, s, 2), Helps},
		{"one with keepalive", PredictKeepalive(KeepaliveLoad{Idle: 9, Enabled: 1}, s, func() Settings { a := s; a.KeepaliveTime = sec; return a }()), NeedsRestart},
		{"one unanswered", PredictRetries2(1, s, 8), Helps},
		{"seven stays seven", PredictRetries2(1, func() Settings { a := s; a.Retries2 = 7; return a }(), 7), NoEffect},
		{"half refused a second", PredictLimit(LimitLoad{Used: 1, Limit: 100, RefusedPerSecond: 0.5}, 200), Helps},
		{"lowered to twice the load", PredictLimit(LimitLoad{Used: 25, Limit: 100}, 50), NoEffect},
		{"lowered to less than twice", PredictLimit(LimitLoad{Used: 25.5, Limit: 100}, 50), Harmful},
	} {
		if tt.got.Verdict != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, tt.got.Verdict, tt.got.Reason, tt.want)
		}
	}
	has := func(e Effect, name string) bool { _, ok := e.Figure(name); return ok }
	for _, tt := range []struct {
		name   string
		effect Effect
		figure string
		want   bool
	}{
		{"nothing refused", PredictLimit(LimitLoad{Used: 90, Limit: 100}, 200), FigureDrops, false},
		{"half refused", PredictLimit(LimitLoad{Used: 90, Limit: 100, RefusedPerSecond: 0.5}, 200), FigureDrops, true},
		{"half a growth", PredictLimit(LimitLoad{Used: 90, Limit: 100, GrowthPerSecond: 0.5}, 200), FigurePostponed, true},
		{"no growth", PredictLimit(LimitLoad{Used: 90, Limit: 100}, 200), FigurePostponed, false},
		{"nothing in FIN_WAIT2", PredictFinTimeout(FinWait2Load{}, 60*sec, 10*sec), FigureFinWait2, false},
		{"nothing in FIN_WAIT2", PredictFinTimeout(FinWait2Load{}, 60*sec, 10*sec), FigureLifetime, true},
		{"owned", PredictFinTimeout(FinWait2Load{Owned: 3}, 60*sec, 10*sec), FigureFinWait2, true},
		{"owned", PredictFinTimeout(FinWait2Load{Owned: 3}, 60*sec, 10*sec), FigureLifetime, false},
		{"no orphan", PredictOrphanRetries(LingerLoad{}, s, 3), FigurePopulation, false},
		{"no orphan", PredictOrphanRetries(LingerLoad{}, s, 3), FigureLifetime, true},
		{"the same repeats", PredictOrphanRetries(LingerLoad{Silent: 1}, s, 8), FigurePopulation, false},
		{"closed windows", PredictOrphanRetries(LingerLoad{ZeroWindow: 1}, s, 3), FigurePopulation, false},
		{"owned orphans", PredictOrphanRetries(LingerLoad{Owned: 1}, s, 3), FigurePopulation, false},
		{"nobody connects", PredictSynRetries(DialLoad{}, s, 3), FigurePopulation, false},
		{"nobody connects", PredictSynRetries(DialLoad{}, s, 3), FigureLifetime, true},
	} {
		if has(tt.effect, tt.figure) != tt.want {
			t.Errorf("%s: figure %s: got %v, want %v", tt.name, tt.figure, !tt.want, tt.want)
		}
	}
	if e := PredictFinTimeout(FinWait2Load{Orphans: 5}, 90*sec, 60*sec); e.Verdict != NoEffect {
		t.Errorf("90 to 60 is 60 s both: got %s", e.Verdict)
	}
	if e := PredictFinTimeout(FinWait2Load{Orphans: 5, OrphansPerSecond: 0.5}, 60*sec, 20*sec); figure(t, e, FigureFinWait2).After != 10 {
		t.Errorf("half an orphan a second for 20 s: got %v", figure(t, e, FigureFinWait2))
	}
	if e := PredictTimeWait(TimeWaitLoad{MaxBuckets: 10, OverflowPerSecond: 5}, TimeWaitChange{MaxBuckets: some(-1)}, s); e.Verdict != Harmful || figure(t, e, FigureTimeWait).After != 0 {
		t.Errorf("a negative limit: got %+v", e)
	}
	one := TimeWaitLoad{Count: 100, MaxBuckets: 60, ClosesPerSecond: 1.01, OverflowPerSecond: 0.1}
	if e := PredictTimeWait(one, TimeWaitChange{MaxBuckets: some(60)}, s); e.Verdict != NoEffect {
		t.Errorf("the same limit: got %s", e.Verdict)
	}
	if got := finWait2Seconds(0); math.Abs(got-0.7) > 0.0001 {
		t.Errorf("no timeout on a near path: got %v s, want 0.7", got)
	}
	if e := PredictFinTimeout(FinWait2Load{Orphans: 4}, 20*sec, 60*sec); e.Verdict != Harmful {
		t.Errorf("20 to 60: got %s", e.Verdict)
	}
}

func TestPredictSynEdges(t *testing.T) {
	t.Parallel()
	half := func(f func(*SynLoad)) HalfOpenState {
		l := SynLoad{Limit: 128, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5}
		f(&l)
		return l.Steady(modern)
	}
	for _, tt := range []struct {
		name string
		load func(*SynLoad)
		want HalfOpenState
	}{
		{"nothing", func(*SynLoad) {}, HalfOpenState{Capacity: 129, LifeSeconds: 63}},
		{"one a second", func(l *SynLoad) { l.UnansweredPerSecond = 1 }, HalfOpenState{Capacity: 129, Entries: 63, LifeSeconds: 63}},
		{"half of the backlog exactly", func(l *SynLoad) { l.UnansweredPerSecond = 64.0 / 63 }, HalfOpenState{Capacity: 129, Entries: 64, LifeSeconds: 63}},
		{"two a second stay at half of the backlog", func(l *SynLoad) { l.UnansweredPerSecond = 2 },
			HalfOpenState{Capacity: 129, Entries: 64, LifeSeconds: 32, Pruned: true}},
		{"ten a second live for 7 s", func(l *SynLoad) { l.UnansweredPerSecond = 10 }, HalfOpenState{Capacity: 129, Entries: 70, LifeSeconds: 7, Pruned: true}},
		{"forty a second fill it", func(l *SynLoad) { l.UnansweredPerSecond = 40 },
			HalfOpenState{Capacity: 129, Entries: 129, LifeSeconds: 7, CookiesPerS: 40 * (1 - 129.0/280), Pruned: true}},
		{"and are refused without cookies", func(l *SynLoad) { l.UnansweredPerSecond, l.Syncookies = 40, 0 },
			HalfOpenState{Capacity: 129, Entries: 129, LifeSeconds: 7, DropsPerSec: 40 * (1 - 129.0/280), Pruned: true}},
		{"with clients among them", func(l *SynLoad) {
			l.UnansweredPerSecond, l.Syncookies, l.CompletedPerSecond, l.RoundTripSeconds = 40, 0, 10, 2
		},
			HalfOpenState{Capacity: 129, Entries: 129, LifeSeconds: 7, DropsPerSec: 50 * (1 - 129.0/300), LegitRefused: 10 * (1 - 129.0/300), Pruned: true}},
		{"slow clients alone", func(l *SynLoad) { l.CompletedPerSecond, l.RoundTripSeconds = 50, 2 }, HalfOpenState{Capacity: 129, Entries: 100, LifeSeconds: 63, Pruned: true}},
		{"no repeats are never pruned", func(l *SynLoad) { l.UnansweredPerSecond, l.SynackRetries = 30, 1 },
			HalfOpenState{Capacity: 129, Entries: 90, LifeSeconds: 3}},
		{"cookies always", func(l *SynLoad) { l.UnansweredPerSecond, l.Syncookies = 40, 2 },
			HalfOpenState{LifeSeconds: 63, CookiesPerS: 40}},
	} {
		got := half(tt.load)
		same := got.Capacity == tt.want.Capacity && got.Pruned == tt.want.Pruned
		for _, p := range [][2]float64{{got.Entries, tt.want.Entries}, {got.LifeSeconds, tt.want.LifeSeconds}, {got.DropsPerSec, tt.want.DropsPerSec},
			{got.LegitRefused, tt.want.LegitRefused}, {got.CookiesPerS, tt.want.CookiesPerS}} {
			same = same && math.Abs(p[0]-p[1]) < 0.001
		}
		if !same {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	idle := SynLoad{Limit: 128, MaxSynBacklog: 2048, SynackRetries: 5, UnansweredPerSecond: 0.001}
	if e := PredictSyn(idle, SynChange{Syncookies: facts.Some(1)}, modern); e.Verdict != NoEffect {
		t.Errorf("cookies on an idle host: got %s", e.Verdict)
	}
	idle.DropsPerSecond = 0.5
	if e := PredictSyn(idle, SynChange{Syncookies: facts.Some(1)}, modern); e.Verdict != Helps || figure(t, e, FigureDrops).Before != 0.5 {
		t.Errorf("cookies where half a SYN a second is dropped: got %s, %v", e.Verdict, e.Figures)
	}
	half2 := SynLoad{Limit: 128, HalfOpen: 64, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, UnansweredPerSecond: 2}
	if e := PredictSyn(half2, SynChange{SynackRetries: facts.Some(2)}, modern); e.Verdict != Helps {
		t.Errorf("a queue that stands at half of the backlog: got %s (%s)", e.Verdict, e.Reason)
	}
	few := SynLoad{Limit: 16, HalfOpen: 3, MaxSynBacklog: 2048, SynackRetries: 5, CompletedPerSecond: 400, RoundTripSeconds: 0.2, DropsPerSecond: 0.5}
	if e := PredictSyn(few, SynChange{Limit: facts.Some(128), Relisten: true}, modern); e.Verdict != Helps {
		t.Errorf("a burst between two looks: got %s (%s)", e.Verdict, e.Reason)
	}
	one := SynLoad{Limit: 4096, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5, UnansweredPerSecond: 1.0 / 63}
	if e := PredictSyn(one, SynChange{SynackRetries: facts.Some(3)}, modern); e.Verdict != Helps {
		t.Errorf("one entry: got %s (%s)", e.Verdict, e.Reason)
	}
	one.UnansweredPerSecond = 0.9 / 63
	if e := PredictSyn(one, SynChange{SynackRetries: facts.Some(3)}, modern); e.Verdict != NoEffect {
		t.Errorf("less than one entry: got %s (%s)", e.Verdict, e.Reason)
	}
	if e := PredictSyn(one, SynChange{SynackRetries: facts.Some(1)}, modern); e.Verdict != Harmful {
		t.Errorf("one repeat: got %s", e.Verdict)
	}
	one.SynackRetries = 1
	if e := PredictSyn(one, SynChange{SynackRetries: facts.Some(1)}, modern); e.Verdict != NoEffect {
		t.Errorf("one repeat as before: got %s (%s)", e.Verdict, e.Reason)
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 1: "1", 0.25: "0.2", 9.94: "9.9", 9.95: "10", 10.4: "10", 99.4: "99", 99.6: "100", 123.4: "123", 1e6: "1000000",
		math.Inf(1): "without limit", -3.25: "-3.2",
	} {
		if got := amount(v, ""); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
	if amount(3, "/s") != "3/s" || amount(3, "s") != "3 s" || seconds(1500*time.Millisecond) != "1.5 s" {
		t.Error("units are wrong")
	}
	if _, ok := (Effect{}).Figure("nosuch"); ok {
		t.Error("found a figure that is none")
	}
}
