package lab

import (
	"net/netip"
	"time"
)

// Conduct is what an actor does with a connection. The zero value is the
// well-behaved one of its role.
type Conduct string

// What a [Server] does with a connection it has accepted.
const (
	// Serve reads until the client has finished and then closes.
	Serve Conduct = ""
	// CloseFirst closes without waiting for the client, which must not send.
	CloseFirst Conduct = "close-first"
	// Leak reads until the client has finished and never closes.
	Leak Conduct = "leak"
	// Ignore neither reads nor closes.
	Ignore Conduct = "ignore"
	// Stream keeps sending, also after the client has finished.
	Stream Conduct = "stream"
)

// What a [Client] does with a connection once it stands and Hold has passed.
const (
	// Hang closes.
	Hang Conduct = ""
	// Abort closes with a reset (SO_LINGER of 0 s).
	Abort Conduct = "abort"
	// HalfClose says that it has finished and goes on reading.
	HalfClose Conduct = "half-close"
	// Await waits for the server to close first.
	Await Conduct = "await"
)

// Server is a process that listens and accepts. Its zero value, given something
// to listen on, is a healthy server.
type Server struct {
	// Comm is the name that the process shows, at most 15 bytes; may be empty.
	Comm string `json:"comm,omitempty"`
	// Listen has the addresses to listen on.
	Listen []netip.AddrPort `json:"listen"`
	// Backlog is what the process asks listen() for. With [Actor.Update] a new
	// value means a new listen().
	Backlog int `json:"backlog"`
	// AcceptPerSecond bounds the accepts; 0 means as they come.
	AcceptPerSecond int `json:"accept_per_second,omitempty"`
	// Stalled stops accepting.
	Stalled bool `json:"stalled,omitempty"`
	// Descriptors is the soft limit of open files; 0 keeps what there is.
	Descriptors uint64 `json:"descriptors,omitempty"`
	// DeferAccept sets TCP_DEFER_ACCEPT, in whole seconds; 0 leaves it off.
	DeferAccept time.Duration `json:"defer_accept,omitempty"`
	// Conduct is what happens to an accepted connection.
	Conduct Conduct `json:"conduct,omitempty"`
	// Delay is how long Serve and CloseFirst wait before they close, and the
	// pause between two sends of Stream.
	Delay time.Duration `json:"delay,omitempty"`
}

// Client is a process that makes connections.
type Client struct {
	// Comm is the name that the process shows, at most 15 bytes; may be empty.
	Comm string `json:"comm,omitempty"`
	// To is where it connects.
	To netip.AddrPort `json:"to"`
	// From is the address to connect from; may be left out. The port is
	// chosen by the kernel.
	From netip.Addr `json:"from,omitzero"`
	// PerSecond is the rate of new connections; 0 means as fast as it goes.
	PerSecond int `json:"per_second,omitempty"`
	// Burst is how many are started at a time; 0 stands for 1.
	Burst int `json:"burst,omitempty"`
	// Pending bounds those that wait for an answer; 0 stands for 128.
	Pending int `json:"pending,omitempty"`
	// Total ends the making of connections; 0 means never.
	Total int `json:"total,omitempty"`
	// GiveUp is how long to wait for an answer; 0 stands for a minute.
	GiveUp time.Duration `json:"give_up,omitempty"`
	// Send is how many bytes to send on a new connection.
	Send int `json:"send,omitempty"`
	// Hold is how long to wait before Conduct. Negative means for ever.
	Hold time.Duration `json:"hold,omitempty"`
	// Conduct is how a connection ends.
	Conduct Conduct `json:"conduct,omitempty"`
	// BindFirst and BindLast are ports to bind sockets to before anything
	// else; those that are taken are passed over. 0 binds none.
	BindFirst uint16 `json:"bind_first,omitempty"`
	BindLast  uint16 `json:"bind_last,omitempty"`
	// WalkFirst and WalkLast are ports to go through once, one for each new
	// connection, before the choice is left to the kernel. It spares the kernel
	// the search, which takes milliseconds for each connection once half of a
	// large range is used. Kernels before 6.3 search all the same.
	WalkFirst uint16 `json:"walk_first,omitempty"`
	WalkLast  uint16 `json:"walk_last,omitempty"`
	// Paused stops the making of connections.
	Paused bool `json:"paused,omitempty"`
}

// Status is what an actor tells about itself while it runs. All counts are
// since its start, except the present ones: Open and Waiting.
type Status struct {
	// Ready is set once a server listens, or a client has bound its ports.
	Ready bool `json:"ready"`
	// Open is how many connections the process has now.
	Open int `json:"open"`
	// Ended is how many of them the other side has finished.
	Ended int `json:"ended"`
	// Accepted counts the connections a server took.
	Accepted int `json:"accepted,omitempty"`
	// NoDescriptor counts accepts or connects that failed for want of a descriptor.
	NoDescriptor int `json:"no_descriptor,omitempty"`
	// Bound is how many ports a client has bound.
	Bound int `json:"bound,omitempty"`
	// Waiting is how many connects of a client wait for an answer now.
	Waiting int `json:"waiting,omitempty"`
	// Attempts counts the connects of a client, and the next five what came of them.
	Attempts  int `json:"attempts,omitempty"`
	Connected int `json:"connected,omitempty"`
	Refused   int `json:"refused,omitempty"`
	GaveUp    int `json:"gave_up,omitempty"`
	NoPort    int `json:"no_port,omitempty"` // EADDRNOTAVAIL
	Failed    int `json:"failed,omitempty"`  // for any other reason
	// Broken counts established connections that ended with an error.
	Broken int `json:"broken,omitempty"`
	// Error is why the actor could not play its part.
	Error string `json:"error,omitempty"`
}

// part is what the process that starts an actor tells it.
type part struct {
	Server *Server `json:"server,omitempty"`
	Client *Client `json:"client,omitempty"`
	// Life bounds the actor even if nobody ends it.
	Life time.Duration `json:"life"`
}
