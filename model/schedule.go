package model

import "time"

// Schedule is when a handshake segment is sent and when its sender gives up,
// both counted from the first transmission.
type Schedule struct {
	Sends []time.Duration // the first is 0
	Death time.Duration
}

// SynAckSchedule returns when a half-open entry that is neither pruned nor
// answered sends its SYN-ACKs and when it dies. The timer doubles from one
// second up to the longest timeout; the entry dies at the firing after the
// last permitted resend (reqsk_timer_handler), without any segment.
func SynAckSchedule(retries int, rtoMax time.Duration) Schedule {
	s := Schedule{Sends: make([]time.Duration, 0, max(1, retries+1))}
	at, timeout := time.Duration(0), RTOBase
	for n := 0; ; n++ {
		s.Sends = append(s.Sends, at)
		at += timeout
		timeout = min(2*timeout, rtoMax)
		if n >= retries {
			s.Death = at
			return s
		}
	}
}

// SynSchedule returns when a connecting socket that nobody answers sends its
// SYNs and when connect() fails. The first linear timeouts are all of one
// second; it dies at the first firing after the time that the retries alone
// would have taken (tcp_write_timeout; the number of resends is limited to
// retries plus linear timeouts too, but never reaches that first).
func SynSchedule(retries, linear int, rtoMax time.Duration) Schedule {
	limit := backoffTime(retries, RTOBase, rtoMax)
	s := Schedule{Sends: []time.Duration{0}}
	at, timeout := time.Duration(0), RTOBase
	for resent := 0; ; resent++ {
		at += timeout
		if at >= limit {
			s.Death = at
			return s
		}
		s.Sends = append(s.Sends, at)
		if resent >= linear {
			timeout = min(2*timeout, rtoMax)
		}
	}
}

// backoffTime returns how long it takes for a timer that starts at base and
// doubles up to most to have been resent n times and to fire once more
// (tcp_model_timeout).
func backoffTime(n int, base, most time.Duration) time.Duration {
	var total time.Duration
	for i := 0; i <= n; i++ {
		total += base
		base = min(2*base, most)
	}
	return total
}

// PruneFloor is the fewest SYN-ACK resends that pruning leaves an entry.
const PruneFloor = 2

// pruneMinimum is the queue size below half of which no entry is ever pruned.
const pruneMinimum = 8

// PruneThreshold returns the number of half-open entries above which the
// kernel prunes: half of the backlog, at least 4.
func PruneThreshold(limit int) int { return max(pruneMinimum, limit) / 2 }

// PrunedRetries returns how many SYN-ACK resends an entry is allowed when its
// timer fires: fewer than tcp_synack_retries once the queue holds more than
// [PruneThreshold] entries, one less for each doubling of the entries that are
// young (never timed out) that still fits into the queue, but at least two
// (reqsk_timer_handler).
func PrunedRetries(retries, halfOpen, young, limit int) int {
	if 2*halfOpen <= max(pruneMinimum, limit) {
		return retries
	}
	for young *= 2; retries > PruneFloor && halfOpen >= young; young *= 2 {
		retries--
	}
	return retries
}

// DeferRounds returns the number of SYN-ACK timer firings for which
// TCP_DEFER_ACCEPT of that many seconds waits for data (secs_to_retrans).
func DeferRounds(seconds int, rtoMax time.Duration) int {
	if seconds <= 0 {
		return 0
	}
	rounds, period, timeout := 1, RTOBase, RTOBase
	for time.Duration(seconds)*time.Second > period && rounds < 255 {
		rounds++
		timeout = min(2*timeout, rtoMax)
		period += timeout
	}
	return rounds
}

// DeferSeconds returns what TCP_DEFER_ACCEPT reads back for a number of
// rounds (retrans_to_secs).
func DeferSeconds(rounds int, rtoMax time.Duration) int {
	return int(backoffTime(rounds-1, RTOBase, rtoMax) / time.Second)
}

// HalfOpenTimer is a half-open entry when its timer fires.
type HalfOpenTimer struct {
	Timeouts    int  // firings before this one
	Acked       bool // a bare ACK came and was ignored for TCP_DEFER_ACCEPT
	DeferRounds int  // 0 without TCP_DEFER_ACCEPT
	Retries     int  // permitted resends, after pruning
}

// Fire returns whether the entry dies and, if not, whether it resends its
// SYN-ACK. While data is awaited after an ignored ACK the entry is silent
// until its last round (syn_ack_recalc).
func (t HalfOpenTimer) Fire() (expires, resends bool) {
	expires = t.Timeouts >= t.Retries
	if t.DeferRounds == 0 || !t.Acked {
		return expires, !expires
	}
	expires = expires && t.Timeouts >= t.DeferRounds
	return expires, !expires && t.Timeouts >= t.DeferRounds-1
}

// DeferSchedule returns when an entry that got only the bare ACK sends
// SYN-ACKs and when it dies, if that SYN-ACK is not answered either.
func DeferSchedule(retries, rounds int, rtoMax time.Duration) Schedule {
	s := Schedule{Sends: []time.Duration{0}}
	at, timeout := time.Duration(0), RTOBase
	for n := 0; ; n++ {
		at += timeout
		timeout = min(2*timeout, rtoMax)
		expires, resends := HalfOpenTimer{n, true, rounds, retries}.Fire()
		if expires {
			s.Death = at
			return s
		}
		if resends {
			s.Sends = append(s.Sends, at)
		}
	}
}

// wheelTick is the kernel's tick at 250 ticks a second, as most distributions
// build it.
const wheelTick = 4 * time.Millisecond

// wheelGranularity returns the step in which timers of this length fire: the
// kernel's timer wheel has levels of 64 steps, each eight times coarser than
// the one before (kernel/time/timer.c). It always rounds up, so that timers
// armed close to each other fire together.
func wheelGranularity(d time.Duration) time.Duration {
	step := wheelTick
	for reach := 63 * wheelTick; d >= reach; reach *= 8 {
		step *= 8
	}
	return step
}

// wheelFires returns when a timer armed now fires, on the kernel's clock.
func wheelFires(now, d time.Duration) time.Duration {
	step := wheelGranularity(d)
	return (now + d + step) / step * step
}

// Slack returns the latest that a timer of this length may be seen to fire:
// the kernel's timer wheel rounds long timeouts up by as much as an eighth.
// It never fires early.
func Slack(t time.Duration) time.Duration { return t + t*15/100 + 300*time.Millisecond }
