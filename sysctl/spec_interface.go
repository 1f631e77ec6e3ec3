package sysctl

var groupInterface = Group{Name: "interface", Title: "Settings of interfaces", Specs: []Spec{
	{
		Key: "net.ipv4.conf.*.rp_filter", Title: "drop packets whose sender would be reached another way: 0 no, 1 strict, 2 loose",
		Type: TypeInt, Range: Range{0, 2}, Default: untold("0; systemd 240 and later sets 2 at boot"), Choice: true, KernelCheck: unchecked,
		Scope: ScopeNetns, Inherits: true, Takes: TakesLive, TakesNote: "the higher of \"all\" and the interface counts", Risk: RiskCaution,
		Hazards: []Hazard{{1, 1, RiskCaution, "drops traffic where ways there and back differ: several uplinks, container networks"}},
		Solves:  "forged sender addresses", SideEffects: "drops count as IPReversePathFilter and look like a black hole", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.conf.*.accept_redirects", Title: "believe ICMP redirects",
		Type: TypeBool, Range: boolRange, Default: untold("1, and 0 while forwarding"), KernelCheck: unchecked, Scope: ScopeNetns, Inherits: true,
		Takes: TakesLive, Risk: RiskSafe, Solves: "hardening (0)", SideEffects: "0: detours through the first router", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.conf.*.send_redirects", Title: "send ICMP redirects",
		Type: TypeBool, Range: boolRange, Default: untold("1"), KernelCheck: unchecked, Scope: ScopeNetns, Inherits: true,
		Takes: TakesLive, Risk: RiskSafe, Solves: "hardening (0) on hosts", SideEffects: "0 on a router: detours", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.conf.*.secure_redirects", Title: "believe ICMP redirects only to known routers",
		Type: TypeBool, Range: boolRange, Default: untold("1"), KernelCheck: unchecked, Scope: ScopeNetns, Inherits: true,
		Takes: TakesLive, Risk: RiskSafe, Solves: "hardening (0)", SideEffects: "0: no redirects at all are believed", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.conf.*.accept_source_route", Title: "accept packets that prescribe their own way",
		Type: TypeBool, Range: boolRange, Default: untold("0 for \"all\", 1 for \"default\"; both must be 1 to accept"), KernelCheck: unchecked,
		Scope: ScopeNetns, Inherits: true, Takes: TakesLive, Risk: RiskSafe, RiskRaise: RiskDangerous, Solves: "hardening (0)",
		SideEffects: "1: senders choose the way of answers", Doc: docIP, Source: measured,
	},
	{
		Key: "net.ipv4.conf.*.log_martians", Title: "log packets with impossible addresses",
		Type: TypeBool, Range: boolRange, Default: untold("0"), KernelCheck: unchecked, Scope: ScopeNetns, Inherits: true,
		Takes: TakesLive, Risk: RiskSafe, Solves: "finding forged or misrouted packets", SideEffects: "1: a flood fills the log", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.conf.*.forwarding", Title: "forward packets that arrive on the interface",
		Type: TypeBool, Range: boolRange, Default: untold("0"), KernelCheck: unchecked, Scope: ScopeNetns, Inherits: true,
		Takes: TakesLive, TakesNote: "\"all\" is ip_forward", Risk: RiskCaution, RiskLower: RiskDangerous, Solves: "routing, containers",
		SideEffects: "the host becomes a router; 0 cuts off containers", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv6.conf.*.forwarding", Title: "forward IPv6 packets",
		Type: TypeInt, Range: Range{0, 1}, Default: untold("0"), KernelCheck: unchecked, Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskCaution, RiskLower: RiskDangerous, Solves: "routing, containers",
		SideEffects: "1: router advertisements are ignored unless accept_ra is 2", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv6.conf.*.accept_redirects", Title: "believe ICMPv6 redirects",
		Type: TypeBool, Range: boolRange, Default: untold("1, and 0 while forwarding"), KernelCheck: unchecked, Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskSafe, Solves: "hardening (0)", SideEffects: "0: detours through the first router", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv6.conf.*.accept_source_route", Title: "accept IPv6 packets that prescribe their own way",
		Type: TypeInt, Range: Range{-1, 1}, Default: untold("0"), KernelCheck: unchecked, Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskSafe, RiskRaise: RiskDangerous, Solves: "hardening (-1)", SideEffects: "0 and 1: senders choose the way of answers",
		Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv6.conf.*.disable_ipv6", Title: "no IPv6 on the interface",
		Type: TypeBool, Range: boolRange, Default: untold("0"), KernelCheck: unchecked, Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskDangerous, Solves: "nothing that a firewall does not solve better", SideEffects: "1 removes all its IPv6 addresses and routes at once",
		Doc: docIP, Source: sourceCode,
	},
}}

// neighbourSpec is one of the three bounds of the neighbour table, which are the
// same for both families.
func neighbourSpec(family, name, title, def string) Spec {
	return Spec{
		Key: Key("net." + family + ".neigh.default." + name), Title: title, Type: TypeInt, Unit: Entries, Range: Range{1, 1 << 24},
		Default: always(def), KernelCheck: "negative numbers are refused; the order of the three is unchecked", Scope: ScopeHost,
		Takes: TakesLive, Risk: RiskCaution, RiskRaise: RiskSafe, RiskLower: RiskDangerous,
		Solves:      "\"neighbor table overflow\" in the kernel log",
		SideEffects: "memory; the three have to increase from gc_thresh1 to gc_thresh3", Doc: docIP, Source: sourceCode, Relevant: true,
	}
}

var groupNeighbour = Group{Name: "neighbour", Title: "Neighbour table (ARP and NDP)", Specs: []Spec{
	neighbourSpec("ipv4", "gc_thresh1", "IPv4 neighbours always kept", "128"),
	neighbourSpec("ipv4", "gc_thresh2", "IPv4 neighbours kept for five seconds", "512"),
	neighbourSpec("ipv4", "gc_thresh3", "IPv4 neighbours at most", "1024"),
	neighbourSpec("ipv6", "gc_thresh1", "IPv6 neighbours always kept", "128"),
	neighbourSpec("ipv6", "gc_thresh2", "IPv6 neighbours kept for five seconds", "512"),
	neighbourSpec("ipv6", "gc_thresh3", "IPv6 neighbours at most", "1024"),
}}
