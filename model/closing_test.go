package model

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestTimeWait(t *testing.T) {
	t.Parallel()
	if TimeWaitLength != 60*sec || TimeWaitPopulation(500) != 30000 {
		t.Errorf("got %v, %v, want 60 s, 30000", TimeWaitLength, TimeWaitPopulation(500))
	}
	if !TimeWaitRoom(0, 1) || TimeWaitRoom(1, 1) || TimeWaitRoom(0, 0) {
		t.Error("there is room while the count is below the limit, and only then")
	}
	for _, tt := range []struct {
		rate    float64
		buckets int
		want    float64
	}{{500, 30000, 0}, {500, 6000, 400}, {500, -1, 500}, {0, 5, 0}} {
		if got := TimeWaitOverflowRate(tt.rate, tt.buckets); got != tt.want {
			t.Errorf("%v/s in %d: got %v, want %v", tt.rate, tt.buckets, got, tt.want)
		}
	}
	if TimeWaitCounter(4*sec) != CTWKilled || TimeWaitCounter(4*sec+1) != CTW {
		t.Error("TWKilled counts a life of 4 s at most")
	}
	if got := TimeWaitReplacementISS(1000); got != 66537 {
		t.Errorf("got %d, want 65537 more", got)
	}
	if got := TimeWaitReplacementISS(Seq(0).Add(-65537)); got != 1 {
		t.Errorf("got %d, want 1 in place of 0", got)
	}
}

func TestFinWait2Life(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ timeout, rto, orphan, object time.Duration }{
		{60 * sec, 200 * ms, 0, 60 * sec},
		{30 * sec, 200 * ms, 0, 30 * sec},
		{0, 200 * ms, 0, 700 * ms},
		{sec, sec, 0, 3500 * ms},
		{62 * sec, 200 * ms, 2 * sec, 2 * sec},
		{61 * sec, 200 * ms, sec, sec},
		{120 * sec, 200 * ms, 60 * sec, 60 * sec},
		{61 * sec, 800 * ms, sec, 2800 * ms},
		{30 * sec, 20 * sec, 10 * sec, 70 * sec}, // 3.5 timeouts of 20 s are 70 s
	} {
		if orphan, object := FinWait2Life(tt.timeout, tt.rto); orphan != tt.orphan || object != tt.object {
			t.Errorf("%v, rto %v: got %v, %v, want %v, %v", tt.timeout, tt.rto, orphan, object, tt.orphan, tt.object)
		}
	}
}

func TestConnectReuse(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	old := ConnectReuse{Timestamps: true, Age: 2 * sec}
	with := func(f func(*ConnectReuse)) ConnectReuse { c := old; f(&c); return c }
	for _, tt := range []struct {
		name  string
		reuse int
		c     ConnectReuse
		d     Dialect
		want  bool
	}{
		{"off", 0, old, modern, false},
		{"on", 1, old, modern, true},
		{"on, at the delay", 1, with(func(c *ConnectReuse) { c.Age = sec }), modern, false},
		{"on, just over the delay", 1, with(func(c *ConnectReuse) { c.Age = sec + 1 }), modern, true},
		{"loopback only", 2, old, modern, false},
		{"loopback only, loopback", 2, with(func(c *ConnectReuse) { c.Loopback = true }), modern, true},
		{"off, loopback", 0, with(func(c *ConnectReuse) { c.Loopback = true }), modern, false},
		{"no timestamps", 1, with(func(c *ConnectReuse) { c.Timestamps = false }), modern, false},
		{"bound port, off, at once", 0, with(func(c *ConnectReuse) { c.BoundPort, c.Age = true, 0 }), modern, true},
		{"bound port, no timestamps", 1, with(func(c *ConnectReuse) { c.BoundPort, c.Timestamps = true, false }), modern, false},
		{"FIN_WAIT2", 1, with(func(c *ConnectReuse) { c.FinWait2 = true }), modern, false},
		{"FIN_WAIT2, older kernel", 1, with(func(c *ConnectReuse) { c.FinWait2 = true }), vintage, true},
	} {
		s.TWReuse = tt.reuse
		if got := tt.c.Allowed(s, tt.d); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	s.TWReuseDelay = 250 * ms
	if ReuseDelay(s, modern) != 250*ms || ReuseDelay(s, vintage) != sec {
		t.Error("the delay is a setting on newer kernels only")
	}
	s.TWReuseDelay = 0
	if ReuseDelay(s, modern) != sec {
		t.Error("no delay at all is impossible")
	}
}

func TestSynOnTimeWait(t *testing.T) {
	t.Parallel()
	good := SynOnTimeWait{Seq: 11, Expected: 10, ListenerStillPresent: true}
	for name, spoil := range map[string]func(*SynOnTimeWait){
		"equal number":  func(s *SynOnTimeWait) { s.Seq = 10 },
		"RST":           func(s *SynOnTimeWait) { s.ResetFlag = true },
		"ACK":           func(s *SynOnTimeWait) { s.AckFlag = true },
		"FIN_WAIT2":     func(s *SynOnTimeWait) { s.FinWait2 = true },
		"PAWS":          func(s *SynOnTimeWait) { s.PAWSFails = true },
		"no listener":   func(s *SynOnTimeWait) { s.ListenerStillPresent = false },
		"equal times":   func(s *SynOnTimeWait) { s.Seq, s.Timestamps, s.Timestamp, s.LastSeen = 10, true, 5, 5 },
		"no timestamps": func(s *SynOnTimeWait) { s.Seq, s.Timestamp, s.LastSeen = 10, 6, 5 },
	} {
		bad := good
		spoil(&bad)
		if bad.Accepts() {
			t.Errorf("%s: accepted", name)
		}
	}
	newer := SynOnTimeWait{Seq: 1, Expected: 10, Timestamps: true, Timestamp: 6, LastSeen: 5, ListenerStillPresent: true}
	if !good.Accepts() || !newer.Accepts() {
		t.Error("a newer number or a newer timestamp is enough")
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	r := PortRange{32768, 60999}
	for _, tt := range []struct {
		reserved []PortRange
		bound    int
		want     int
	}{
		{nil, 0, 28232},
		{nil, 4, 28228},
		{nil, 30000, 0},
		{[]PortRange{{40000, 40009}}, 0, 28222},
		{[]PortRange{{1, 32768}, {60999, 65535}}, 0, 28230},
		{[]PortRange{{40000, 40009}, {40005, 40010}, {40011, 40011}}, 0, 28220},
		{[]PortRange{{1, 100}}, 0, 28232},
	} {
		if got := PortCapacity(r, tt.reserved, tt.bound); got != tt.want {
			t.Errorf("%v, %d bound: got %d, want %d", tt.reserved, tt.bound, got, tt.want)
		}
	}
	s := DefaultSettings(modern, 1<<30)
	s.TWReuse = 0
	on := s
	on.TWReuse = 1
	loop := s
	loop.TWReuse = 2
	bare := on
	bare.Timestamps = 0
	for _, tt := range []struct {
		name string
		use  PortUse
		s    Settings
		want float64
	}{
		{"closes first", PortUse{Capacity: 28232, ClosesFirst: 1, Timestamps: true}, s, 28232.0 / 60},
		{"half of them", PortUse{Capacity: 28232, ClosesFirst: 0.5, Timestamps: true}, s, 28232.0 / 30},
		{"reuse", PortUse{Capacity: 28232, ClosesFirst: 1, Timestamps: true}, on, 28232},
		{"reuse without timestamps", PortUse{Capacity: 28232, ClosesFirst: 1}, on, 28232.0 / 60},
		{"reuse, timestamps off", PortUse{Capacity: 28232, ClosesFirst: 1, Timestamps: true}, bare, 28232.0 / 60},
		{"loopback", PortUse{Capacity: 28232, ClosesFirst: 1, Timestamps: true, Loopback: true}, loop, 28232},
		{"loopback setting, elsewhere", PortUse{Capacity: 28232, ClosesFirst: 1, Timestamps: true}, loop, 28232.0 / 60},
		{"held for 20 s", PortUse{Capacity: 800, Hold: 20 * sec, ClosesFirst: 1, Timestamps: true}, s, 10},
		{"peer closes, at once", PortUse{Capacity: 800}, s, math.Inf(1)},
		{"no ports, at once", PortUse{}, s, 0},
		{"one port, at once", PortUse{Capacity: 1}, s, math.Inf(1)},
		{"no ports", PortUse{ClosesFirst: 1}, s, 0},
		{"held for a second", PortUse{Capacity: 800, Hold: sec}, s, 800},
	} {
		if got := SustainableRate(tt.use, tt.s, modern); got != tt.want {
			t.Errorf("%s: got %v/s, want %v", tt.name, got, tt.want)
		}
	}
	if got := PortPopulation(10, PortUse{Hold: 20 * sec, ClosesFirst: 1}, s, modern); got != 800 {
		t.Errorf("got %v ports, want 800", got)
	}
}

func TestBindConflict(t *testing.T) {
	t.Parallel()
	same := BindHolder{SameAddress: true}
	with := func(f func(*BindHolder)) BindHolder { h := same; f(&h); return h }
	for _, tt := range []struct {
		name       string
		addr, port bool
		h          BindHolder
		want       bool
	}{
		{"other address", false, false, BindHolder{Listening: true}, false},
		{"a listener", true, false, with(func(h *BindHolder) { h.Listening, h.ReuseAddr = true, true }), true},
		{"TIME_WAIT without SO_REUSEADDR", false, false, with(func(h *BindHolder) { h.TimeWait, h.ReuseAddr = true, true }), true},
		{"TIME_WAIT, both SO_REUSEADDR", true, false, with(func(h *BindHolder) { h.TimeWait, h.ReuseAddr = true, true }), false},
		{"TIME_WAIT of a connect(), SO_REUSEADDR here only", true, false, with(func(h *BindHolder) { h.TimeWait = true }), true},
		{"listeners, both SO_REUSEPORT, same user", false, true, with(func(h *BindHolder) { h.Listening, h.ReusePort, h.SameUser = true, true, true }), false},
		{"listeners, both SO_REUSEPORT, other user", false, true, with(func(h *BindHolder) { h.Listening, h.ReusePort = true, true }), true},
		{"listeners, SO_REUSEPORT here only", false, true, with(func(h *BindHolder) { h.Listening, h.SameUser = true, true }), true},
		{"listeners, SO_REUSEPORT there only", false, false, with(func(h *BindHolder) { h.Listening, h.ReusePort, h.SameUser = true, true, true }), true},
	} {
		if got := BindConflict(tt.addr, tt.port, tt.h); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	life := func(retries int) time.Duration {
		s.OrphanRetries = retries
		return OrphanLife(s, 0)
	}
	// 8 repeats were measured to last 107 s, 2 to last about 3 s.
	for retries, want := range map[int]time.Duration{0: 102200 * ms, 8: 102200 * ms, 2: 3000 * ms, 1: 1400 * ms, 3: 6200 * ms, 6: 25400 * ms, 15: 924600 * ms} {
		if got := life(retries); got != want {
			t.Errorf("%d retries: got %v, want %v", retries, got, want)
		}
	}
	s.OrphanRetries = 0
	if got := OrphanProbeLife(s, 0); got != 324600*ms {
		t.Errorf("a peer that answers probes: got %v, want 324.6 s", got)
	}
	if got := OrphanProbeLife(s, 120*sec/256); got != 240*sec-120*sec/256 {
		t.Errorf("an interval that reaches 120 s exactly: got %v", got)
	}
	if EffectiveOrphanRetries(0, false) != 8 || EffectiveOrphanRetries(3, false) != 3 || EffectiveOrphanRetries(3, true) != 0 {
		t.Error("0 means 8, an unreachable peer gets none")
	}
	if got := DataLife(s); got != 924600*ms {
		t.Errorf("tcp_retries2 15: got %v, want 924.6 s", got)
	}
	s.Retries2 = 8
	if got := DataLife(s); got != 102200*ms {
		t.Errorf("tcp_retries2 8: got %v, want 102.2 s", got)
	}
	if got := KeepaliveLife(s); got != 7875*sec {
		t.Errorf("keepalive: got %v, want 7875 s", got)
	}
	for _, tt := range []struct {
		load OrphanLoad
		want bool
	}{
		{OrphanLoad{Orphans: 100}, false}, {OrphanLoad{Orphans: 101}, true},
		{OrphanLoad{Orphans: 60, Silent: true}, false}, {OrphanLoad{Orphans: 60, Silent: true, AtTimer: true}, true},
		{OrphanLoad{Orphans: 50, Silent: true, AtTimer: true}, false},
		{OrphanLoad{Orphans: 26, Silent: true, Unreachable: true, AtTimer: true}, true},
		{OrphanLoad{Orphans: 25, Silent: true, Unreachable: true, AtTimer: true}, false},
		{OrphanLoad{Orphans: 51, Unreachable: true, AtTimer: true}, true},
		{OrphanLoad{Orphans: 100, Unreachable: true}, false},
	} {
		if got := tt.load.OverLimit(100); got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.load, got, tt.want)
		}
	}
}

func TestRetryLifeGrowsWithRetries(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "n")
		rto := time.Duration(rapid.IntRange(0, 5000).Draw(t, "rto")) * ms
		if retryLife(n+1, rto, s) < retryLife(n, rto, s) {
			t.Fatalf("%d repeats last longer than %d at %v", n, n+1, rto)
		}
	})
	for d, want := range map[time.Duration]time.Duration{
		4 * ms: 2 * ms, 251 * ms: 2 * ms, 252 * ms: 16 * ms, 2015 * ms: 16 * ms, 2016 * ms: 128 * ms, 16127 * ms: 128 * ms, 16128 * ms: 1024 * ms,
	} {
		if got := lateness(d); got != want {
			t.Errorf("lateness of %v: got %v, want %v", d, got, want)
		}
	}
}
