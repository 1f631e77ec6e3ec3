package model

// AcceptLimit returns the accept-queue limit B that listen() sets: the
// application's backlog, cut to somaxconn. A negative backlog counts as
// unsigned, so it means somaxconn (__sys_listen).
func AcceptLimit(backlog, somaxconn int) int {
	if backlog < 0 {
		return somaxconn
	}
	return min(backlog, somaxconn)
}

// AcceptCapacity returns how many connections fit into an accept queue of
// limit B: one more than that, because full means length > B
// (sk_acceptq_is_full).
func AcceptCapacity(limit int) int { return limit + 1 }

// AcceptQueue is the accept queue of one listener at one moment.
type AcceptQueue struct {
	Limit           int // B, as INET_DIAG shows it in the send-queue field
	Length          int // A, as INET_DIAG shows it in the receive-queue field
	AbortOnOverflow bool
}

// Full reports whether the next connection would be refused.
func (q AcceptQueue) Full() bool { return q.Length >= AcceptCapacity(q.Limit) }

// Room returns how many more connections fit. It is negative after a listen()
// that lowered the limit below the length.
func (q AcceptQueue) Room() int { return AcceptCapacity(q.Limit) - q.Length }

// AcceptArrival is what reaches a listener and needs room in its accept queue.
type AcceptArrival uint8

// The arrivals that test the accept queue.
const (
	ArrivalSYN       AcceptArrival = iota // a new SYN
	ArrivalStoredACK                      // the final ACK, or data, of a stored request
	ArrivalCookieACK                      // the final ACK of a SYN cookie
)

// AcceptOutcome is what the kernel does with an arrival.
type AcceptOutcome struct {
	Dropped bool // nothing happens to the sender
	Reset   bool // the sender gets a RST
	// RequestStays tells whether a half-open entry remains, so that SYN-ACKs
	// go on and a later ACK may still succeed.
	RequestStays bool
	Counters     []Counter
	// ListenerDrops is by how much the listener's own drop counter rises.
	ListenerDrops int
	// Child tells whether a connection enters the queue.
	Child bool
}

// acceptFullRule is one row of the table of refusals by a full accept queue.
type acceptFullRule struct {
	arrival AcceptArrival
	abort   bool // tcp_abort_on_overflow
	outcome AcceptOutcome
}

// acceptFullRules is what a full accept queue does (tcp_conn_request,
// tcp_check_req, tcp_v4_syn_recv_sock). tcp_abort_on_overflow acts on the
// final ACK of a stored request only.
var acceptFullRules = []acceptFullRule{
	{ArrivalSYN, false, AcceptOutcome{Dropped: true, Counters: []Counter{CListenOverflows, CListenDrops}, ListenerDrops: 1}},
	{ArrivalSYN, true, AcceptOutcome{Dropped: true, Counters: []Counter{CListenOverflows, CListenDrops}, ListenerDrops: 1}},
	{ArrivalStoredACK, false, AcceptOutcome{Dropped: true, RequestStays: true, Counters: []Counter{CListenOverflows, CListenDrops}, ListenerDrops: 2}},
	{ArrivalStoredACK, true, AcceptOutcome{Reset: true, Counters: []Counter{CListenOverflows, CListenDrops, CEmbryonicRsts, COutRsts}, ListenerDrops: 2}},
	{ArrivalCookieACK, false, AcceptOutcome{Dropped: true, Counters: []Counter{CSyncookiesRecv, CListenOverflows, CListenDrops}, ListenerDrops: 1}},
	{ArrivalCookieACK, true, AcceptOutcome{Dropped: true, Counters: []Counter{CSyncookiesRecv, CListenOverflows, CListenDrops}, ListenerDrops: 1}},
}

// acceptRoom is what happens to each arrival while there is room. A SYN goes on
// to the SYN queue's own rules ([SynQueue.Decide]).
var acceptRoom = [...]AcceptOutcome{
	ArrivalSYN:       {RequestStays: true},
	ArrivalStoredACK: {Child: true, Counters: []Counter{CPassiveOpens, CCurrEstabPlus}},
	ArrivalCookieACK: {Child: true, Counters: []Counter{CSyncookiesRecv, CPassiveOpens, CCurrEstabPlus}},
}

// Arrive returns what the kernel does with an arrival at this queue.
func (q AcceptQueue) Arrive(a AcceptArrival) AcceptOutcome {
	if !q.Full() {
		return acceptRoom[a]
	}
	for _, r := range acceptFullRules {
		if r.arrival == a && r.abort == q.AbortOnOverflow {
			return r.outcome
		}
	}
	return AcceptOutcome{Dropped: true}
}

// GroupAcceptance returns how many of n simultaneous connections a SO_REUSEPORT
// group refuses while nobody accepts, given how many the hash sent to each
// member: a full member refuses although its siblings have room.
func GroupAcceptance(limits, sent []int) (accepted, refused int) {
	for i, n := range sent {
		fit := min(n, AcceptCapacity(limits[i]))
		accepted += fit
		refused += n - fit
	}
	return accepted, refused
}

// GroupMemberCloses returns what happens to the queued connections of one
// member of a SO_REUSEPORT group when it closes: they are reset, unless
// tcp_migrate_req moves them to the members that are left, whose limits nobody
// asks then (inet_csk_listen_stop, inet_csk_reqsk_queue_add). The counters rise
// once for each connection.
func GroupMemberCloses(queued, siblings int, migrate bool) (moved, reset int, counters []Counter) {
	switch {
	case migrate && siblings > 0:
		return queued, 0, []Counter{CTCPMigrateReqSuccess}
	case migrate:
		return 0, queued, []Counter{CTCPMigrateReqFailure, COutRsts, CEstabResets, CCurrEstabMinus}
	}
	return 0, queued, []Counter{COutRsts, CEstabResets, CCurrEstabMinus}
}
