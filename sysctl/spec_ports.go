package sysctl

import "math"

var groupPorts = Group{Name: "ports", Title: "Ports and IP", Specs: []Spec{
	{
		Key: "net.ipv4.ip_local_port_range", Title: "ports that the kernel chooses for outgoing connections",
		Type: TypeVector, Fields: []string{"low", "high"}, Order: OrderRising, Unit: Ports, Range: Range{1, 65535}, Default: always("32768 60999"),
		LowerIsMore: []string{"low"}, KernelCheck: "low at most high, and low at least ip_unprivileged_port_start; ends of equal parity are logged",
		Scope: ScopeNetns, Takes: TakesLive, TakesNote: "at connect() and bind() to port 0", Risk: RiskCaution,
		Solves:      "no free port for a new connection (EADDRNOTAVAIL): each (source, destination, port) has this many, 60 s apart",
		SideEffects: "takes ports that services want to listen on, unless reserved; connect() tries low's parity first", Doc: docIP, Source: measured,
		Relevant: true,
	},
	{
		Key: "net.ipv4.ip_local_reserved_ports", Title: "ports that the kernel must not choose for outgoing connections",
		Type: TypePorts, Default: always(""), KernelCheck: "numbers and ranges with commas; a write replaces the whole set",
		Scope: ScopeNetns, NetnsSince: since(3, 16), Takes: TakesLive, Risk: RiskSafe,
		Solves:      "services that cannot start because an outgoing connection sits on their port",
		SideEffects: "a large block makes the choice of ports uneven; an explicit bind() may still take them", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.ip_local_port_step_width", Title: "step in the search for a free port",
		Type: TypeInt, Range: Range{0, 65535}, Default: always("0"), KernelCheck: "unsigned, anything", Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskCaution, Solves: "uneven choice of ports next to a large reserved block", SideEffects: "more collisions", Doc: docIP, Source: sourceCode,
		Added: by(7, 0, 7, 2),
	},
	{
		Key: "net.ipv4.ip_unprivileged_port_start", Title: "first port that anybody may listen on",
		Type: TypeInt, Unit: Ports, Range: Range{0, 65535}, Default: always("1024"),
		LowerIsMore: []string{""}, KernelCheck: "0 to 65535, at most the low end of ip_local_port_range", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		RiskRaise: RiskSafe, Solves: "services without root on low ports", SideEffects: "any local user can take such a port first", Doc: docIP,
		Source: measured, Added: since(4, 11), Relevant: true,
	},
	{
		Key: "net.ipv4.ip_nonlocal_bind", Title: "bind to addresses that this host does not have",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "services that must start before their floating address arrives", SideEffects: "wrong addresses go unnoticed", Doc: docIP,
		Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.ip_autobind_reuse", Title: "let bind() to port 0 share ports when all are taken",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "bind-before-connect clients out of ports", SideEffects: "errors move from bind() to connect(); IP_BIND_ADDRESS_NO_PORT is better",
		Doc: docIP, Source: measured, Added: since(5, 7), Relevant: true,
	},
	{
		Key: "net.ipv4.ip_forward", Title: "forward packets between interfaces",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: "0, or anything else for on", Scope: ScopeNetns, Takes: TakesLive,
		TakesNote: "a change resets the interfaces' own settings, so it has to be written before them", Risk: RiskCaution,
		RiskLower: RiskDangerous, Solves: "routing, containers", SideEffects: "the host becomes a router; 0 cuts off containers", Doc: docIP, Source: sourceCode,
		Relevant: true,
	},
	{
		Key: "net.ipv4.ip_forward_use_pmtu", Title: "trust learnt path packet sizes for forwarded packets",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "forwarded packets too large for the path", SideEffects: "forged ICMP can shrink others' packets", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.icmp_ratelimit", Title: "shortest time between two ICMP errors to one target",
		Type: TypeInt, Unit: Milliseconds, Range: Range{0, 60000}, Default: always("1000"), TickMillis: 10, KernelCheck: "negative numbers are refused",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution, Solves: "floods of ICMP errors", SideEffects: "packet-size reports may be held back",
		Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.icmp_msgs_per_sec", Title: "ICMP errors in one second",
		Type: TypeInt, Range: Range{0, math.MaxInt32}, Default: stepped("1000", step{by(7, 0, 7, 2), "10000"}), KernelCheck: "negative numbers are refused",
		Scope: ScopeNetns, NetnsSince: by(6, 8, 6, 12), Takes: TakesLive, Risk: RiskCaution, Solves: "floods of ICMP errors",
		SideEffects: "packet-size reports may be held back", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.icmp_ratemask", Title: "kinds of ICMP message that icmp_ratelimit slows down",
		Type: TypeBitmap, Range: Range{0, math.MaxInt32}, Default: always("6168"), Choice: true, KernelCheck: unchecked, Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskCaution, Solves: "floods of ICMP errors", SideEffects: "more kinds held back: worse diagnostics and packet-size discovery", Doc: docIP,
		Source: measured,
	},
	{
		Key: "net.ipv4.icmp_echo_ignore_all", Title: "answer no ping",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "nothing that a rate limit does not solve better", SideEffects: "nobody can test the host's reachability", Doc: docIP, Source: measured,
	},
	{
		Key: "net.ipv4.icmp_echo_ignore_broadcasts", Title: "answer no ping to a broadcast address",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe,
		RiskLower: RiskCaution, Solves: "amplified ping floods", SideEffects: "none at 1", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_fwmark_accept", Title: "accepted connections take over the mark of their SYN",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves: "answers leaving by another route than questions", SideEffects: "routing by mark then applies to them", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_l3mdev_accept", Title: "listeners outside a VRF accept connections from all of them",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "one service for several VRFs", SideEffects: "services become reachable from all of them", Doc: docIP, Source: measured, Added: by(4, 4, 4, 9),
	},
	{
		Key: "net.ipv4.tcp_available_ulp", Title: "protocols on top of TCP that are loaded",
		Type: TypeWords, Default: untold("depends on the modules loaded"), KernelCheck: "nobody may write it", Scope: ScopeHost, Takes: TakesLive,
		Risk: RiskSafe, Solves: "nothing: it is there to be read", SideEffects: "none", Doc: docIP, Source: measured, ReadOnly: true, Added: since(4, 13),
	},
}}
