package conformance

import (
	"net/netip"
	"time"
)

// Errno is the name of an error that a system call returned: "ECONNREFUSED".
// It is empty where the call succeeded.
type Errno string

// inProgress is what connect() returns that will take a while.
const inProgress Errno = "EINPROGRESS"

// Socket is a TCP socket that this process holds in one of the namespaces. No
// call on it blocks. It is not safe for concurrent use.
type Socket struct {
	side *Side
	fd   int // -1 once closed
}

// The options of a socket that scenarios set, in the terms of the sockets API.
type option int

const (
	optReuseAddr   option = iota // SO_REUSEADDR
	optReusePort                 // SO_REUSEPORT
	optKeepalive                 // SO_KEEPALIVE
	optLinger2                   // TCP_LINGER2, seconds
	optSynCount                  // TCP_SYNCNT
	optDeferAccept               // TCP_DEFER_ACCEPT, seconds
	optLateBind                  // IP_BIND_ADDRESS_NO_PORT
)

// Listen opens a listener on all addresses of the family at a port.
func (s *Side) Listen(port uint16, backlog int, options ...Option) *Socket {
	l := s.Socket(options...)
	l.Must("bind", l.Bind(netip.AddrPortFrom(s.c.Family.Wildcard(), port)))
	l.Must("listen", l.Listen(backlog))
	return l
}

// Option is an option of a socket and its value.
type Option struct {
	option option
	value  int
}

// Dial opens a socket and begins a connection.
func (s *Side) Dial(to netip.AddrPort, options ...Option) *Socket {
	d := s.Socket(options...)
	if err := d.Connect(to); err != inProgress {
		d.Must("connect", err)
	}
	return d
}

// Must fails the case if a call did not succeed.
func (k *Socket) Must(call string, err Errno) {
	if err != "" {
		k.side.c.Fail(&CallError{Call: call, Errno: err})
	}
}

// CallError is a system call of the scenario that failed against its expectation.
type CallError struct {
	Call  string
	Errno Errno
}

// Error names the call and the error.
func (e *CallError) Error() string { return "conformance: " + e.Call + ": " + string(e.Errno) }

// patience is how long a scenario waits for what should come at once.
const patience = 5 * time.Second
