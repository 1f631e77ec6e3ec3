package model

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// SimConfig is one load on one listener under one set of settings. Its zero
// values mean what their comments say; [Simulate] refuses what makes no sense.
type SimConfig struct {
	// Backlog and Somaxconn give the accept queue's limit.
	Backlog, Somaxconn int
	MaxSynBacklog      int
	Syncookies         int
	SynackRetries      int
	AbortOnOverflow    bool
	Dialect            Dialect

	Arrivals []Arrivals // added up
	// FloodPerSecond is SYNs from spoofed sources, which never answer, as a
	// Poisson process.
	FloodPerSecond float64
	Service        Service
	Stalls         []Stall

	RTT time.Duration // of the clients; 0 means 1 ms
	// SlowShare is the share of clients, 0 to 1, that answer only after
	// SlowDelay.
	SlowShare float64
	SlowDelay time.Duration
	// SynRetries and SynLinearTimeouts are the clients' settings.
	SynRetries, SynLinearTimeouts int
	// GiveUp is how long a client waits to be served; 0 means for ever.
	GiveUp time.Duration
	// Quiet tells that clients wait for the server to speak first, so that
	// they send no data that would repair a lost ACK.
	Quiet bool

	Duration time.Duration
	Samples  int // points of the trajectory; 0 means 240
	Seed     uint64
}

// SimDefaults returns a configuration with the settings of a host: no load,
// a minute long.
func SimDefaults(s Settings, d Dialect) SimConfig {
	return SimConfig{
		Backlog: s.Somaxconn, Somaxconn: s.Somaxconn, MaxSynBacklog: s.MaxSynBacklog,
		Syncookies: s.Syncookies, SynackRetries: s.SynackRetries, AbortOnOverflow: s.AbortOnOverflow,
		Dialect: d, RTT: time.Millisecond, SynRetries: s.SynRetries, SynLinearTimeouts: s.SynLinearTimeouts,
		Duration: time.Minute, Seed: 1,
	}
}

// Validate reports what makes no sense in a configuration.
func (c SimConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("model: simulate: "+format, args...)) }
	if c.Duration <= 0 || c.Duration > maxDuration {
		bad("duration %v: want more than 0 and at most 24h", c.Duration)
	}
	if c.Somaxconn < 0 || c.MaxSynBacklog < 0 {
		bad("somaxconn %d, max_syn_backlog %d: neither may be negative", c.Somaxconn, c.MaxSynBacklog)
	}
	if c.SynackRetries < 0 || c.SynackRetries > 255 || c.SynRetries < 1 || c.SynRetries > 127 || c.SynLinearTimeouts < 0 || c.SynLinearTimeouts > 127 {
		bad("synack_retries %d, syn_retries %d, syn_linear_timeouts %d: want 0–255, 1–127, 0–127", c.SynackRetries, c.SynRetries, c.SynLinearTimeouts)
	}
	if c.FloodPerSecond < 0 || c.FloodPerSecond > maxRate {
		bad("flood of %v/s: want 0 to %d/s", c.FloodPerSecond, int(maxRate))
	}
	if c.SlowShare < 0 || c.SlowShare > 1 || c.SlowDelay < 0 || c.RTT < 0 || c.GiveUp < 0 {
		bad("slow clients %v of %v, round trip %v, patience %v: want a share of 0 to 1 and no negative time", c.SlowShare, c.SlowDelay, c.RTT, c.GiveUp)
	}
	if c.Samples < 0 || c.Samples > 100000 {
		bad("%d samples: want 0 to 100000", c.Samples)
	}
	check := func(err error) {
		if err != nil {
			bad("%w", err)
		}
	}
	for _, a := range c.Arrivals {
		check(a.validate())
	}
	check(c.Service.validate())
	for _, s := range c.Stalls {
		check(s.validate())
	}
	return errors.Join(errs...)
}

// Simulate runs a load through the two queues of a listener, event by event.
// The same configuration, seed included, gives the same result.
func Simulate(c SimConfig) (SimResult, error) {
	if err := c.Validate(); err != nil {
		return SimResult{}, err
	}
	s := newSim(c)
	s.run()
	return s.result(), nil
}

// clientState is what a client of the simulation believes.
type clientState uint8

const (
	clientFree      clientState = iota // the record is not in use
	clientDialing                      // SYN sent, no answer yet
	clientConnected                    // its connect() succeeded; the server may not know
	clientQueued                       // in the accept queue
	clientGone                         // gave up while in the accept queue
)

// simClient is one client, or one spoofed SYN that got an entry.
type simClient struct {
	start    int64 // of the first SYN, nanoseconds
	gen      uint32
	state    clientState
	entry    bool // the server keeps a half-open entry
	cookie   bool // its SYN-ACK was a cookie
	spoofed  bool
	slow     bool
	syns     uint8 // sent
	timeouts uint8 // firings of the entry's timer
	repeats  uint8 // of its data
}

// sim is a simulation under way.
type sim struct {
	c       SimConfig
	rand    *rand.Rand
	now     int64
	end     int64
	events  eventHeap
	clients []simClient
	free    []uint32

	limit       int // of the accept queue
	halfOpen    int
	young       int // half-open entries that never timed out
	queue       idRing
	schedule    []int64 // the clients' SYNs, from the first
	dialDeath   int64
	synRules    []SynRule
	rtt, slow   int64
	lastCookie  int64
	serviceBusy bool
	serviceFree int64 // when the next accept may start
	stall       stallCursor

	tally   SimTally
	counts  SimCounters
	waits   waitHistogram
	samples []SimSample
	window  SimSample // under way
}

func newSim(c SimConfig) *sim {
	if c.RTT == 0 {
		c.RTT = time.Millisecond
	}
	if c.Samples == 0 {
		c.Samples = 240
	}
	dial := SynSchedule(c.SynRetries, c.SynLinearTimeouts, defaultRTOMax)
	s := &sim{
		c: c, rand: rand.New(rand.NewPCG(c.Seed, 0x9e3779b97f4a7c15)), end: int64(c.Duration),
		limit: AcceptLimit(c.Backlog, c.Somaxconn), dialDeath: int64(dial.Death),
		synRules: synRules, rtt: int64(c.RTT), slow: int64(c.SlowDelay), lastCookie: -1 << 62,
		stall: newStallCursor(c.Stalls),
	}
	for _, at := range dial.Sends {
		s.schedule = append(s.schedule, int64(at))
	}
	for i := range c.Arrivals {
		s.events.push(event{at: c.Arrivals[i].first(s.rand), kind: evArrival, id: uint32(i)})
	}
	if c.FloodPerSecond > 0 {
		s.events.push(event{at: exponential(s.rand, c.FloodPerSecond), kind: evFlood})
	}
	s.samples = make([]SimSample, 0, c.Samples)
	return s
}

// run takes events in the order of time, those of the same moment in the order
// they were made.
func (s *sim) run() {
	for len(s.events.items) > 0 {
		e := s.events.pop()
		if e.at > s.end {
			break
		}
		for e.at >= s.boundary() {
			s.sample()
		}
		s.now = e.at
		s.handle(e)
		s.window.AcceptPeak = max(s.window.AcceptPeak, s.queue.len())
		s.window.HalfOpenPeak = max(s.window.HalfOpenPeak, s.halfOpen)
	}
	for len(s.samples) < s.c.Samples {
		s.sample()
	}
}

// boundary returns where the point of the trajectory under way ends.
func (s *sim) boundary() int64 { return s.end * int64(len(s.samples)+1) / int64(s.c.Samples) }

// sample closes a point of the trajectory.
func (s *sim) sample() {
	at := s.boundary()
	s.window.Accept, s.window.HalfOpen = s.queue.len(), s.halfOpen
	s.window.Drops = s.counts.ListenDrops - s.tally.sampledDrops
	s.tally.sampledDrops = s.counts.ListenDrops
	s.window.Seconds = float64(at) / 1e9
	s.samples = append(s.samples, s.window)
	s.window = SimSample{At: at, AcceptPeak: s.queue.len(), HalfOpenPeak: s.halfOpen}
}

func (s *sim) handle(e event) {
	switch e.kind {
	case evArrival:
		s.arrive(int(e.id))
		return
	case evFlood:
		s.flood()
		return
	case evAccept:
		s.accept()
		return
	default:
	}
	if c := &s.clients[e.id]; c.gen != e.gen || c.state == clientFree {
		return // the client was done before the event came
	}
	switch e.kind {
	case evSYN:
		s.syn(e.id)
	case evACK:
		s.ack(e.id)
	case evSynAckTimer:
		s.synAckTimer(e.id)
	case evData:
		s.data(e.id)
	case evGiveUp:
		s.giveUp(e.id)
	default:
	}
}

// newClient returns the index of a fresh record.
func (s *sim) newClient() uint32 {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		s.clients[id] = simClient{gen: s.clients[id].gen, start: s.now, state: clientDialing}
		return id
	}
	s.clients = append(s.clients, simClient{start: s.now, state: clientDialing})
	return uint32(len(s.clients) - 1)
}

// done ends a client's record; events that name it are void.
func (s *sim) done(id uint32) {
	s.clients[id].state = clientFree
	s.clients[id].gen++
	s.free = append(s.free, id)
}

func (s *sim) later(after int64, kind eventKind, id uint32) {
	s.events.push(event{at: s.now + after, kind: kind, id: id, gen: s.clients[id].gen})
}
