package facts

import "fmt"

// State is a TCP state under the number the kernel gives it
// (include/net/tcp_states.h), which is also its bit in an INET_DIAG request.
type State uint8

// The states that INET_DIAG reports. A request socket in the kernel's
// NEW_SYN_RECV is reported as SynRecv.
const (
	Established State = 1 + iota
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	Closing
	NewSynRecv
	BoundInactive // only as a bit of a request; such sockets report Close

	// StateCount is one more than the highest state number, for arrays.
	StateCount = int(BoundInactive) + 1
)

var stateNames = [StateCount]string{
	"unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",
	"time_wait", "close", "close_wait", "last_ack", "listen", "closing",
	"new_syn_recv", "bound_inactive",
}

// String returns the spelling used in metrics and reports: close_wait.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state_%d", uint8(s))
}

// MarshalText writes the state by name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state by name.
func (s *State) UnmarshalText(b []byte) error {
	for i, n := range stateNames {
		if n == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("facts: unknown TCP state %q", b)
}

// States is a set of states, one bit each, as an INET_DIAG request carries it.
type States uint32

// StateSet returns the set of the given states.
func StateSet(states ...State) States {
	var m States
	for _, s := range states {
		m |= 1 << s
	}
	return m
}

// AllStates asks for every socket, bound ones included.
const AllStates States = 1<<StateCount - 2

// Has reports whether the set holds s.
func (m States) Has(s State) bool { return m&(1<<s) != 0 }

// Timer is what an INET_DIAG reply says is armed on a socket.
type Timer uint8

// The timers of an INET_DIAG reply.
const (
	TimerNone       Timer = iota
	TimerRetransmit       // retransmission or tail loss probe
	TimerKeepalive        // keepalive, or the FIN_WAIT2 wait of an orphan
	TimerTimeWait         // a TIME_WAIT object, also with FIN_WAIT2 substate
	TimerZeroWindow       // zero-window probes
)

// Family is an address family: 4 or 6.
type Family uint8

// The two families TCP runs over.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "ipv4" or "ipv6".
func (f Family) String() string { return fmt.Sprintf("ipv%d", uint8(f)) }
