package sysctl

var groupCongestion = Group{Name: "congestion", Title: "Congestion control and pacing", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_congestion_control", Title: "congestion control of new connections",
		Type: TypeString, Default: untold("a choice of the kernel's builder, mostly cubic"),
		KernelCheck: "an unknown one is refused as not found; one that is not allowed to everybody is refused in other namespaces",
		Scope:       ScopeNetns, NetnsSince: since(4, 15), Inherits: true, Takes: TakesNew,
		TakesNote: "connections accepted from old listeners use it too", Risk: RiskCaution,
		Solves:      "throughput on lossy long paths (bbr)",
		SideEffects: "bbr needs its module, is version 1 in every mainline kernel, and takes more than its share from others", Doc: docIP, Source: measured,
		Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_available_congestion_control", Title: "congestion controls that are loaded",
		Type: TypeWords, Default: untold("depends on the kernel's build and the modules loaded"), KernelCheck: "nobody may write it",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "nothing: it is there to be read", SideEffects: "none", Doc: docIP,
		Source: measured, ReadOnly: true, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_allowed_congestion_control", Title: "congestion controls that unprivileged processes may choose",
		Type: TypeWords, Default: untold("reno and the default one"), KernelCheck: "each must be available", Scope: ScopeHostReadOnlyElse,
		Takes: TakesLive, Risk: RiskCaution, Solves: "services that choose their own", SideEffects: "anybody may choose an unfair one", Doc: docIP,
		Source: measured,
	},
	{
		Key: "net.ipv4.tcp_slow_start_after_idle", Title: "start slowly again after an idle time",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "pooled connections that are slow after each pause (0)",
		SideEffects: "0: bursts, unless paced by fq; BBR does not care", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_no_metrics_save", Title: "forget what a closed connection learnt about its path",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesClose, Risk: RiskCaution, Solves: "stale hints about a path that changed", SideEffects: "1: good hints are lost as well",
		Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_no_ssthresh_metrics_save", Title: "forget only the slow-start threshold of a closed connection",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesClose, Risk: RiskSafe,
		Solves: "new connections that start slowly because an earlier one met losses", SideEffects: "none at 1", Doc: docIP, Source: sourceCode,
		Added: by(5, 4, 5, 10),
	},
	{
		Key: "net.ipv4.tcp_pacing_ss_ratio", Title: "pacing rate during slow start, of the current rate",
		Type: TypeInt, Unit: Percent, Range: Range{1, 1000}, Default: always("200"), KernelCheck: "0 to 1000", Scope: ScopeNetns,
		NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "slow starts or bursts",
		Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_pacing_ca_ratio", Title: "pacing rate after slow start, of the current rate",
		Type: TypeInt, Unit: Percent, Range: Range{1, 1000}, Default: always("120"), KernelCheck: "0 to 1000", Scope: ScopeNetns,
		NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "lower throughput or bursts",
		Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_pingpong_thresh", Title: "answers in a row that make a connection interactive, so that ACKs wait",
		Type: TypeInt, Range: Range{1, 255}, Default: always("1"), KernelCheck: "1 to 255", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "delayed ACKs in short exchanges", SideEffects: "more ACKs", Doc: docIP, Source: measured, Added: by(6, 1, 6, 8),
	},
	{
		Key: "net.ipv4.tcp_min_rtt_wlen", Title: "time over which the smallest round trip is remembered",
		Type: TypeInt, Unit: Seconds, Range: Range{0, 86400}, Default: always("300"), KernelCheck: "0 to 86400", Scope: ScopeNetns,
		NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "wrong idea of a path that changed",
		Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_min_tso_segs", Title: "smallest number of segments handed to the device at once",
		Type: TypeInt, Unit: Packets, Range: Range{1, 255}, Default: always("2"), KernelCheck: "1 to 255", Scope: ScopeNetns,
		NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "more work for each byte, or bursts",
		Doc: docIP, Source: measured,
	},
	{
		Key: "net.ipv4.tcp_tso_win_divisor", Title: "share of the congestion window that one large packet may take",
		Type: TypeInt, Range: byteRange, Default: always("3"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "bursts or more work", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_tso_rtt_log", Title: "how packet size follows the round-trip time",
		Type: TypeInt, Range: byteRange, Default: always("9"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "nothing: leave it", SideEffects: "bursts or more work", Doc: docIP, Source: sourceCode, Added: by(5, 10, 6, 1),
	},
	{
		Key: "net.ipv4.tcp_reflect_tos", Title: "answer a SYN with its own type of service",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves: "answers in another traffic class than questions", SideEffects: "clients choose the class", Doc: docIP, Source: measured, Added: by(5, 4, 5, 10),
	},
	{
		Key: "net.ipv4.tcp_backlog_ack_defer", Title: "let the process that owns the socket send the ACKs for its backlog",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe,
		Solves: "many ACKs under load", SideEffects: "none known", Doc: docIP, Source: measured, Added: by(6, 6, 6, 8),
	},
	{
		Key: "net.ipv4.tcp_ecn_option", Title: "accurate ECN option: 0 never, 1 when needed, 2 always",
		Type: TypeInt, Range: Range{0, 2}, Default: always("2"), Choice: true, KernelCheck: "0 to 2 on 6.18", Scope: ScopeNetns, Takes: TakesNew,
		Risk: RiskCaution, Solves: "nothing unless tcp_ecn asks for accurate ECN", SideEffects: "option space", Doc: docIP, Source: measured,
		Added: by(6, 17, 6, 18),
	},
	{
		Key: "net.ipv4.tcp_ecn_option_beacon", Title: "accurate ECN options sent in a round trip at least",
		Type: TypeInt, Range: Range{0, 3}, Default: always("3"), KernelCheck: "0 to 3", Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves: "nothing unless tcp_ecn asks for accurate ECN", SideEffects: "option space", Doc: docIP, Source: measured, Added: by(6, 17, 6, 18),
	},
	{
		Key: "net.ipv4.tcp_plb_enabled", Title: "move a congested connection to another path (DCTCP)",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "hot paths in a data centre", SideEffects: "reordering", Doc: docIP, Source: measured, Added: by(6, 1, 6, 6),
	},
	{
		Key: "net.ipv4.tcp_plb_idle_rehash_rounds", Title: "congested rounds before an idle connection moves",
		Type: TypeInt, Range: Range{0, 31}, Default: always("3"), KernelCheck: "0 to 31", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "hot paths in a data centre", SideEffects: "reordering", Doc: docIP, Source: measured, Added: by(6, 1, 6, 6),
	},
	{
		Key: "net.ipv4.tcp_plb_rehash_rounds", Title: "congested rounds before a busy connection moves",
		Type: TypeInt, Range: Range{0, 31}, Default: always("12"), KernelCheck: "0 to 31", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "hot paths in a data centre", SideEffects: "reordering", Doc: docIP, Source: measured, Added: by(6, 1, 6, 6),
	},
	{
		Key: "net.ipv4.tcp_plb_suspend_rto_sec", Title: "time without moves after a timeout",
		Type: TypeInt, Unit: Seconds, Range: byteRange, Default: always("60"), KernelCheck: "0 to 255", Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskCaution, Solves: "moves back to a failed path", SideEffects: "later moves", Doc: docIP, Source: measured, Added: by(6, 1, 6, 6),
	},
	{
		Key: "net.ipv4.tcp_plb_cong_thresh", Title: "marked share of a round above which it counts as congested, of 256",
		Type: TypeInt, Range: Range{0, 256}, Default: always("128"), KernelCheck: "0 to 256", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "hot paths in a data centre", SideEffects: "reordering", Doc: docIP, Source: measured, Added: by(6, 1, 6, 6),
	},
	{
		Key: "net.core.txrehash", Title: "let sockets choose another path after a timeout",
		Type: TypeInt, Range: Range{0, 1}, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution,
		Solves: "connections stuck on a broken path", SideEffects: "reordering", Doc: docNet, Source: measured, Added: by(5, 10, 6, 1),
	},
	{
		Key: "net.ipv4.fib_multipath_hash_policy", Title: "what chooses among several next hops: 0 addresses, 1 ports too, 2 inner headers, 3 chosen fields",
		Type: TypeInt, Range: Range{0, 3}, Default: always("0"), Choice: true, KernelCheck: "0 to 3", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "all connections to one server on one link", SideEffects: "moves running flows", Doc: docIP, Source: sourceCode, Added: since(4, 12),
	},
}}
