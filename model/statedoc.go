package model

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// StateDoc explains one state in a paragraph each.
type StateDoc struct {
	State facts.State
	Name  string // as tools write it: FIN_WAIT2
	// Meaning says what the state is, Linux's own objects included.
	Meaning string
	// Next says who must act for it to end.
	Next string
	// PileUp says what many of them mean.
	PileUp string
	// RFC is where the state is defined.
	RFC string
}

// States returns the documentation of every state that tools show.
func States() []StateDoc { return append([]StateDoc(nil), stateDocs...) }

// FindState returns the documentation of a state by its name, in any case and
// with dashes, underscores or neither: "close-wait", "TIMEWAIT", "SYN-RECEIVED".
func FindState(name string) (StateDoc, bool) {
	want := plainName(name)
	for short, long := range stateAliases {
		if want == short {
			want = long
		}
	}
	for _, d := range stateDocs {
		if plainName(d.Name) == want {
			return d, true
		}
	}
	return StateDoc{}, false
}

// stateAliases are the names of other tools and of the RFC, plain.
var stateAliases = map[string]string{
	"ESTAB": "ESTABLISHED", "SYNRECEIVED": "SYNRECV", "CLOSE": "CLOSED", "UNCONN": "BOUNDINACTIVE", "LISTENING": "LISTEN",
}

func plainName(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToUpper(s))
}

// HowLong says how long the state may last under these settings.
func (d StateDoc) HowLong(s Settings) string {
	var parts []string
	for _, n := range Nodes() {
		if n.State != d.State || d.State == facts.Close {
			continue
		}
		w := DwellOf(n, s, 0)
		text := "no limit"
		if w.Most != Forever {
			text = fmt.Sprintf("%s at most", roundly(w.Most))
		}
		if w.Most == 0 {
			continue // FIN_WAIT2 as an orphan, unless tcp_fin_timeout is above 60 s
		}
		if label := howLongLabels[n]; label != "" {
			text = label + ": " + text
		}
		if len(w.Settings) > 0 {
			names := make([]string, len(w.Settings))
			for i, k := range w.Settings {
				names[i] = k[strings.LastIndexByte(k, '.')+1:]
			}
			text += " (" + strings.Join(names, ", ") + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "it is not a state of a connection"
	}
	return strings.Join(parts, "; ")
}

// howLongLabels tells the objects of one state apart.
var howLongLabels = map[Node]string{
	nodeRequest: "half-open entry of a listener", nodeSynRecv: "simultaneous open",
	nodeFinWait1: "still held by a process", nodeFinWait1O: "closed by its process",
	nodeFinWait2: "still held by a process", nodeFinWait2O: "closed by its process, first as a socket",
	nodeFinWait2T: "closed by its process", nodeClosing: "still held by a process", nodeClosingO: "closed by its process",
	nodeLastAck: "still held by a process", nodeLastAckO: "closed by its process",
}

// roundly prints a duration in whole seconds, as people say it.
func roundly(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return amount(d.Seconds(), "s")
	case d < 10*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

var stateDocs = []StateDoc{
	{facts.Close, "CLOSED",
		"There is no connection. A socket that was never connected, or whose connection ended, is in this state; Linux does not list it.",
		"Nobody.", "It cannot pile up; sockets that are bound but not connected are listed as BOUND_INACTIVE.", "RFC 9293, 3.3.2"},
	{facts.Listen, "LISTEN",
		"A socket waits for connections. Its receive queue is the number of finished connections that no accept() has taken, its send queue the limit: min(backlog, somaxconn) when listen() was called. One more than the limit fits. Half-open connections are kept beside it and shown as SYN_RECV.",
		"The application, by accept().",
		"A receive queue above the limit means that the application does not accept fast enough: new connections are dropped silently and clients repeat their SYN.",
		"RFC 9293, 3.3.2; 3.10.7.2"},
	{facts.SynSent, "SYN_SENT",
		"connect() has sent a SYN and waits for the answer. The SYN is repeated after a second, on newer kernels four more times a second apart, then at doubling intervals.",
		"The peer, or the network on the way to it.",
		"Many to one destination mean that it is down, that a filter drops the SYNs or the answers, or that its accept queue is full.",
		"RFC 9293, 3.5; RFC 6298"},
	{facts.SynRecv, "SYN_RECV",
		"A SYN was answered by SYN+ACK and the final ACK has not come. For a listener Linux keeps only a small entry (NEW_SYN_RECV) without a socket, owner or process. A full socket is in this state only when both sides connected at once.",
		"The client, by its ACK; the kernel repeats the SYN+ACK and gives up by itself.",
		"Entries near the listen backlog from many sources that never answer are a SYN flood; entries with repeats from few sources mean that the answers are lost; entries while the accept queue is full are clients whose ACK was dropped.",
		"RFC 9293, 3.5; RFC 4987"},
	{facts.Established, "ESTABLISHED",
		"Both sides may send. A connection that waits in an accept queue is in this state too, but belongs to no process yet.",
		"Either application, by sending or closing. If the peer has vanished nothing notices an idle connection unless the application asked for keepalive.",
		"Many idle ones may be a pool, or peers that are gone; the kernel cannot tell these apart.",
		"RFC 9293, 3.3.2; 3.8"},
	{facts.FinWait1, "FIN_WAIT1",
		"This side closed first; its FIN is queued, perhaps behind data that the peer does not take, and not acknowledged. After close() the socket is an orphan: it belongs to no process.",
		"The peer, by acknowledging.",
		"Many with repeats mean that the peers are gone; many that probe a closed window mean that the peers do not read: they can stay for minutes whatever tcp_orphan_retries says.",
		"RFC 9293, 3.3.2; 3.6"},
	{facts.FinWait2, "FIN_WAIT2",
		"This side closed first, the peer has acknowledged and not closed. Without an owner Linux keeps only a small object of the TIME_WAIT kind, for tcp_fin_timeout; above 60 s it waits twice the excess over 60 s instead. A socket that only shut down its sending side waits without a limit.",
		"The peer, by closing; it shows CLOSE_WAIT meanwhile.",
		"Many without an owner mean peers that do not close; many with an owner mean that this application shut down and waits.",
		"RFC 9293, 3.3.2; 3.6"},
	{facts.CloseWait, "CLOSE_WAIT",
		"The peer has closed; this application has not. An unread byte (the FIN counts as one) means that it has not even read to the end; none means that it read the end and kept the descriptor.",
		"This application, by close().",
		"A growing number is a leak in this application. No kernel setting helps; it ends when the process closes, is restarted, or runs out of descriptors.",
		"RFC 9293, 3.3.2; 3.6"},
	{facts.Closing, "CLOSING",
		"Both sides closed at the same time: the FINs crossed and ours is not acknowledged yet.",
		"The peer, by acknowledging.", "It is rare and short; many mean that the path breaks while connections close.", "RFC 9293, 3.6"},
	{facts.LastAck, "LAST_ACK",
		"The peer closed first, this side has closed now and waits for the ACK of its FIN.",
		"The peer, by acknowledging.",
		"Many with repeats mean that the peers disappeared after closing, or that a filter drops the FIN or its ACK.",
		"RFC 9293, 3.3.2; 3.6"},
	{facts.TimeWait, "TIME_WAIT",
		"The connection is over. The side that closed first keeps its numbers for 60 s so that late segments cannot reach a new connection and the peer's last FIN is answered. It costs about 256 bytes and no process. The length is compiled in; tcp_fin_timeout does not change it.",
		"The kernel's timer.",
		"Thousands are normal on a busy host. They matter only where this side connects so often to one address and port that local ports run out, or where tcp_max_tw_buckets is reached.",
		"RFC 9293, 3.3.2; 3.6.1; RFC 1337; RFC 6191"},
	{facts.NewSynRecv, "NEW_SYN_RECV",
		"The kernel's own name of a half-open entry of a listener. Tools show it as SYN_RECV.",
		"The client, by its ACK.", "See SYN_RECV.", "Linux: include/net/tcp_states.h"},
	{facts.BoundInactive, "BOUND_INACTIVE",
		"A socket is bound to a port and neither listens nor is connected. Linux lists it since 6.8, on request, as CLOSED.",
		"The application, by listen(), connect() or close().",
		"Each holds a port of the ephemeral range away from every connect() in its namespace, whatever its address.",
		"Linux: include/net/tcp_states.h"},
	{facts.State(0), "UNKNOWN",
		"The kernel reported a number that is none of its states, or a tool could not read it. It is no state of TCP.",
		"Nobody.", "It points at a tool that is older than the kernel.", "none"},
}
