package model

import (
	"math"
	"testing"
	"time"
)

// TestSimulationEnds counts what happens at the very end, and nothing after.
func TestSimulationEnds(t *testing.T) {
	t.Parallel()
	c := quietSim()
	c.Arrivals, c.Duration, c.Samples = constant(1), 10*sec, 10
	r := simulate(t, c)
	// Clients come at 1, 2, ... 10 s; the last one's ACK would come too late.
	if r.Arrivals != 10 || r.Served != 9 || r.Pending != 1 || r.HalfOpen != 1 {
		t.Errorf("got %+v, want ten arrivals, the last under way", r.SimTally)
	}
	if len(r.Trajectory) != 10 {
		t.Fatalf("got %d points, want 10", len(r.Trajectory))
	}
	for i, s := range r.Trajectory {
		if s.Seconds != float64(i+1) {
			t.Errorf("point %d is at %v s", i, s.Seconds)
		}
	}
	// What happens on the second itself belongs to the next point.
	if p := r.Trajectory; p[0].HalfOpenPeak != 0 || p[1].HalfOpenPeak != 1 || p[1].HalfOpen != 0 {
		t.Errorf("got %+v, want the first client in the second point", p[:2])
	}
	c.Samples = 0
	if r := simulate(t, c); len(r.Trajectory) != 240 {
		t.Errorf("got %d points, want 240", len(r.Trajectory))
	}
	if got := (SimResult{}).DropsPerSecond(); got != 0 {
		t.Errorf("no run: got %v drops a second", got)
	}
	c.Service, c.Backlog, c.SynRetries, c.SynLinearTimeouts = Service{Never: true}, 4, 1, 0
	if r := simulate(t, c); r.DropsPerSecond() != float64(r.Counters.ListenDrops)/10 || r.Counters.ListenDrops == 0 {
		t.Errorf("got %v a second, %d in ten", r.DropsPerSecond(), r.Counters.ListenDrops)
	}
}

// TestRoundTripDefault waits a millisecond where no time is given.
func TestRoundTripDefault(t *testing.T) {
	t.Parallel()
	c := quietSim()
	c.RTT, c.Arrivals, c.Duration = 0, constant(1), 1500*ms
	r := simulate(t, c)
	c.RTT = time.Millisecond
	if same := simulate(t, c); r.WaitMost != same.WaitMost || r.WaitMost != 0 || r.Served != 1 {
		t.Errorf("got %v and %v, want no wait beyond the round trip", r.WaitMost, same.WaitMost)
	}
	// Behind three others a connection waits for three services.
	c.Arrivals, c.Service = burst(4, 2*sec), Service{PerSecond: 10}
	if r = simulate(t, c); r.WaitMost != 300*ms || r.QueueWait != 150*ms {
		t.Errorf("got %v at most, %v on average, want 300 ms, 150 ms", r.WaitMost, r.QueueWait)
	}
}

// TestSimulatedShares sends the given share of slow clients.
func TestSimulatedShares(t *testing.T) {
	t.Parallel()
	c := quietSim()
	c.Arrivals, c.SlowShare, c.SlowDelay, c.Duration = constant(100), 0.3, 400*ms, 100*sec
	r := simulate(t, c)
	var mean float64
	for _, s := range r.Trajectory {
		mean += float64(s.HalfOpen) / float64(len(r.Trajectory))
	}
	if math.Abs(mean-12) > 1.5 {
		t.Errorf("got %.1f half-open, want 0.3 × 100/s × 0.4 s = 12", mean)
	}
}

// TestSimulatedCookiesFail answers data of forgotten connections by RST, and
// counts a bad cookie only within two minutes of a good one.
func TestSimulatedCookiesFail(t *testing.T) {
	t.Parallel()
	c := storedACKs()
	c.Service = Service{PerSecond: 1000}
	c.Stalls = []Stall{{Length: 2300 * ms}}
	c.SynackRetries, c.Duration = 0, 3700*ms
	s := newSim(c)
	s.lastCookie = 0 // a cookie was sent as it began
	s.run()
	if r := s.result(); r.Reset != 1 || r.Counters.CookiesFailed != 1 {
		t.Errorf("got %d reset, %d bad cookies, want 1, 1", r.Reset, r.Counters.CookiesFailed)
	}
	for since, want := range map[time.Duration]uint64{119 * sec: 1, 120 * sec: 1, 121 * sec: 0} {
		s := newSim(c)
		id := s.newClient()
		s.now, s.lastCookie = int64(since), 0
		s.ack(id)
		if s.counts.CookiesFailed != want || s.counts.OutRsts != 1 || s.tally.Reset != 1 {
			t.Errorf("%v after a cookie: got %+v, want %d bad cookies", since, s.counts, want)
		}
	}
}

// TestSimulatedDataTimeouts doubles a client's timeout from three round trips.
func TestSimulatedDataTimeouts(t *testing.T) {
	t.Parallel()
	c := quietSim()
	for _, tt := range []struct {
		rtt  time.Duration
		n    int
		want time.Duration
	}{{time.Millisecond, 0, 200 * ms}, {time.Millisecond, 3, 1600 * ms}, {100 * ms, 0, 300 * ms}, {100 * ms, 1, 600 * ms}, {100 * ms, 15, 120 * sec}} {
		c.RTT = tt.rtt
		if got := newSim(c).dataTimeout(tt.n); got != int64(tt.want) {
			t.Errorf("round trip %v, %d repeats: got %v, want %v", tt.rtt, tt.n, time.Duration(got), tt.want)
		}
	}
}

// TestSimulatedDataRepairs accepts a refused client by its own repeated data,
// before the SYN-ACK timer does.
func TestSimulatedDataRepairs(t *testing.T) {
	t.Parallel()
	c := quietSim()
	c.Backlog, c.RTT = 4, 50*ms
	c.Service, c.Stalls = Service{PerSecond: 1000}, []Stall{{Length: 2200 * ms}}
	// Three at 1.0 s, three at 2.0 s: at 2.05 s the last ACK is dropped; its
	// data comes again 200 ms later.
	c.Arrivals, c.Duration = append(burst(3, 2*sec), burst(3, 4*sec)...), 2500*ms
	r := simulate(t, c)
	if r.Served != 6 || r.AcksDropped != 1 || r.WaitMost < 1150*ms || r.WaitMost > 1250*ms || r.Wait99 < 1100*ms {
		t.Errorf("got %+v, most %v", r.SimTally, r.WaitMost)
	}
	c.Stalls, c.Duration = []Stall{{Length: 2700 * ms}}, 2690*ms
	if r := simulate(t, c); r.AcksDropped != 3 {
		t.Errorf("data at 2.25 and 2.65 s: got %d dropped, want 3", r.AcksDropped)
	}
	// The stall is longer: data at 2.25, 2.65 and 3.45 s, the SYN-ACK at 3.05 s.
	c.Stalls, c.Duration = []Stall{{Length: 3400 * ms}}, 3460*ms
	c.Arrivals = append(burst(3, 2*sec), burst(3, 4*sec)...)
	c.Arrivals[0].Every, c.Arrivals[1].Every = 2*sec, 4*sec
	r = simulate(t, c)
	// At 3.0 s three more of the first process come and find five in the queue.
	if r.Counters.Timeouts != 1 || r.AcksDropped != 4 || r.Counters.ListenOverflows != 7 {
		t.Errorf("got %+v, %+v", r.SimTally, r.Counters)
	}
}

func TestSimCounterNames(t *testing.T) {
	t.Parallel()
	c := SimCounters{ListenOverflows: 1, ListenDrops: 2, ReqQFullDrop: 3, DoCookies: 4, CookiesSent: 5, CookiesRecv: 6, CookiesFailed: 7,
		PassiveOpens: 8, Timeouts: 9, SynRetrans: 10, EmbryonicRsts: 11, OutRsts: 12, ListenerDrops: 13}
	want := map[Counter]uint64{
		"TcpExt.ListenOverflows": 1, "TcpExt.ListenDrops": 2, "TcpExt.TCPReqQFullDrop": 3, "TcpExt.TCPReqQFullDoCookies": 4,
		"TcpExt.SyncookiesSent": 5, "TcpExt.SyncookiesRecv": 6, "TcpExt.SyncookiesFailed": 7, "Tcp.PassiveOpens": 8,
		"TcpExt.TCPTimeouts": 9, "TcpExt.TCPSynRetrans": 10, "Tcp.RetransSegs": 10, "TcpExt.EmbryonicRsts": 11, "Tcp.OutRsts": 12,
	}
	got := c.Map()
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: got %d, want %d", name, got[name], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d counters, want %d", len(got), len(want))
	}
	var d SimCounters
	d.drop([]Counter{CListenDrops, CListenOverflows, CTCPReqQFullDrop, COutNoRoutes})
	if d != (SimCounters{ListenDrops: 1, ListenOverflows: 1, ReqQFullDrop: 1}) {
		t.Errorf("got %+v", d)
	}
}

func TestWaitBucketEdges(t *testing.T) {
	t.Parallel()
	for v, want := range map[int64]int64{-1: 0, 0: 0, 1: 1, 15: 15, 16: 16, 17: 17, 31: 31, 32: 33, 33: 33, 34: 35, 63: 63, 64: 67, 1000: 1023} {
		if got := waitValue(waitBucket(v)); got != want {
			t.Errorf("%d: got %d, want %d", v, got, want)
		}
	}
	var h waitHistogram
	for _, v := range []int64{10, 10, 10, 12} {
		h.add(v)
	}
	for q, want := range map[float64]time.Duration{0.25: 10, 0.75: 10, 0.76: 12, 1: 12} {
		if got := h.quantile(q, 0); got != want {
			t.Errorf("quantile %v: got %d, want %d", q, got, want)
		}
	}
	if got := h.quantile(0.5, 4); got != 6 {
		t.Errorf("got %d beyond a round trip of 4, want 6", got)
	}
}
