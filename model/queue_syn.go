package model

// SynQueue is the half-open queue of one listener at one moment, with the
// accept queue behind it.
type SynQueue struct {
	Limit         int // B, the listen backlog; it bounds this queue too
	AcceptLength  int // A
	HalfOpen      int // Q, half-open entries of this listener
	MaxSynBacklog int // M, tcp_max_syn_backlog
	Syncookies    int // K, tcp_syncookies
	Extra         int // Dialect.SynQueueExtra
}

// Full reports whether the half-open queue counts as full: Q >= B, or Q > B on
// newer kernels.
func (q SynQueue) Full() bool { return q.HalfOpen >= q.Limit+q.Extra }

// LastQuarter reports whether only the last quarter of tcp_max_syn_backlog is
// left, which without cookies is kept for peers that are proven.
func (q SynQueue) LastQuarter() bool {
	return q.MaxSynBacklog-q.HalfOpen < q.MaxSynBacklog>>2
}

// acceptFull reports whether the accept queue behind is full.
func (q SynQueue) acceptFull() bool {
	return AcceptQueue{Limit: q.Limit, Length: q.AcceptLength}.Full()
}

// SynArrival is what the kernel knows about a SYN that reaches a listener.
type SynArrival struct {
	Multicast bool // sent to a broadcast or multicast address
	// TimeWait tells that the SYN came through a TIME_WAIT object that it was
	// allowed to replace.
	TimeWait bool
	// Proven tells that the metrics cache has a round-trip time for the peer.
	Proven bool
	// NoMemory and NoRoute tell that the request could not be allocated, and
	// that there is no way back or a security hook refused.
	NoMemory, NoRoute bool
}

// SynResult is what becomes of a SYN.
type SynResult uint8

// The fates of a SYN on a listener.
const (
	SynDropped  SynResult = iota // nothing is sent
	SynStored                    // an entry is made and a SYN-ACK sent
	SynCookie                    // a SYN-ACK is sent, nothing is kept
	synContinue                  // the rule only takes note; the next one decides
)

// String returns "dropped", "stored" or "cookie".
func (r SynResult) String() string {
	return [...]string{"dropped", "stored", "cookie", "continue"}[r]
}

// SynRule is one test of the kernel's decision on a SYN, in its order.
type SynRule struct {
	Number int
	Name   string
	// Applies reports whether the rule takes hold; cookie tells whether an
	// earlier rule switched to cookies.
	Applies       func(q SynQueue, a SynArrival, cookie bool) bool
	Result        SynResult
	Counters      []Counter
	ListenerDrops int
}

// synRules is the decision of kernels since 4.10 (tcp_conn_request), in order.
var synRules = []SynRule{
	{1, "destination is broadcast or multicast",
		func(_ SynQueue, a SynArrival, _ bool) bool { return a.Multicast },
		SynDropped, []Counter{CListenDrops}, 1},
	{2, "half-open queue full, cookies off",
		func(q SynQueue, a SynArrival, _ bool) bool { return !a.TimeWait && q.Syncookies == 0 && q.Full() },
		SynDropped, []Counter{CTCPReqQFullDrop, CListenDrops}, 1},
	{3, "half-open queue full, or cookies always",
		func(q SynQueue, a SynArrival, _ bool) bool {
			return !a.TimeWait && (q.Syncookies == 2 || q.Syncookies != 0 && q.Full())
		},
		synContinue, []Counter{CTCPReqQFullDoCookies}, 0},
	{4, "accept queue full",
		func(q SynQueue, _ SynArrival, _ bool) bool { return q.acceptFull() },
		SynDropped, []Counter{CListenOverflows, CListenDrops}, 1},
	{5, "no memory for the request",
		func(_ SynQueue, a SynArrival, _ bool) bool { return a.NoMemory },
		SynDropped, []Counter{CListenDrops}, 1},
	{6, "no route back, or a security hook refused",
		func(_ SynQueue, a SynArrival, _ bool) bool { return a.NoRoute },
		SynDropped, []Counter{CListenDrops, COutNoRoutes}, 1},
	{7, "last quarter of tcp_max_syn_backlog, cookies off, peer not proven",
		func(q SynQueue, a SynArrival, _ bool) bool {
			return q.Syncookies == 0 && !a.TimeWait && q.LastQuarter() && !a.Proven
		},
		SynDropped, []Counter{CListenDrops}, 1},
	{8, "answered by a cookie",
		func(_ SynQueue, _ SynArrival, cookie bool) bool { return cookie },
		SynCookie, []Counter{CSyncookiesSent}, 0},
	{9, "stored",
		func(SynQueue, SynArrival, bool) bool { return true },
		SynStored, nil, 0},
}

// SynRules returns the kernel's decision table for a SYN on a listener.
func SynRules() []SynRule { return append([]SynRule(nil), synRules...) }

// SynDecision is the outcome of [SynQueue.Decide].
type SynDecision struct {
	Rule          int // the number of the rule that decided
	Result        SynResult
	Counters      []Counter
	ListenerDrops int
}

// Decide returns what the kernel does with a SYN at this queue.
func (q SynQueue) Decide(a SynArrival) SynDecision { return decideSyn(synRules, q, a) }

func decideSyn(rules []SynRule, q SynQueue, a SynArrival) SynDecision {
	var d SynDecision
	note, at := decideRules(rules, q, a)
	for _, i := range []int{note, at} {
		if i >= 0 {
			d.Counters = append(d.Counters, rules[i].Counters...)
			d.ListenerDrops += rules[i].ListenerDrops
		}
	}
	if at >= 0 {
		d.Rule, d.Result = rules[at].Number, rules[at].Result
	}
	return d
}

// decideRules returns the index of the rule that decides and of the one that
// only switched to cookies on the way, or -1. It allocates nothing.
func decideRules(rules []SynRule, q SynQueue, a SynArrival) (note, at int) {
	note = -1
	for i := range rules {
		if !rules[i].Applies(q, a, note >= 0) {
			continue
		}
		if rules[i].Result != synContinue {
			return note, i
		}
		note = i
	}
	return note, -1
}

// HalfOpenCapacity returns the largest number of entries the half-open queue
// of a listener may hold. Without cookies a peer that is not proven may use
// only three quarters of tcp_max_syn_backlog.
func HalfOpenCapacity(limit, maxSynBacklog, syncookies int, proven bool, d Dialect) int {
	full := limit + d.SynQueueExtra
	switch {
	case syncookies == 2:
		return 0
	case syncookies != 0 || proven:
		return full
	default:
		return min(full, maxSynBacklog-maxSynBacklog>>2+1)
	}
}

// SYN-queue limits: which one stops a listener from keeping more entries.
const (
	LimitBacklog       = "listen backlog"
	LimitMaxSynBacklog = "three quarters of tcp_max_syn_backlog"
	LimitCookies       = "cookies always"
)

// HalfOpenBinding returns which limit binds the half-open queue for peers that
// are not proven.
func HalfOpenBinding(limit, maxSynBacklog, syncookies int, d Dialect) string {
	switch {
	case syncookies == 2:
		return LimitCookies
	case HalfOpenCapacity(limit, maxSynBacklog, syncookies, false, d) < limit+d.SynQueueExtra:
		return LimitMaxSynBacklog
	default:
		return LimitBacklog
	}
}
