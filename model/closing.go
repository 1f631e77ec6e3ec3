package model

import "time"

// OrphanRetriesDefault is what tcp_orphan_retries = 0 means (tcp_orphan_retries()).
const OrphanRetriesDefault = 8

// EffectiveOrphanRetries returns the number of retransmissions a closed socket
// gets. A peer that an ICMP error declared unreachable gets none.
func EffectiveOrphanRetries(setting int, unreachable bool) int {
	if unreachable {
		return 0
	}
	if setting == 0 {
		return OrphanRetriesDefault
	}
	return setting
}

// RetrySchedule returns when data or a FIN that nobody acknowledges is sent and
// when its connection gives up, from the first transmission; rto is the
// connection's retransmission timeout, or 0 for a near path. The kernel compares
// the time since the first repeat with what that many repeats take from the
// shortest timeout (retransmits_timed_out, tcp_model_timeout), at its timer
// firings only, so that lateness decides: few repeats miss the mark by a hair and
// wait for one more firing, many are late enough to reach it.
func RetrySchedule(repeats int, rto time.Duration, s Settings) Schedule {
	budget := backoffTime(repeats, s.rtoMin(), s.rtoMax())
	interval := max(rto, s.rtoMin())
	at, late := interval, time.Duration(0)
	sends := []time.Duration{0}
	for first := at; at-first+late < budget; {
		sends = append(sends, at)
		interval = min(2*interval, s.rtoMax())
		at += interval
		late += lateness(interval)
	}
	return Schedule{Sends: sends, Death: at}
}

// retryLife returns when [RetrySchedule] gives up.
func retryLife(repeats int, rto time.Duration, s Settings) time.Duration {
	return RetrySchedule(repeats, rto, s).Death
}

// repeatsOf returns how often a segment is sent again before its connection
// gives up, on a near path.
func repeatsOf(repeats int, s Settings) int { return len(RetrySchedule(repeats, 0, s).Sends) - 1 }

// lateness returns by how much a timer of this length is late on average: half
// of the granularity of its level of the timer wheel.
func lateness(d time.Duration) time.Duration { return wheelGranularity(d) / 2 }

// OrphanLife returns how long an orphan in FIN_WAIT1, LAST_ACK or CLOSING is
// kept when its peer is silent, for its retransmission timeout (200 ms on a
// near path; 0 means that). The last timer closes it without any segment.
func OrphanLife(s Settings, rto time.Duration) time.Duration {
	return retryLife(EffectiveOrphanRetries(s.OrphanRetries, false), rto, s)
}

// OrphanProbeLife returns how long an orphan whose peer keeps its window shut
// but acknowledges every probe is kept: until the probe interval has reached the
// longest timeout, and tcp_orphan_retries probes were sent, which is the case
// long before unless that timeout is short (tcp_probe_timer).
func OrphanProbeLife(s Settings, rto time.Duration) time.Duration {
	interval := max(rto, s.rtoMin())
	total := interval
	for probes := 0; interval < s.rtoMax() || probes < s.OrphanRetries; probes++ {
		interval = min(2*interval, s.rtoMax())
		total += interval
	}
	return total
}

// DataLife returns how long a connection that a process still owns survives
// unanswered data or an unanswered FIN: tcp_retries2, about 924 s for 15.
func DataLife(s Settings) time.Duration { return retryLife(s.Retries2, 0, s) }

// KeepaliveLife returns after how much silence keepalive ends a connection
// whose socket asked for it.
func KeepaliveLife(s Settings) time.Duration {
	return s.KeepaliveTime + time.Duration(s.KeepaliveProbes)*s.KeepaliveInterval
}

// OrphanLoad is the number of orphans when one of them is tested.
type OrphanLoad struct {
	Orphans int // of the whole host
	// AtTimer tells that the test is made by the orphan's own timer rather
	// than at close().
	AtTimer bool
	// Silent tells that the peer has not been heard of for long, and
	// Unreachable that an ICMP error came; each doubles the count at a timer.
	Silent, Unreachable bool
}

// OverLimit reports whether the orphan is reset for tcp_max_orphans
// (tcp_too_many_orphans, tcp_out_of_resources).
func (l OrphanLoad) OverLimit(maxOrphans int) bool {
	n := l.Orphans
	if l.AtTimer && l.Silent {
		n *= 2
	}
	if l.AtTimer && l.Unreachable {
		n *= 2
	}
	return n > maxOrphans
}
