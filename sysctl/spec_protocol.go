package sysctl

import "math"

// lossRange is what loss detection accepts: at least one segment.
var lossRange = Range{1, 65535}

var groupProtocol = Group{Name: "protocol", Title: "Protocol features and loss recovery", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_timestamps", Title: "timestamps option: 0 off, 1 with a random offset for each connection, 2 without",
		Type: TypeInt, Range: Range{0, 2}, Default: always("1"), KernelCheck: byteCheck + "; anything above 1 acts as 2",
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14), Takes: TakesNew, Risk: RiskSafe,
		Hazards: []Hazard{
			{0, 0, RiskDangerous, "loses protection from old segments (PAWS), round-trip samples, tcp_tw_reuse and the options kept in SYN cookies"},
			{2, 2, RiskCaution, "shows the host's uptime to peers"},
		},
		Solves: "wrapped sequence numbers; ports in TIME_WAIT that cannot be used again", SideEffects: "12 bytes in each segment",
		Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_window_scaling", Title: "windows above 64 KiB",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14),
		Takes: TakesNew, Risk: RiskCaution, Hazards: []Hazard{{0, 0, RiskDangerous, "throughput is then capped at 64 KiB for each round trip"}},
		Solves: "slow transfers", SideEffects: "none at 1", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_sack", Title: "selective acknowledgements",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14),
		Takes: TakesNew, Risk: RiskCaution, Hazards: []Hazard{{0, 0, RiskDangerous, "several losses in one window then stall the connection; the flaw of 2019 is long mended"}},
		Solves: "recovery from several losses", SideEffects: "none at 1", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_dsack", Title: "tell the sender about duplicates",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesNew, Risk: RiskCaution, Hazards: []Hazard{{0, 0, RiskDangerous, "senders can no longer undo needless slowdowns"}},
		Solves: "needless slowdowns after reordering", SideEffects: "none at 1", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_ecn", Title: "congestion marks: 0 never, 1 ask for them, 2 only when asked; 3 to 5 accurate ECN",
		Type: TypeInt, Range: Range{0, 5}, Default: stepped("0", step{since(2, 6), "2"}),
		Choice: true, KernelCheck: "0 to 2; 3 to 5 accepted by 7.0 (the text of 6.18 lists them, its code refuses them)",
		Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution, Hazards: []Hazard{{2, 2, RiskSafe, "the kernel's own default"}},
		Solves: "losses that marks would have avoided", SideEffects: "1 and 3: a few broken paths", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_ecn_fallback", Title: "try again without ECN when a SYN is lost",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesNew, Risk: RiskSafe,
		Solves: "peers that drop SYNs asking for ECN", SideEffects: "none: leave it", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_mtu_probing", Title: "find the path's packet size without ICMP: 0 no, 1 after a black hole is suspected, 2 always",
		Type: TypeInt, Range: Range{0, 2}, Default: always("0"), Choice: true, KernelCheck: byteCheck + "; 2 and above: always", Scope: ScopeNetns,
		Takes: TakesLive, TakesNote: "1: existing connections at a timeout; 2: new connections", Risk: RiskSafe,
		Hazards: []Hazard{{2, 2, RiskCaution, "ordinary loss may shrink the segment size"}},
		Solves:  "connections that hang on large packets because ICMP is filtered", SideEffects: "1: none until a timeout",
		Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_base_mss", Title: "segment size at which probing starts",
		Type: TypeInt, Unit: Bytes, Range: Range{88, 65535}, Default: stepped("512", step{by(4, 4, 4, 15), "1024"}),
		KernelCheck: unchecked, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution, Solves: "paths with very small packets",
		SideEffects: "small segments", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_mtu_probe_floor", Title: "segment size below which probing does not go",
		Type: TypeInt, Unit: Bytes, Range: Range{48, 65535}, Default: always("48"), KernelCheck: "48 to 65535", Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskCaution, Solves: "segments shrunk too far", SideEffects: "paths with smaller packets hang",
		Doc: docIP, Source: measured, Added: by(4, 15, 5, 4),
	},
	{
		Key: "net.ipv4.tcp_min_snd_mss", Title: "smallest segment size accepted from a peer",
		Type: TypeInt, Unit: Bytes, Range: Range{48, 65535}, Default: always("48"), KernelCheck: "48 to 65535", Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskSafe, Solves: "peers that force tiny segments to burn CPU", SideEffects: "high values break tunnels",
		Doc: docIP, Source: measured, Added: by(4, 15, 5, 2),
	},
	{
		Key: "net.ipv4.ip_no_pmtu_disc", Title: "path packet size discovery: 0 on, 1 and 2 let routers fragment, 3 ignores reports that cannot be checked",
		Type: TypeInt, Range: Range{0, 3}, Default: always("0"), Choice: true, KernelCheck: "0 to 3 (older kernels: anything)", Scope: ScopeNetns,
		Takes: TakesNew, Risk: RiskDangerous, Hazards: []Hazard{{0, 0, RiskSafe, "the kernel's own default"}},
		Solves: "nothing that tcp_mtu_probing=1 does not solve better", SideEffects: "1 and 2 fragment", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_frto", Title: "recognise needless retransmission timeouts",
		Type: TypeInt, Range: byteRange, Default: always("2"), Choice: true, KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "0: needless slowdowns", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_recovery", Title: "loss detection by time (RACK)",
		Type: TypeBitmap, Range: byteRange, Default: always("1"), Choice: true, KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it; current kernels always use RACK",
		SideEffects: "slower recovery on older kernels", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_early_retrans", Title: "tail loss probe: 3 and 4 on, 0 off",
		Type: TypeInt, Range: Range{0, 4}, Default: always("3"), Choice: true, KernelCheck: "0 to 4", Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "0: the last segments wait for a timeout", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_reordering", Title: "packets out of order that are not yet taken for loss, at first",
		Type: TypeInt, Unit: Packets, Range: lossRange, Default: always("3"),
		KernelCheck: "at least 1 by 7.2 and late stable kernels (6.18.44 among them), before that anything",
		Scope:       ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesNew, Risk: RiskCaution,
		Solves: "networks that balance single packets", SideEffects: "losses are found later", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_max_reordering", Title: "packets out of order that are not yet taken for loss, at most",
		Type: TypeInt, Unit: Packets, Range: lossRange, Default: always("300"),
		KernelCheck: "at least 1 by 7.2 and late stable kernels (6.18.44 among them), before that anything",
		Scope:       ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution,
		Solves: "networks that balance single packets", SideEffects: "losses are found later", Doc: docIP, Source: measured,
	},
	{
		Key: "net.ipv4.tcp_comp_sack_delay_ns", Title: "longest wait before selective acknowledgements are sent together",
		Type: TypeInt, Unit: Nanoseconds, Range: Range{0, 1_000_000_000}, Default: always("1000000"), KernelCheck: "unsigned",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "very many ACKs", SideEffects: "0: more ACKs", Doc: docIP, Source: measured,
		Added: by(4, 15, 5, 4),
	},
	{
		Key: "net.ipv4.tcp_comp_sack_slack_ns", Title: "slack of the timer for selective acknowledgements",
		Type: TypeInt, Unit: Nanoseconds, Range: Range{0, 1_000_000_000}, Default: stepped("100000", step{by(6, 18, 7, 0), "10000"}),
		KernelCheck: "unsigned", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "many timer interrupts",
		SideEffects: "later ACKs", Doc: docIP, Source: measured, Added: by(5, 4, 5, 10),
	},
	{
		Key: "net.ipv4.tcp_comp_sack_nr", Title: "selective acknowledgements held back at most",
		Type: TypeInt, Range: byteRange, Default: always("44"), KernelCheck: "0 to 255", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe,
		Solves: "very many ACKs", SideEffects: "0: more ACKs", Doc: docIP, Source: measured, Added: by(4, 15, 5, 4),
	},
	{
		Key: "net.ipv4.ip_default_ttl", Title: "time to live of sent packets",
		Type: TypeInt, Range: Range{1, 255}, Default: always("64"), KernelCheck: "1 to 255", Scope: ScopeNetns, Takes: TakesNew,
		Risk: RiskCaution, Solves: "paths of more than 64 hops", SideEffects: "packets in a routing loop live longer", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_early_demux", Title: "find the socket before routing the packet",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "wasted work on hosts that only forward (0)", SideEffects: "0: more work for each packet that is for this host", Doc: docIP,
		Source: sourceCode, Added: since(4, 12),
	},
	{
		Key: "net.ipv4.tcp_retrans_collapse", Title: "join small segments when they are sent again",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: it works around printers of the 1990s", SideEffects: "0: more packets", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_stdurg", Title: "place of the urgent pointer as RFC 1122 has it",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "urgent data goes wrong with most peers", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_workaround_signed_windows", Title: "treat a peer's unscaled window as a signed number",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesNew, Risk: RiskCaution, Solves: "peers of the 1990s", SideEffects: "windows of at most 32 KiB", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_probe_interval", Title: "time before the packet size is probed again",
		Type: TypeInt, Unit: Seconds, Range: Range{0, math.MaxInt32}, Default: always("600"), KernelCheck: "unsigned", Scope: ScopeNetns,
		Takes: TakesLive, Risk: RiskCaution, Solves: "paths whose packet size grew again", SideEffects: "probes may be lost", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_probe_threshold", Title: "search range in bytes at which probing stops",
		Type: TypeInt, Unit: Bytes, Range: Range{0, 65535}, Default: always("8"), KernelCheck: unchecked, Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskSafe, Solves: "nothing: leave it", SideEffects: "fewer or more probes", Doc: docIP, Source: sourceCode,
	},
}}
