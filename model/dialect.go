package model

import "math"

// Dialect is how one Linux kernel differs from others in what this package
// models. Its zero value is an old kernel (4.18) without any later change; it is comparable.
type Dialect struct {
	// Release is what `uname -r` says, for display.
	Release string
	// SynQueueExtra is by how much the half-open queue may exceed the listen
	// backlog: 0 where the kernel tests Q >= B, 1 where it tests Q > B
	// (inet_csk_reqsk_queue_is_full).
	SynQueueExtra int
	// SynQueueExtraCertain tells whether the release decides SynQueueExtra.
	// It can be read nowhere, and distributions backport it.
	SynQueueExtraCertain bool
	// LinearSYN tells whether tcp_syn_linear_timeouts exists.
	LinearSYN bool
	// ImmediateSYNResend tells whether a bad ACK in SYN_SENT makes the kernel
	// resend the SYN at once instead of at its next timer.
	ImmediateSYNResend bool
	// FinWait2NotReused tells whether connect() refuses to take over the port
	// of a TIME_WAIT object that is really in FIN_WAIT2.
	FinWait2NotReused bool
	// TWReuseDelay tells whether tcp_tw_reuse_delay exists. Without it the
	// delay is one to two seconds, on a clock of whole seconds.
	TWReuseDelay bool
	// TWReuseDefaultLoopback tells whether tcp_tw_reuse is 2 by default.
	TWReuseDefaultLoopback bool
	// HalfOpenRSTChallenge tells whether an inexact RST on a half-open
	// connection draws a challenge ACK instead of deleting it.
	HalfOpenRSTChallenge bool
	// MigrateReq tells whether tcp_migrate_req exists.
	MigrateReq bool
	// WideSomaxconn tells whether somaxconn is 4096 by default, not 128.
	WideSomaxconn bool
	// SynBacklogDivisor is the number of established-hash buckets for each
	// unit of the default tcp_max_syn_backlog: 128, or 256 on old kernels.
	SynBacklogDivisor int
	// OrphanCountCached tells whether the orphan count is a sum refreshed
	// every 100 ms, so that a short burst may overshoot the limit.
	OrphanCountCached bool
	// ChallengeACKUnlimited tells whether the global limit of challenge ACKs
	// is off by default; before, it was 1,000 a second.
	ChallengeACKUnlimited bool
	// FloodLogNamesAddress tells whether the SYN flood message of the kernel
	// log names the listener's address, not only its port.
	FloodLogNamesAddress bool
	// RTOMax tells whether tcp_rto_max_ms exists.
	RTOMax bool
	// PortStateRecomputed tells whether a local port becomes free for
	// connect() again as soon as its explicit binder is gone.
	PortStateRecomputed bool
	// The counters that not every kernel has.
	CounterPAWSOldAck, CounterPAWSTimewait, CounterTSEcrRejected,
	CounterBeyondWindow, CounterZeroWindowDrop, CounterMigrateReq bool
}

// Probe is what is known of a kernel when its dialect is wanted. Everything
// but Release may be left out; what was probed wins over the release.
type Probe struct {
	// Release is what `uname -r` says.
	Release string
	// Build is what `uname -v` says. Debian states the real stable release
	// only there.
	Build string
	// Sysctls holds the keys looked for and whether each exists.
	Sysctls map[string]bool
	// Counters holds the counters looked for ("TcpExt.PAWSOldAck") and
	// whether each exists.
	Counters map[string]bool
}

// span says in which kernels a behaviour is found.
type span struct {
	mainline version   // first mainline release that has it
	stable   []version // first stable release of older series that has it
	rhel     [3]int    // first minor of RHEL 8, 9, 10 that has it, or never
}

// never stands for a release that does not come.
const never = math.MaxInt32

// The version matrix: facts read in the source of 4.19 to 6.18 and of the RHEL
// rebuilds 8.3 to 10.0.
var (
	spanSynQueueExtra = span{version{6, 13, 0}, []version{{5, 10, 265}, {6, 1, 192}, {6, 6, 80}, {6, 12, 117}}, [3]int{never, never, never}}
	spanLinearSYN     = span{version{6, 5, 0}, nil, [3]int{never, never, 0}}
	spanSYNResend     = span{version{5, 10, 0}, nil, [3]int{never, 0, 0}}
	spanFW2NotReused  = span{version{6, 1, 0}, []version{{5, 10, 265}}, [3]int{never, never, 0}}
	spanTWReuseDelay  = span{version{6, 14, 0}, nil, [3]int{never, never, never}}
	spanTWReuseTwo    = span{version{4, 19, 0}, nil, [3]int{3, 0, 0}}
	spanRSTChallenge  = span{version{6, 15, 0}, []version{{6, 1, 192}, {6, 12, 117}}, [3]int{never, never, never}}
	spanMigrateReq    = span{version{5, 14, 0}, nil, [3]int{never, 0, 0}}
	spanWideSomaxconn = span{version{5, 4, 0}, nil, [3]int{never, 0, 0}}
	spanDivisor128    = span{version{5, 4, 0}, nil, [3]int{never, 0, 0}}
	spanOrphanCached  = span{version{5, 16, 0}, []version{{5, 10, 265}, {5, 15, 135}}, [3]int{never, 2, 0}}
	spanNoChallenge   = span{version{6, 1, 0}, nil, [3]int{never, never, 0}}
	spanFloodAddress  = span{version{6, 2, 0}, nil, [3]int{8, 2, 0}}
	spanRTOMax        = span{version{6, 15, 0}, nil, [3]int{never, never, never}}
	spanPortState     = span{version{6, 18, 0}, nil, [3]int{never, never, never}}
	spanPAWSOldAck    = span{version{6, 14, 0}, nil, [3]int{never, never, never}}
	spanLateCounters  = span{version{6, 18, 0}, nil, [3]int{never, never, never}}
	spanZeroWindow    = span{version{4, 19, 0}, nil, [3]int{7, 0, 0}}
	// Releases read and found to test Q >= B still.
	synQueueOld = []version{{4, 19, 79}, {5, 4, 273}, {5, 15, 135}, {6, 6, 57}, {6, 8, 1}}
)

// NewDialect returns the dialect of a kernel: what was probed, and the
// version matrix for the rest. A release it cannot read gives the newest
// dialect without certainty.
func NewDialect(p Probe) Dialect {
	r, ok := parseRelease(p.Release, p.Build)
	if !ok {
		r = release{version: spanLateCounters.mainline} // the newest that was read
	}
	sysctl := func(key string, s span) bool { return probed(p.Sysctls, key, r.has(s)) }
	counter := func(name Counter, s span) bool { return probed(p.Counters, string(name), r.has(s)) }
	d := Dialect{
		Release:                p.Release,
		SynQueueExtraCertain:   ok && r.synQueueCertain(),
		LinearSYN:              sysctl(KeySynLinearTimeouts, spanLinearSYN),
		ImmediateSYNResend:     r.has(spanSYNResend),
		FinWait2NotReused:      r.has(spanFW2NotReused),
		TWReuseDelay:           sysctl(KeyTWReuseDelay, spanTWReuseDelay),
		TWReuseDefaultLoopback: r.has(spanTWReuseTwo),
		HalfOpenRSTChallenge:   r.has(spanRSTChallenge),
		MigrateReq:             sysctl(KeyMigrateReq, spanMigrateReq),
		WideSomaxconn:          r.has(spanWideSomaxconn),
		SynBacklogDivisor:      256,
		OrphanCountCached:      r.has(spanOrphanCached),
		ChallengeACKUnlimited:  r.has(spanNoChallenge),
		FloodLogNamesAddress:   r.has(spanFloodAddress),
		RTOMax:                 sysctl(KeyRTOMax, spanRTOMax),
		PortStateRecomputed:    r.has(spanPortState),
		CounterPAWSOldAck:      counter(CPAWSOldAck, spanPAWSOldAck),
		CounterPAWSTimewait:    counter(CPAWSTimewait, spanLateCounters),
		CounterTSEcrRejected:   counter(CTSEcrRejected, spanLateCounters),
		CounterBeyondWindow:    counter(CBeyondWindow, spanLateCounters),
		CounterZeroWindowDrop:  counter(CTCPZeroWindowDrop, spanZeroWindow),
		CounterMigrateReq:      counter(CTCPMigrateReqSuccess, spanMigrateReq),
	}
	if r.has(spanSynQueueExtra) {
		d.SynQueueExtra = 1
	}
	if r.has(spanDivisor128) {
		d.SynBacklogDivisor = 128
	}
	return d
}

// HasCounter reports whether this kernel keeps a counter of the transition
// table. Counters that every supported kernel has are always there.
func (d Dialect) HasCounter(c Counter) bool {
	switch c {
	case CPAWSOldAck:
		return d.CounterPAWSOldAck
	case CPAWSTimewait:
		return d.CounterPAWSTimewait
	case CTSEcrRejected:
		return d.CounterTSEcrRejected
	case CBeyondWindow:
		return d.CounterBeyondWindow
	case CTCPZeroWindowDrop, CTCPRcvQDrop:
		return d.CounterZeroWindowDrop
	case CTCPMigrateReqSuccess, CTCPMigrateReqFailure:
		return d.CounterMigrateReq
	default:
		return true
	}
}

func probed(found map[string]bool, name string, otherwise bool) bool {
	if has, ok := found[name]; ok {
		return has
	}
	return otherwise
}
