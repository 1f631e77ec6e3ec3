package facts

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Census is what a walk over all sockets of one namespace is reduced to, in
// memory that does not grow with their number. Totals are exact; tables of
// heavy hitters say how much they may have missed; samples say of how many
// they are a sample.
type Census struct {
	Sockets    uint64 `json:"sockets"`              // distinct entries seen
	Duplicates uint64 `json:"duplicates,omitempty"` // entries the kernel sent twice
	// Complete is false where the walk was cut short: totals are then lower
	// bounds and nothing may be concluded from absence.
	Complete bool `json:"complete"`
	// ListenersOnly tells that no walk was made at all, but every listener was
	// asked: what is said of listeners is complete then.
	ListenersOnly bool `json:"listeners_only,omitempty"`

	IPv4 StateCounts `json:"ipv4"`
	IPv6 StateCounts `json:"ipv6"`

	Listeners []Listener `json:"listeners,omitempty"`
	// Locals are connections whose local port some listener holds, grouped by
	// local address and port; Destinations are all others, grouped by source
	// address and destination.
	Locals             []Local       `json:"locals,omitempty"`
	LocalsMissed       uint64        `json:"locals_missed,omitempty"` // most that any group may lack
	Destinations       []Destination `json:"destinations,omitempty"`
	DestinationsMissed uint64        `json:"destinations_missed,omitempty"`

	// Bound are sockets that hold a port of the ephemeral range without being
	// a connection: listeners and bound, unconnected sockets.
	Bound BoundPorts `json:"bound,omitzero"`

	Classes map[ClassName]Class `json:"classes,omitempty"`
}

// States returns the counts of both families together.
func (c *Census) States() StateCounts {
	sum := c.IPv4
	for i, n := range c.IPv6 {
		sum[i] += n
	}
	return sum
}

// StateCounts counts sockets by state.
type StateCounts [StateCount]uint64

// MarshalJSON writes the counts that are not zero, by state name.
func (c StateCounts) MarshalJSON() ([]byte, error) {
	m := make(map[State]uint64)
	for i, n := range c {
		if n != 0 {
			m[State(i)] = n
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads counts by state name.
func (c *StateCounts) UnmarshalJSON(b []byte) error {
	var m map[State]uint64
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("facts: state counts: %w", err)
	}
	*c = StateCounts{}
	for s, n := range m {
		c[s] = n
	}
	return nil
}

// Total returns the sum over all states.
func (c StateCounts) Total() uint64 {
	var n uint64
	for _, v := range c {
		n += v
	}
	return n
}

// Listener is one socket in LISTEN.
type Listener struct {
	Cookie   uint64         `json:"cookie"`
	Local    netip.AddrPort `json:"local"`
	Family   Family         `json:"family"`
	V6Only   bool           `json:"v6only,omitempty"`
	Ifindex  uint32         `json:"ifindex,omitempty"`
	UID      uint32         `json:"uid"`
	Inode    uint32         `json:"inode"`
	CgroupID uint64         `json:"cgroup_id,omitempty"`
	// Queue is A, the connections waiting for accept; Limit is B, the smaller
	// of the backlog and somaxconn when listen() was called. B+1 fit.
	Queue uint32      `json:"queue"`
	Limit uint32      `json:"limit"`
	Drops Opt[uint32] `json:"drops,omitzero"`
}

// ListenerOf returns what a walk shows of a socket in LISTEN.
func ListenerOf(s *Socket) Listener {
	l := Listener{
		Cookie: s.Cookie, Local: s.Local, Family: s.Family, V6Only: s.V6Only,
		Ifindex: s.Ifindex, UID: s.UID, Inode: s.Inode, CgroupID: s.CgroupID,
		Queue: s.RecvQueue, Limit: s.SendQueue,
	}
	if s.Mem.Known {
		l.Drops = Some(s.Mem.Drops)
	}
	return l
}

// Compare orders listeners as a census lists them: by address, then by cookie.
func (l Listener) Compare(o Listener) int {
	return cmp.Or(l.Local.Compare(o.Local), cmp.Compare(l.Cookie, o.Cookie))
}

// Local is the connections of one listening address and port.
type Local struct {
	Addr       netip.AddrPort `json:"addr"`
	States     StateCounts    `json:"states"`
	Unaccepted uint64         `json:"unaccepted,omitempty"` // children no accept() has taken yet

	// The half-open entries among them.
	HalfOpenRetransmitted uint64 `json:"half_open_retransmitted,omitempty"` // at least one SYN-ACK repeated
	HalfOpenDeferred      uint64 `json:"half_open_deferred,omitempty"`      // TCP_DEFER_ACCEPT, waiting for data
	HalfOpenSources       uint64 `json:"half_open_sources,omitempty"`       // distinct peer addresses, estimated

	Passers []uint32 `json:"passers,omitempty"` // a few inodes of accepted connections
}

// Destination is the connections of one (source, destination, port).
type Destination struct {
	Source  netip.Addr     `json:"source"`
	Dest    netip.AddrPort `json:"dest"`
	States  StateCounts    `json:"states"`
	InRange uint64         `json:"in_range"` // with a local port in the ephemeral range
	// SynSentRetransmitted counts connections in SYN_SENT that had to repeat
	// their SYN.
	SynSentRetransmitted uint64   `json:"syn_sent_retransmitted,omitempty"`
	Inodes               []uint32 `json:"inodes,omitempty"` // a few owners, to find the process
}

// Total returns all sockets of the group.
func (d *Destination) Total() uint64 { return d.States.Total() }

// BoundPorts counts the ports of the ephemeral range that sockets hold without
// being connected.
type BoundPorts struct {
	// Known is false where this kernel does not show bound sockets (before 6.8).
	Known  bool     `json:"known"`
	Ports  uint64   `json:"ports"`            // distinct ports in the range, listeners included
	Listen uint64   `json:"listen"`           // of these, held by listeners
	Inodes []uint32 `json:"inodes,omitempty"` // a few owners of those not listening
}

// ClassName names a class of connections that deserve a closer look.
type ClassName string

// The classes a census keeps samples of.
const (
	ClassCloseWait   ClassName = "close_wait"  // the peer closed, the owner did not
	ClassFinWait2    ClassName = "fin_wait2"   // we closed, the peer did not
	ClassSynSent     ClassName = "syn_sent"    // connecting
	ClassLastAck     ClassName = "last_ack"    // LAST_ACK, CLOSING, orphaned FIN_WAIT1
	ClassUnread      ClassName = "unread"      // established, owned, with unread bytes
	ClassZeroWindow  ClassName = "zero_window" // probing a closed window
	ClassRetransmit  ClassName = "retransmit"  // three or more retransmissions in a row
	ClassUnaccepted  ClassName = "unaccepted"  // handshake done, waiting in an accept queue
	ClassEstablished ClassName = "established" // a plain sample of everything established
)

// Class is the connections of one class: exact totals, a histogram of age, and
// a uniform sample. The sample holds the connections whose cookies hash lowest,
// so two walks keep the same ones and can be compared one by one.
type Class struct {
	Total      uint64    `json:"total"`
	QueueBytes uint64    `json:"queue_bytes,omitempty"`
	Ages       Histogram `json:"ages,omitzero"` // by milliseconds since the last ACK came
	Samples    []Sample  `json:"samples,omitempty"`
}

// Covers reports whether a connection of the class with this cookie would be
// among the samples: its absence then means that it was not there.
func (c Class) Covers(cookie uint64) bool {
	n := len(c.Samples)
	return c.Total <= uint64(n) || n > 0 && mix(cookie) <= mix(c.Samples[n-1].Cookie)
}

// Sample is what is remembered of one connection.
type Sample struct {
	Cookie    uint64         `json:"cookie"`
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	State     State          `json:"state"`
	Timer     Timer          `json:"timer,omitempty"`
	Retrans   uint8          `json:"retrans,omitempty"`
	Inode     uint32         `json:"inode,omitempty"`
	UID       uint32         `json:"uid"`
	CgroupID  uint64         `json:"cgroup_id,omitempty"`
	RecvQueue uint32         `json:"recv_queue,omitempty"`
	SendQueue uint32         `json:"send_queue,omitempty"`
	// BytesMoved is the bytes acknowledged by the peer plus those received: it
	// stands still on a connection nobody works with.
	BytesMoved         Opt[uint64] `json:"bytes_moved,omitzero"`
	LastAckRecvMillis  Opt[uint32] `json:"last_ack_recv_ms,omitzero"`
	LastDataRecvMillis Opt[uint32] `json:"last_data_recv_ms,omitzero"`
}

// Histogram counts milliseconds in powers of two: bucket 0 holds 0, bucket i
// holds values from 2^(i−1) up to but not including 2^i.
type Histogram [33]uint64

// IsZero reports whether nothing was counted.
func (h Histogram) IsZero() bool { return h == Histogram{} }

// MarshalJSON writes the buckets without the trailing zeros.
func (h Histogram) MarshalJSON() ([]byte, error) {
	n := len(h)
	for n > 0 && h[n-1] == 0 {
		n--
	}
	return json.Marshal(h[:n])
}

// UnmarshalJSON reads up to 33 buckets.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var s []uint64
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("facts: histogram: %w", err)
	}
	if len(s) > len(h) {
		return fmt.Errorf("facts: histogram: %d buckets, want at most %d", len(s), len(h))
	}
	*h = Histogram{}
	copy(h[:], s)
	return nil
}
