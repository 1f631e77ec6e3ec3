package sysctl

import (
	"math"
	"strconv"
)

// halfHash is the default of limits that are half of the established hash's size
// (tcp_init).
func halfHash(e Env) (Default, bool) {
	n, ok := e.ehash()
	return Default{strconv.FormatUint(n/2, 10), true}, ok
}

var groupClose = Group{Name: "close", Title: "Closing connections and TIME_WAIT", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_fin_timeout", Title: "how long an orphaned connection waits in FIN_WAIT2",
		Type: TypeInt, Unit: Seconds, Range: Range{1, 3600}, Default: always("60"),
		KernelCheck: "0 and negative numbers are accepted, very large ones refused", Scope: ScopeNetns, NetnsSince: since(4, 6),
		Takes: TakesClose, Risk: RiskSafe,
		Solves:      "orphans in FIN_WAIT2 whose peer never closes; at least 3.5 retransmission timeouts; above 60 it is 2·(value-60) s",
		SideEffects: "none on TIME_WAIT, which is fixed at 60 s", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_tw_reuse", Title: "take a port out of TIME_WAIT for a new outgoing connection: 0 no, 1 yes, 2 loopback only",
		Type: TypeInt, Range: Range{0, 2}, Default: stepped("0", step{since(4, 19), "2"}),
		Choice: true, KernelCheck: "0 to 2 by 5.4, before that anything", Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14), Takes: TakesConnect, Risk: RiskCaution,
		Solves:      "outgoing connections running out of local ports",
		SideEffects: "needs timestamps at both ends; does nothing for accepted connections", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_tw_reuse_delay", Title: "how old a TIME_WAIT entry must be before its port is taken",
		Type: TypeInt, Unit: Milliseconds, Range: Range{1, 60000}, Default: always("1000"), KernelCheck: "1 to 60000",
		Scope: ScopeNetns, Takes: TakesConnect, Risk: RiskCaution, Solves: "the rate at which ports come back",
		SideEffects: "below the tick of the peer's timestamps new connections are taken for old ones", Doc: docIP, Source: measured,
		Added: by(6, 12, 6, 14), Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_max_tw_buckets", Title: "upper bound of TIME_WAIT entries",
		Type: TypeInt, Unit: Connections, Range: Range{1024, math.MaxInt32},
		Default:     computed("half of the established hash's buckets, at most 262144", halfHash),
		KernelCheck: unchecked, Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14), Takes: TakesLive,
		Risk: RiskSafe, RiskLower: RiskDangerous, RiskRaise: RiskSafe,
		Solves:      "connections closed without TIME_WAIT (TCPTimeWaitOverflow)",
		SideEffects: "256 bytes an entry; beyond the bound a connection closes at once and its late packets hit whoever comes next",
		Doc:         docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_max_orphans", Title: "upper bound of closed but unfinished connections on the host",
		Type: TypeInt, Unit: Connections, Range: Range{1024, math.MaxInt32},
		Default: computed("half of the established hash's buckets", halfHash), KernelCheck: unchecked,
		Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution, RiskLower: RiskDangerous, RiskRaise: RiskCaution,
		Solves:      "closing connections reset with \"too many orphaned sockets\" in the kernel log",
		SideEffects: "up to 64 KiB each; a stalled one counts two- or fourfold; lower resets closing connections",
		Doc:         docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_orphan_retries", Title: "retransmissions for a connection that its application has closed",
		Type: TypeInt, Unit: Tries, Range: byteRange, Default: always("0"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, TakesNote: "0 means 8", Risk: RiskCaution,
		Hazards:     []Hazard{{1, 1, RiskCaution, "data not yet delivered is lost on bad paths"}},
		Solves:      "orphans in FIN_WAIT1, LAST_ACK and CLOSING that live 102 s and longer",
		SideEffects: "data not yet delivered is given up sooner", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_rfc1337", Title: "ignore a RST for a connection in TIME_WAIT",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, TakesNote: "1 ignores it; the kernel's own text reads the reverse", Risk: RiskSafe,
		Solves: "TIME_WAIT ended early by a late RST", SideEffects: "ports come back more slowly", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_challenge_ack_limit", Title: "challenge ACKs in one second",
		Type: TypeInt, Range: Range{1000, math.MaxInt32},
		Default:     stepped("100", step{by(4, 4, 4, 15), "1000"}, step{by(5, 10, 6, 1), "2147483647"}),
		KernelCheck: unchecked, Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskDangerous, RiskRaise: RiskSafe,
		Solves: "nothing on current kernels", SideEffects: "lowering it opens a side channel to guess connections from afar",
		Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_invalid_ratelimit", Title: "shortest time between two ACKs that answer invalid segments of one connection",
		Type: TypeInt, Unit: Milliseconds, Range: Range{0, 60000}, Default: always("500"), TickMillis: 10, KernelCheck: "milliseconds, unsigned",
		Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskSafe,
		Hazards: []Hazard{{0, 0, RiskCaution, "0 lifts the limit, so two hosts can answer each other without end"}},
		Solves:  "ACK loops", SideEffects: "none above 0", Doc: docIP, Source: sourceCode, Relevant: true,
	},
}}
