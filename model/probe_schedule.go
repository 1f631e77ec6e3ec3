package model

import "time"

// ProbeSchedule returns when a connection with data behind a shut window probes a
// peer that keeps silent, and when it gives up, both counted from the moment at
// which the data met the window. retries is [EffectiveOrphanRetries] for an orphan
// and tcp_retries2 for a socket that a process holds; rto is the connection's
// retransmission timeout, or 0 for a near path. Unlike [RetrySchedule] the kernel
// counts probes here, not time (tcp_probe_timer).
func ProbeSchedule(retries int, rto time.Duration, s Settings) Schedule {
	var probes Schedule
	interval := max(rto, s.rtoMin())
	for range retries {
		probes.Death += interval
		probes.Sends = append(probes.Sends, probes.Death)
		interval = min(2*interval, s.rtoMax())
	}
	probes.Death += interval
	return probes
}
