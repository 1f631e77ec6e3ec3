package model

import (
	"cmp"
	"math/bits"
	"time"
)

// The parameters this package models, by their full sysctl names.
const (
	KeySomaxconn         = "net.core.somaxconn"
	KeyNetdevMaxBacklog  = "net.core.netdev_max_backlog"
	KeyMaxSynBacklog     = "net.ipv4.tcp_max_syn_backlog"
	KeySyncookies        = "net.ipv4.tcp_syncookies"
	KeySynackRetries     = "net.ipv4.tcp_synack_retries"
	KeySynRetries        = "net.ipv4.tcp_syn_retries"
	KeySynLinearTimeouts = "net.ipv4.tcp_syn_linear_timeouts"
	KeyAbortOnOverflow   = "net.ipv4.tcp_abort_on_overflow"
	KeyMigrateReq        = "net.ipv4.tcp_migrate_req"
	KeyFinTimeout        = "net.ipv4.tcp_fin_timeout"
	KeyOrphanRetries     = "net.ipv4.tcp_orphan_retries"
	KeyRetries2          = "net.ipv4.tcp_retries2"
	KeyKeepaliveTime     = "net.ipv4.tcp_keepalive_time"
	KeyKeepaliveInterval = "net.ipv4.tcp_keepalive_intvl"
	KeyKeepaliveProbes   = "net.ipv4.tcp_keepalive_probes"
	KeyTWReuse           = "net.ipv4.tcp_tw_reuse"
	KeyTWReuseDelay      = "net.ipv4.tcp_tw_reuse_delay"
	KeyTWRecycle         = "net.ipv4.tcp_tw_recycle"
	KeyMaxTWBuckets      = "net.ipv4.tcp_max_tw_buckets"
	KeyMaxOrphans        = "net.ipv4.tcp_max_orphans"
	KeyPortRange         = "net.ipv4.ip_local_port_range"
	KeyReservedPorts     = "net.ipv4.ip_local_reserved_ports"
	KeyTimestamps        = "net.ipv4.tcp_timestamps"
	KeyRFC1337           = "net.ipv4.tcp_rfc1337"
	KeyInvalidRateLimit  = "net.ipv4.tcp_invalid_ratelimit"
	KeyRTOMin            = "net.ipv4.tcp_rto_min_us"
	KeyRTOMax            = "net.ipv4.tcp_rto_max_ms"
	KeyTCPMem            = "net.ipv4.tcp_mem"
	KeyConntrackMax      = "net.netfilter.nf_conntrack_max"
	KeyNeighThresh3      = "net.ipv4.neigh.default.gc_thresh3"
	KeyNeigh6Thresh3     = "net.ipv6.neigh.default.gc_thresh3"
)

// PortRange is a range of ports, both ends included. A range whose High is
// below its Low is empty.
type PortRange struct{ Low, High uint16 }

// Size returns how many ports the range holds.
func (r PortRange) Size() int { return max(0, int(r.High)-int(r.Low)+1) }

// Has reports whether the range holds a port.
func (r PortRange) Has(port uint16) bool { return r.Low <= port && port <= r.High }

// Settings are the parameters of one namespace as far as the model needs
// them. A parameter that was not read has its default and is not [Settings.Known].
type Settings struct {
	Somaxconn         int
	NetdevMaxBacklog  int // packets per CPU
	MaxSynBacklog     int
	Syncookies        int // 0 never, 1 when the SYN queue is full, 2 always
	SynackRetries     int
	SynRetries        int
	SynLinearTimeouts int // extra SYNs one second apart; 0 where the kernel has none
	AbortOnOverflow   bool
	MigrateReq        bool
	FinTimeout        time.Duration
	OrphanRetries     int // 0 means 8
	Retries2          int
	KeepaliveTime     time.Duration
	KeepaliveInterval time.Duration
	KeepaliveProbes   int
	TWReuse           int           // 0 never, 1 always, 2 on loopback
	TWReuseDelay      time.Duration // age from which a TIME_WAIT may be reused
	MaxTWBuckets      int
	MaxOrphans        int
	PortRange         PortRange
	ReservedPorts     []PortRange // ascending, not overlapping
	Timestamps        int
	RFC1337           bool
	InvalidRateLimit  time.Duration
	RTOMin, RTOMax    time.Duration
	TCPMemPages       [3]int // low, pressure, max
	ConntrackMax      int    // 0 where connection tracking is not loaded
	NeighThresh3      int    // IPv4
	Neigh6Thresh3     int    // IPv6

	known uint64 // one bit for each entry of settingFields
}

// DefaultSettings returns what a kernel of this dialect sets at boot on a host
// with this much memory. No parameter counts as known.
func DefaultSettings(d Dialect, memoryBytes uint64) Settings {
	hash := EstablishedBuckets(memoryBytes)
	s := Settings{
		Somaxconn:         128,
		NetdevMaxBacklog:  1000,
		MaxSynBacklog:     max(128, hash/cmp.Or(d.SynBacklogDivisor, 256)),
		Syncookies:        1,
		SynackRetries:     5,
		SynRetries:        6,
		FinTimeout:        60 * time.Second,
		Retries2:          15,
		KeepaliveTime:     7200 * time.Second,
		KeepaliveInterval: 75 * time.Second,
		KeepaliveProbes:   9,
		TWReuseDelay:      time.Second,
		MaxTWBuckets:      hash / 2,
		MaxOrphans:        hash / 2,
		PortRange:         PortRange{32768, 60999},
		Timestamps:        1,
		InvalidRateLimit:  500 * time.Millisecond,
		RTOMin:            200 * time.Millisecond,
		RTOMax:            120 * time.Second,
		NeighThresh3:      1024,
		Neigh6Thresh3:     1024,
	}
	if d.WideSomaxconn {
		s.Somaxconn = 4096
	}
	if d.LinearSYN {
		s.SynLinearTimeouts = 4
	}
	if d.TWReuseDefaultLoopback {
		s.TWReuse = 2
	}
	return s
}

// EstablishedBuckets returns the size of the kernel's hash of connections: one
// bucket for each 128 KiB of memory, rounded up to a power of two, at most
// 524,288 (tcp_init, alloc_large_system_hash).
func EstablishedBuckets(memoryBytes uint64) int {
	const bucketBytes, most = 128 << 10, 524288
	n := max(1, min(memoryBytes/bucketBytes, most))
	return 1 << bits.Len64(n-1)
}

// Known reports whether a parameter was read, by its full sysctl name.
func (s Settings) Known(key string) bool {
	i := fieldIndex(key)
	return i >= 0 && s.known&(1<<i) != 0
}

// RTOBase is the initial retransmission timeout of SYN and SYN-ACK, and the
// unit of their schedules (TCP_TIMEOUT_INIT).
const RTOBase = time.Second

// rtoMax returns the longest retransmission timeout.
func (s Settings) rtoMax() time.Duration {
	if s.RTOMax <= 0 {
		return 120 * time.Second
	}
	return s.RTOMax
}

// rtoMin returns the shortest retransmission timeout.
func (s Settings) rtoMin() time.Duration {
	if s.RTOMin <= 0 {
		return 200 * time.Millisecond
	}
	return s.RTOMin
}
