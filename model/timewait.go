package model

import "time"

// TimeWaitLength is how long TIME_WAIT lasts. It is compiled into the kernel
// (TCP_TIMEWAIT_LEN): no parameter changes it, tcp_fin_timeout least of all.
const TimeWaitLength = 60 * time.Second

// TimeWaitPopulation returns the number of TIME_WAIT objects that closing this
// many connections per second first leads to, without a limit.
func TimeWaitPopulation(closesPerSecond float64) float64 {
	return closesPerSecond * TimeWaitLength.Seconds()
}

// TimeWaitRoom reports whether another TIME_WAIT object may be made: the count
// must be below tcp_max_tw_buckets. Where it may not, the connection is closed
// at once and TCPTimeWaitOverflow rises; no RST is sent for it.
func TimeWaitRoom(count, maxBuckets int) bool { return count < maxBuckets }

// TimeWaitOverflowRate returns how many connections per second skip TIME_WAIT
// because tcp_max_tw_buckets is reached, once the table has filled.
func TimeWaitOverflowRate(closesPerSecond float64, maxBuckets int) float64 {
	return max(0, closesPerSecond-float64(max(0, maxBuckets))/TimeWaitLength.Seconds())
}

// TimeWaitCounter returns what the kernel counts when it makes a TIME_WAIT-type
// object with this life: TWKilled up to four seconds, TW above.
func TimeWaitCounter(life time.Duration) Counter {
	if life <= 4*time.Second {
		return CTWKilled
	}
	return CTW
}

// FinWait2Life returns how long an orphaned connection stays in FIN_WAIT2: as
// an orphan socket, then as a TIME_WAIT-type object. finTimeout is
// tcp_fin_timeout or the socket's TCP_LINGER2, rto the connection's current
// retransmission timeout. Above 60 s Linux waits twice the excess over 60 s
// instead (tcp_fin_time, tcp_close, TCP_TIMEWAIT_LEN).
func FinWait2Life(finTimeout, rto time.Duration) (orphan, object time.Duration) {
	t := max(finTimeout, rto<<2-rto>>1)
	if t > TimeWaitLength {
		return t - TimeWaitLength, max(t-TimeWaitLength, rto<<2-rto>>1)
	}
	return 0, t
}

// SynOnTimeWait is a SYN that meets a TIME_WAIT object of its own four-tuple.
type SynOnTimeWait struct {
	Seq, Expected Seq // its sequence number, and the next one expected
	// Timestamps tells that both the SYN and the old connection carried them.
	Timestamps           bool
	Timestamp, LastSeen  uint32 // TSval of the SYN, and the newest seen before
	ResetFlag, AckFlag   bool
	FinWait2             bool // the object is in the FIN_WAIT2 substate
	PAWSFails            bool // the timestamp is older than the last seen
	ListenerStillPresent bool
}

// Accepts reports whether the SYN replaces the TIME_WAIT object: PAWS must not
// fail, and its sequence number must be new or its timestamp strictly newer
// (tcp_timewait_state_process). Such a SYN passes the half-open queue's limits
// but not the accept queue's.
func (s SynOnTimeWait) Accepts() bool {
	if s.ResetFlag || s.AckFlag || s.FinWait2 || !s.ListenerStillPresent || s.PAWSFails {
		return false
	}
	return s.Seq.After(s.Expected) || s.Timestamps && int32(s.Timestamp-s.LastSeen) > 0
}

// TimeWaitReplacementISS returns the initial sequence number of the connection
// that replaces a TIME_WAIT object: beyond anything the old one sent.
func TimeWaitReplacementISS(sndNxt Seq) Seq {
	if iss := sndNxt + 65535 + 2; iss != 0 {
		return iss
	}
	return 1
}

// ConnectReuse is a connect() that would take over the four-tuple of a
// TIME_WAIT object.
type ConnectReuse struct {
	FinWait2   bool // the object is in the FIN_WAIT2 substate
	Timestamps bool // the old connection had them
	Loopback   bool // the address or the device is loopback
	BoundPort  bool // the socket was bound to the port explicitly
	Age        time.Duration
}

// Allowed reports whether connect() may take the port (tcp_twsk_unique).
// tcp_tw_reuse and the delay are consulted for a port that the kernel chose,
// not for one bound explicitly.
func (c ConnectReuse) Allowed(s Settings, d Dialect) bool {
	if !c.Timestamps || c.FinWait2 && d.FinWait2NotReused {
		return false
	}
	if c.BoundPort {
		return true
	}
	if s.TWReuse != 1 && (s.TWReuse != 2 || !c.Loopback) {
		return false
	}
	return c.Age > ReuseDelay(s, d)
}

// ReuseDelay returns the age above which tcp_tw_reuse takes over a TIME_WAIT
// object. Without tcp_tw_reuse_delay the kernel compares whole seconds, so the
// true delay lies between this and a second more.
func ReuseDelay(s Settings, d Dialect) time.Duration {
	if d.TWReuseDelay && s.TWReuseDelay > 0 {
		return s.TWReuseDelay
	}
	return time.Second
}
