package model

import (
	"math/bits"
	"time"
)

// SimSample is one point of a trajectory. The peaks are over the time since
// the point before.
type SimSample struct {
	At           int64   `json:"-"` // nanoseconds, where the interval began
	Seconds      float64 `json:"seconds"`
	Accept       int     `json:"accept"`
	AcceptPeak   int     `json:"accept_peak"`
	HalfOpen     int     `json:"half_open"`
	HalfOpenPeak int     `json:"half_open_peak"`
	Drops        uint64  `json:"drops"` // ListenDrops since the point before
}

// SimTally is what became of the load.
type SimTally struct {
	Arrivals uint64 `json:"arrivals"` // clients that wanted in
	Served   uint64 `json:"served"`   // accepted while they still waited
	TimedOut uint64 `json:"timed_out"`
	Reset    uint64 `json:"reset"`
	GaveUp   uint64 `json:"gave_up"`
	Hung     uint64 `json:"hung"`    // connected, forgotten by the server, silent
	Pending  uint64 `json:"pending"` // neither at the end

	Accepted        uint64 `json:"accepted"`          // by the application
	AcceptedTooLate uint64 `json:"accepted_too_late"` // of those, whose client had given up
	Queued          uint64 `json:"queued"`            // in the accept queue at the end
	HalfOpen        uint64 `json:"half_open"`         // at the end
	Expired         uint64 `json:"expired"`           // half-open entries
	SynsDropped     uint64 `json:"syns_dropped"`      // of clients
	SynRepeats      uint64 `json:"syn_repeats"`       // of clients
	AcksDropped     uint64 `json:"acks_dropped"`
	FloodSYNs       uint64 `json:"flood_syns"`
	FloodDropped    uint64 `json:"flood_dropped"`
	AcceptPeak      int    `json:"accept_peak"`

	sampledDrops uint64
	queueWait    int64 // nanoseconds of all accepted
}

// SimCounters is what the kernel would have counted.
type SimCounters struct {
	ListenOverflows, ListenDrops, ReqQFullDrop, DoCookies,
	CookiesSent, CookiesRecv, CookiesFailed, PassiveOpens,
	Timeouts, SynRetrans, EmbryonicRsts, OutRsts uint64
	// ListenerDrops is the listener's own counter, not ListenDrops.
	ListenerDrops uint64
}

// drop counts what a rule of the SYN decision names.
func (c *SimCounters) drop(names []Counter) {
	for _, n := range names {
		switch n {
		case CListenDrops:
			c.ListenDrops++
		case CListenOverflows:
			c.ListenOverflows++
		case CTCPReqQFullDrop:
			c.ReqQFullDrop++
		default:
		}
	}
}

// Map returns the counters under the kernel's names. A resent SYN-ACK counts
// as a repeat of a SYN and as a retransmitted segment.
func (c SimCounters) Map() map[Counter]uint64 {
	return map[Counter]uint64{
		CListenOverflows: c.ListenOverflows, CListenDrops: c.ListenDrops, CTCPReqQFullDrop: c.ReqQFullDrop,
		CTCPReqQFullDoCookies: c.DoCookies, CSyncookiesSent: c.CookiesSent, CSyncookiesRecv: c.CookiesRecv,
		CSyncookiesFailed: c.CookiesFailed, CPassiveOpens: c.PassiveOpens, CTCPTimeouts: c.Timeouts,
		CTCPSynRetrans: c.SynRetrans, CRetransSegs: c.SynRetrans, CEmbryonicRsts: c.EmbryonicRsts, COutRsts: c.OutRsts,
	}
}

// SimResult is the outcome of a simulation.
type SimResult struct {
	SimTally
	Limit       int // B: one more fits
	HalfOpenMax int // entries that fit; 0 where every SYN gets a cookie
	Counters    SimCounters
	Trajectory  []SimSample
	// WaitMedian and the others are the times from a client's first SYN to
	// accept(), of those served, without its round trip.
	WaitMedian, Wait99, WaitMost time.Duration
	// QueueWait is the mean time in the accept queue.
	QueueWait    time.Duration
	HalfOpenPeak int
}

// DropsPerSecond returns the rate of ListenDrops over the whole run.
func (r SimResult) DropsPerSecond() float64 {
	if len(r.Trajectory) == 0 {
		return 0
	}
	return float64(r.Counters.ListenDrops) / r.Trajectory[len(r.Trajectory)-1].Seconds
}

func (s *sim) result() SimResult {
	r := SimResult{
		SimTally: s.tally, Limit: s.limit, Counters: s.counts, Trajectory: s.samples,
		HalfOpenMax: HalfOpenCapacity(s.limit, s.c.MaxSynBacklog, s.c.Syncookies, false, s.c.Dialect),
		WaitMedian:  s.waits.quantile(0.5, s.rtt), Wait99: s.waits.quantile(0.99, s.rtt), WaitMost: s.waits.quantile(1, s.rtt),
	}
	r.Queued, r.HalfOpen = uint64(s.queue.len()), uint64(s.halfOpen)
	for i := range s.clients {
		if c := &s.clients[i]; !c.spoofed && c.state != clientFree && c.state != clientGone {
			r.Pending++
		}
	}
	r.HalfOpenPeak = s.window.HalfOpenPeak
	for _, p := range s.samples {
		r.HalfOpenPeak = max(r.HalfOpenPeak, p.HalfOpenPeak)
	}
	if r.Accepted > 0 {
		r.QueueWait = time.Duration(uint64(s.tally.queueWait) / r.Accepted)
	}
	return r
}

// waitHistogram counts times in buckets of a sixteenth of a power of two, so
// that a quantile is right to 6 %.
type waitHistogram struct {
	buckets [64 * 16]uint64
	total   uint64
	most    int64
}

func waitBucket(ns int64) int {
	v := uint64(max(0, ns))
	if v < 16 {
		return int(v)
	}
	shift := bits.Len64(v) - 5
	return (shift+1)<<4 + int(v>>shift&15)
}

// waitValue returns the upper end of a bucket.
func waitValue(bucket int) int64 {
	if bucket < 16 {
		return int64(bucket)
	}
	shift := bucket>>4 - 1
	return int64(16+bucket&15+1)<<shift - 1
}

func (h *waitHistogram) add(ns int64) {
	h.buckets[waitBucket(ns)]++
	h.total++
	h.most = max(h.most, ns)
}

// quantile returns the time that this share stays within, less the round trip
// that is there without any queue.
func (h *waitHistogram) quantile(q float64, rtt int64) time.Duration {
	if h.total == 0 {
		return 0
	}
	need := uint64(q*float64(h.total) + 0.999999)
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; n > 0 && seen >= need {
			return time.Duration(max(0, min(waitValue(i), h.most)-rtt))
		}
	}
	return time.Duration(max(0, h.most-rtt))
}
