package model

import "time"

// PortCapacity returns how many connections may exist at once from one source
// address to one (destination, destination port) with ports the kernel
// chooses: the range, without reserved ports and without ports that anybody in
// the namespace holds by an explicit bind().
func PortCapacity(r PortRange, reserved []PortRange, bound int) int {
	return max(0, r.Size()-reservedIn(reserved, r)-bound)
}

// reservedIn returns how many ports of r are reserved.
func reservedIn(reserved []PortRange, r PortRange) int {
	n := 0
	for _, x := range mergePorts(append([]PortRange(nil), reserved...)) {
		n += PortRange{max(x.Low, r.Low), min(x.High, r.High)}.Size()
	}
	return n
}

// PortUse is how the ports of one (source, destination, destination port) are
// used up.
type PortUse struct {
	Capacity int // usable ports, see [PortCapacity]
	// Hold is how long a connection is open before it closes.
	Hold time.Duration
	// ClosesFirst is the share of connections that this side closes first, so
	// that it keeps the TIME_WAIT: 1 for a client that hangs up.
	ClosesFirst float64
	Timestamps  bool // both sides use them
	Loopback    bool
}

// PortHold returns for how long one connection keeps its port from being used
// again: its life, then TIME_WAIT where this side closes first, which
// tcp_tw_reuse shortens to its delay.
func PortHold(u PortUse, s Settings, d Dialect) time.Duration {
	wait := TimeWaitLength
	if Reuses(u, s) {
		wait = ReuseDelay(s, d)
	}
	return u.Hold + time.Duration(u.ClosesFirst*float64(wait))
}

// Reuses reports whether tcp_tw_reuse works for these connections.
func Reuses(u PortUse, s Settings) bool {
	return u.Timestamps && s.Timestamps != 0 && (s.TWReuse == 1 || s.TWReuse == 2 && u.Loopback)
}

// SustainableRate returns how many connections per second may be opened for
// ever before the ports run out. It is infinite where ports are not held.
func SustainableRate(u PortUse, s Settings, d Dialect) float64 {
	if u.Capacity == 0 {
		return 0
	}
	return float64(u.Capacity) / PortHold(u, s, d).Seconds() // infinite without a hold
}

// PortPopulation returns how many ports a rate of connections keeps busy,
// without a limit.
func PortPopulation(perSecond float64, u PortUse, s Settings, d Dialect) float64 {
	return perSecond * PortHold(u, s, d).Seconds()
}

// BindHolder is a socket or TIME_WAIT object that already has a port.
type BindHolder struct {
	Listening bool
	TimeWait  bool
	Connected bool // by connect(), without an explicit bind
	// SameAddress tells that its local address overlaps the wanted one: equal,
	// or one of the two is the wildcard.
	SameAddress bool
	ReuseAddr   bool
	ReusePort   bool
	SameUser    bool
}

// BindConflict reports whether bind() to the holder's port fails with
// EADDRINUSE (inet_csk_bind_conflict).
func BindConflict(reuseAddr, reusePort bool, h BindHolder) bool {
	if !h.SameAddress {
		return false
	}
	if reuseAddr && h.ReuseAddr && !h.Listening {
		return false
	}
	return !reusePort || !h.ReusePort || !h.SameUser
}
