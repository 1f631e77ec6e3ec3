package model

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Change is one parameter of one namespace set to another value.
type Change struct {
	Key   string // full sysctl name
	Value string // as it would be written
	// Relisten tells that the application calls listen() again afterwards, by
	// a reload or a restart.
	Relisten bool
	// Listener is the one to judge; nil means the one that refuses most.
	Listener *Listener
	// Destination is the one to judge; nil means the one shortest of ports.
	Destination *Destination
}

// Predict returns what a change would do about what is wrong in a namespace.
// A parameter that is not modelled gets [Unknown].
func Predict(n *Namespace, c Change) Effect {
	if e, done := predictFixed(c); done {
		return e
	}
	after, err := n.Settings.With(c.Key, c.Value)
	if err != nil {
		if fieldIndex(c.Key) < 0 {
			return effectf(Unknown, nil, "%s is not modelled", c.Key)
		}
		return effect(Unknown, strings.TrimPrefix(err.Error(), "model: "))
	}
	if !n.Settings.Known(c.Key) {
		return effectf(Unknown, nil, "the present value of %s could not be read", c.Key)
	}
	for _, p := range changePredictors {
		if p.key == c.Key {
			return p.predict(n, c, after)
		}
	}
	return effectf(Unknown, nil, "the model has no prediction for %s", c.Key)
}

// changePredictor is the prediction for one parameter.
type changePredictor struct {
	key     string
	predict func(n *Namespace, c Change, after Settings) Effect
}

// changePredictors is the table [Predict] works from.
var changePredictors = []changePredictor{
	{KeySomaxconn, predictSomaxconn},
	{KeyAbortOnOverflow, func(n *Namespace, c Change, after Settings) Effect {
		return PredictAccept(n.AcceptLoad(n.listenerOf(c)), AcceptChange{AbortOnOverflow: facts.Some(after.AbortOnOverflow)})
	}},
	{KeyMaxSynBacklog, func(n *Namespace, c Change, after Settings) Effect {
		return PredictSyn(n.SynLoad(n.listenerOf(c)), SynChange{MaxSynBacklog: facts.Some(after.MaxSynBacklog)}, n.Dialect)
	}},
	{KeySyncookies, func(n *Namespace, c Change, after Settings) Effect {
		return PredictSyn(n.SynLoad(n.listenerOf(c)), SynChange{Syncookies: facts.Some(after.Syncookies)}, n.Dialect)
	}},
	{KeySynackRetries, func(n *Namespace, c Change, after Settings) Effect {
		return PredictSyn(n.SynLoad(n.listenerOf(c)), SynChange{SynackRetries: facts.Some(after.SynackRetries)}, n.Dialect)
	}},
	{KeySynRetries, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictSynRetries(n.dialLoad(), n.Settings, after.SynRetries)
	}},
	{KeyPortRange, func(n *Namespace, c Change, after Settings) Effect {
		return n.predictPorts(c, PortChange{Range: facts.Some(after.PortRange)})
	}},
	{KeyReservedPorts, func(n *Namespace, c Change, after Settings) Effect {
		return n.predictPorts(c, PortChange{Reserved: facts.Some(after.ReservedPorts)})
	}},
	{KeyTWReuse, func(n *Namespace, c Change, after Settings) Effect {
		return n.predictPorts(c, PortChange{TWReuse: facts.Some(after.TWReuse)})
	}},
	{KeyTWReuseDelay, func(n *Namespace, c Change, after Settings) Effect {
		return n.predictPorts(c, PortChange{TWReuseDelay: facts.Some(after.TWReuseDelay)})
	}},
	{KeyTimestamps, func(n *Namespace, c Change, after Settings) Effect {
		return n.predictPorts(c, PortChange{Timestamps: facts.Some(after.Timestamps)})
	}},
	{KeyFinTimeout, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictFinTimeout(n.FinWait2Load(), n.Settings.FinTimeout, after.FinTimeout)
	}},
	{KeyMaxTWBuckets, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictTimeWait(n.TimeWaitLoad(), TimeWaitChange{MaxBuckets: facts.Some(after.MaxTWBuckets)}, n.Settings)
	}},
	{KeyOrphanRetries, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictOrphanRetries(n.LingerLoad(), n.Settings, after.OrphanRetries)
	}},
	{KeyRetries2, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictRetries2(int(n.End.Census.Classes[facts.ClassRetransmit].Total), n.Settings, after.Retries2)
	}},
	{KeyKeepaliveTime, predictKeepaliveChange},
	{KeyKeepaliveInterval, predictKeepaliveChange},
	{KeyKeepaliveProbes, predictKeepaliveChange},
	{KeyMaxOrphans, func(n *Namespace, _ Change, after Settings) Effect {
		rate, _ := n.Rate(string(CTCPAbortOnMemory))
		return PredictLimit(LimitLoad{
			Used: n.shared("sockstat.TCP.orphan"), Limit: float64(n.Settings.MaxOrphans),
			RefusedPerSecond: rate, Critical: true,
		}, float64(after.MaxOrphans))
	}},
	{KeyTCPMem, func(n *Namespace, _ Change, after Settings) Effect {
		rate, _ := n.Rate(string(CTCPRcvQDrop))
		return PredictLimit(LimitLoad{
			Used: n.shared("sockstat.TCP.mem"), Limit: float64(n.Settings.TCPMemPages[2]),
			RefusedPerSecond: rate, Critical: true,
		}, float64(after.TCPMemPages[2]))
	}},
	{KeyConntrackMax, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictLimit(LimitLoad{
			Used: n.gauge("conntrack.count"), Limit: float64(n.Settings.ConntrackMax),
			RefusedPerSecond: n.sharedRate("conntrack.drop"),
		}, float64(after.ConntrackMax))
	}},
	{KeyNeighThresh3, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictLimit(LimitLoad{
			Used: n.shared("neighbour.arp.entries"), Limit: float64(n.Settings.NeighThresh3),
			RefusedPerSecond: n.sharedRate("neighbour.arp.table_fulls"),
		}, float64(after.NeighThresh3))
	}},
	{KeyNeigh6Thresh3, func(n *Namespace, _ Change, after Settings) Effect {
		return PredictLimit(LimitLoad{
			Used: n.shared("neighbour.ndisc.entries"), Limit: float64(n.Settings.Neigh6Thresh3),
			RefusedPerSecond: n.sharedRate("neighbour.ndisc.table_fulls"),
		}, float64(after.Neigh6Thresh3))
	}},
	{KeyNetdevMaxBacklog, func(n *Namespace, _ Change, after Settings) Effect {
		drops := n.sharedRate("softnet.dropped")
		return PredictLimit(LimitLoad{Limit: float64(n.Settings.NetdevMaxBacklog), RefusedPerSecond: drops, Critical: true},
			float64(after.NetdevMaxBacklog))
	}},
}

// predictSomaxconn judges both queues that the listen backlog bounds.
func predictSomaxconn(n *Namespace, c Change, after Settings) Effect {
	l := n.listenerOf(c)
	if l == nil {
		return effect(NoEffect, "nothing listens here")
	}
	load := n.AcceptLoad(l)
	accept := PredictAccept(load, AcceptChange{Somaxconn: facts.Some(after.Somaxconn), Relisten: c.Relisten})
	syn := n.SynLoad(l)
	full := HalfOpenCapacity(int(l.Limit), n.Settings.MaxSynBacklog, n.Settings.Syncookies, false, n.Dialect)
	refuses := syn.DropsPerSecond > 0 || syn.HalfOpen >= full
	if accept.Verdict != NoEffect || load.DropsPerSecond > 0 || !refuses || int(l.Limit) < n.Settings.Somaxconn {
		return accept
	}
	return PredictSyn(syn, SynChange{Limit: facts.Some(after.Somaxconn), Relisten: c.Relisten}, n.Dialect)
}

func predictKeepaliveChange(n *Namespace, _ Change, after Settings) Effect {
	// INET_DIAG shows the keepalive timer of the sampled connections only.
	class := n.End.Census.Classes[facts.ClassEstablished]
	l := KeepaliveLoad{Idle: int(class.Total)}
	for _, s := range class.Samples {
		if s.Timer == facts.TimerKeepalive {
			l.Enabled++
		}
	}
	return PredictKeepalive(l, n.Settings, after)
}

func (n *Namespace) predictPorts(c Change, p PortChange) Effect {
	d := c.Destination
	if d == nil {
		d = n.shortestOfPorts()
	}
	return PredictPorts(n.PortLoad(d), p, n.Settings, n.Dialect)
}

// fixedEffect is a parameter whose prediction does not depend on the load.
type fixedEffect struct {
	key     string
	applies func(value int64) bool
	verdict Verdict
	reason  string
}

func anyValue(int64) bool   { return true }
func zero(v int64) bool     { return v == 0 }
func oneOrTwo(v int64) bool { return v == 1 || v == 2 }

// fixedEffects holds the parameters that are gone or inert, and the values
// that break something on any host.
var fixedEffects = []fixedEffect{
	{KeyTWRecycle, anyValue, NoEffect, "tcp_tw_recycle was removed in Linux 4.12; before, it cut off clients behind NAT"},
	{"net.ipv4.tcp_low_latency", anyValue, NoEffect, "tcp_low_latency does nothing since Linux 4.14"},
	{"net.ipv4.tcp_fack", anyValue, NoEffect, "tcp_fack does nothing any more"},
	{"net.ipv4.route.max_size", anyValue, NoEffect, "IPv4 has had no route cache since Linux 3.6"},
	{"net.ipv4.tcp_sack", zero, Harmful, "without selective acknowledgement the loss of several segments stalls a connection"},
	{"net.ipv4.tcp_dsack", zero, Harmful, "without duplicate-SACK needless retransmissions are not noticed"},
	{"net.ipv4.tcp_window_scaling", zero, Harmful, "without window scaling no connection has more than 64 KiB in flight"},
	{"net.ipv4.tcp_moderate_rcvbuf", zero, Harmful, "without autotuning the receive window stays near 64 KiB"},
	{"net.ipv4.ip_no_pmtu_disc", oneOrTwo, Harmful, "without path MTU discovery packets are fragmented"},
	{"net.ipv4.tcp_fastopen", func(v int64) bool { return v&0x204 != 0 }, Harmful, "Fast Open without a cookie lets spoofed sources make a server work"},
	{"net.ipv4.tcp_challenge_ack_limit", func(v int64) bool { return v < 1000 }, Harmful, "a low limit of challenge ACKs is a side channel to anybody off the path"},
}

func predictFixed(c Change) (Effect, bool) {
	value, err := strconv.ParseInt(strings.TrimSpace(c.Value), 10, 64)
	for _, f := range fixedEffects {
		if f.key == c.Key && err == nil && f.applies(value) {
			return effect(f.verdict, f.reason), true
		}
	}
	return Effect{}, false
}

// String words the change for messages: "net.core.somaxconn=4096".
func (c Change) String() string {
	s := fmt.Sprintf("%s=%s", c.Key, c.Value)
	if c.Relisten {
		s += " and listen() again"
	}
	return s
}
