package model

import (
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Actor is who must act for a connection to leave its state.
type Actor string

// The actors.
const (
	ByApplication Actor = "local application"
	ByPeer        Actor = "peer"
	ByNetwork     Actor = "network"
	ByTimer       Actor = "kernel timer"
	ByNobody      Actor = "nobody"
)

// Forever is the bound of a state that no timer ends.
const Forever = time.Duration(math.MaxInt64)

// Dwell is how long a connection may stay at one place, and who ends it.
type Dwell struct {
	Node  Node
	Actor Actor
	Waits string // what it waits for
	// Most is the longest stay while nobody acts, on exact timers; [Forever]
	// where no timer runs.
	Most time.Duration
	// Settings are the parameters that decide it.
	Settings []string
}

// Latest returns the longest stay that may be observed: the kernel's timers
// are late, never early.
func (d Dwell) Latest() time.Duration {
	if d.Most == Forever {
		return Forever
	}
	return Slack(d.Most)
}

// DwellOf returns how long a connection may stay at a place. rto is its
// retransmission timeout, or 0 for a near path.
func DwellOf(n Node, s Settings, rto time.Duration) Dwell {
	d := Dwell{Node: n, Actor: ByPeer, Most: Forever}
	switch n {
	case nodeClosed:
		d.Actor, d.Waits = ByNobody, "nothing"
	case nodeListen:
		d.Actor, d.Waits = ByApplication, "connections, until the application closes it"
	case nodeRequest:
		d.Waits, d.Settings = "the client's final ACK", []string{KeySynackRetries}
		d.Most = SynAckSchedule(s.SynackRetries, s.rtoMax()).Death
	case nodeSynSent:
		d.Waits, d.Settings = "the peer's SYN+ACK", []string{KeySynRetries, KeySynLinearTimeouts}
		d.Most = SynSchedule(s.SynRetries, s.SynLinearTimeouts, s.rtoMax()).Death
	case nodeSynRecv:
		d.Waits, d.Settings = "the peer's ACK of a simultaneous open", []string{KeySynRetries}
		d.Most = SynSchedule(s.SynRetries, 0, s.rtoMax()).Death
	case nodeEstablished:
		d.Actor, d.Waits = ByApplication, "either side to send or close"
	case nodeCloseWait:
		d.Actor, d.Waits = ByApplication, "this application to close; the peer has"
	case nodeFinWait1, nodeClosing, nodeLastAck:
		d.Waits, d.Settings = "the peer's ACK of our FIN", []string{KeyRetries2}
		d.Most = retryLife(s.Retries2, rto, s)
	case nodeFinWait1O, nodeClosingO, nodeLastAckO:
		d.Waits, d.Settings = "the peer's ACK of our FIN", []string{KeyOrphanRetries}
		d.Most = OrphanLife(s, rto)
	case nodeFinWait2:
		d.Waits = "the peer's FIN; a process still holds the socket"
	case nodeFinWait2O, nodeFinWait2T:
		orphan, object := FinWait2Life(s.FinTimeout, max(rto, nearRTO))
		d.Waits, d.Settings, d.Most = "the peer's FIN", []string{KeyFinTimeout}, object
		if n == nodeFinWait2O {
			d.Most = orphan
		}
	case nodeTimeWait:
		d.Actor, d.Waits, d.Most = ByTimer, "late segments to die out", TimeWaitLength
	}
	return d
}

// DwellIn returns the longest of all places of a state.
func DwellIn(state facts.State, s Settings) time.Duration {
	if state == facts.FinWait2 {
		orphan, object := FinWait2Life(s.FinTimeout, nearRTO)
		return orphan + object
	}
	var most time.Duration
	for _, n := range Nodes() {
		if n.State == state {
			most = max(most, DwellOf(n, s, 0).Most)
		}
	}
	return most
}

// Population returns how many connections a state holds when this many enter
// it per second and each stays for this long (Little's law). A state without a
// bound has no expected population.
func Population(perSecond float64, stay time.Duration) float64 {
	if perSecond <= 0 {
		return 0
	}
	if stay == Forever {
		return math.Inf(1)
	}
	return perSecond * stay.Seconds()
}

// PileUp reports whether a state holds more connections than the rate at which
// they enter explains, with a factor to spare for bursts.
func PileUp(count int, perSecond float64, stay time.Duration, factor float64) bool {
	return float64(count) > factor*Population(perSecond, stay)
}
