package sysctl

var groupTimers = Group{Name: "timers", Title: "Keepalive and retransmission", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_keepalive_time", Title: "idle time before the first keepalive probe",
		Type: TypeInt, Unit: Seconds, Range: Range{1, 32767}, Default: always("7200"), KernelCheck: unchecked,
		Scope: ScopeNetns, NetnsSince: since(4, 5), Takes: TakesArm, TakesNote: "an existing socket keeps the time it already waits for",
		Risk: RiskSafe, Solves: "idle connections whose peer, NAT or load balancer is gone",
		SideEffects: "only for sockets with SO_KEEPALIVE; wakes idle devices", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_keepalive_intvl", Title: "time between keepalive probes",
		Type: TypeInt, Unit: Seconds, Range: Range{1, 32767}, Default: always("75"), KernelCheck: unchecked,
		Scope: ScopeNetns, NetnsSince: since(4, 5), Takes: TakesArm, Risk: RiskSafe,
		Solves:      "slow detection of a dead peer: time + intvl × probes",
		SideEffects: "only for sockets with SO_KEEPALIVE", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_keepalive_probes", Title: "unanswered keepalive probes before the connection is given up",
		Type: TypeInt, Unit: Tries, Range: Range{1, 127}, Default: always("9"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: since(4, 5), Takes: TakesArm, Risk: RiskSafe,
		Solves:      "slow detection of a dead peer: time + intvl × probes",
		SideEffects: "only for sockets with SO_KEEPALIVE", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_retries1", Title: "retransmissions before the route is questioned",
		Type: TypeInt, Unit: Tries, Range: Range{1, 255}, Default: always("3"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskCaution,
		Solves: "nothing: leave it", SideEffects: "routes thrown away for a passing loss", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_retries2", Title: "retransmissions before a connection with data in flight is given up",
		Type: TypeInt, Unit: Tries, Range: Range{1, 255}, Default: always("15"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskCaution,
		Hazards:     []Hazard{{1, 7, RiskCaution, "gives up before the 100 s that RFC 1122 asks for, so a reroute kills connections"}},
		Solves:      "dead peers with data in flight: 15 is at least 924 s, 8 is 100 s",
		SideEffects: "long outages end connections; the socket option TCP_USER_TIMEOUT is more precise", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_rto_min_us", Title: "shortest retransmission timeout",
		Type: TypeInt, Unit: Microseconds, Range: Range{1000, 1_000_000}, Default: always("200000"), KernelCheck: "less than 1 is refused",
		Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves:      "tail latency inside a data centre",
		SideEffects: "needless retransmissions on long paths; rto_min of a route goes before it", Doc: docIP, Source: sourceCode,
		Added: by(6, 8, 6, 12), Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_rto_max_ms", Title: "longest retransmission timeout",
		Type: TypeInt, Unit: Milliseconds, Range: Range{1000, 120000}, Default: always("120000"), KernelCheck: "1000 to 120000",
		Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves:      "long pauses before a healed path is tried again",
		SideEffects: "tcp_retries2 then means less time", Doc: docIP, Source: sourceCode, Added: by(6, 14, 6, 17), Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_thin_linear_timeouts", Title: "no exponential back-off for the first timeouts of sparse connections",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskSafe, Solves: "interactive connections stalling after losses", SideEffects: "more packets",
		Doc: docIP, Source: sourceCode,
	},
}}
