package sysctl

import (
	"math"
	"strconv"
)

const conntrackModule = "nf_conntrack"

// conntrackSize returns the number of hash buckets of nf_conntrack_init_start.
func conntrackSize(e Env, quartered bool) (uint64, bool) {
	const gib = 1 << 30
	switch large, medium := uint64(262144), uint64(65536); {
	case e.RAMBytes == 0:
		return 0, false
	case quartered && e.RAMBytes > gib:
		// The initial namespace of these kernels has 16384 or 65536 buckets.
		if e.RAMBytes > 4*gib {
			return 65536, true
		}
		return 16384, true
	case e.RAMBytes > 4*gib:
		return large, true
	case e.RAMBytes > gib:
		return medium, true
	}
	return max(e.RAMBytes/(128<<10), 1024), true
}

var conntrackMaxDefault = computed("262144 above 4 GiB of memory, 65536 above 1 GiB, else memory / 128 KiB (four times that to 5.10)",
	func(e Env) (Default, bool) {
		current := by(5, 10, 6, 1).At(e.Kernel)
		n, ok := conntrackSize(e, current == No)
		if !ok || current == Unknown || e.Kernel.IsZero() {
			return Default{}, false
		}
		if current == No {
			n *= 4
		}
		return Default{strconv.FormatUint(n, 10), e.RAMBytes > 1<<30}, true
	})

var conntrackBucketsDefault = computed("nf_conntrack_max by 6.1, a quarter of it to 5.10", func(e Env) (Default, bool) {
	current := by(5, 10, 6, 1).At(e.Kernel)
	n, ok := conntrackSize(e, current == No)
	if !ok || current == Unknown || e.Kernel.IsZero() {
		return Default{}, false
	}
	return Default{strconv.FormatUint(n, 10), e.RAMBytes > 1<<30}, true
})

// conntrackTimeout is the lifetime of tracked connections in one state.
func conntrackTimeout(name, state, seconds string) Spec {
	return Spec{
		Key: Key("net.netfilter.nf_conntrack_tcp_timeout_" + name), Title: "how long a tracked connection stays in " + state,
		Type: TypeInt, Unit: Seconds, Range: Range{1, math.MaxInt32}, Default: always(seconds), KernelCheck: unchecked,
		Scope: ScopeNetns, Takes: TakesNew, TakesNote: "as each connection's entry is next refreshed", Risk: RiskCaution,
		Solves: "growth of the connection-tracking table", SideEffects: "too short: packets of live connections count as invalid",
		Doc: docConntrack, Source: measured, Module: conntrackModule,
	}
}

// established is the state whose timeout decides about idle connections.
func establishedTimeout() Spec {
	s := conntrackTimeout("established", "ESTABLISHED", "432000")
	s.Hazards = []Hazard{{1, 3599, RiskCaution, "idle connections are cut without a word"}}
	s.SideEffects = "shorter than an application's idle time: the connection is cut without a word"
	s.Relevant = true
	return s
}

var groupConntrack = Group{Name: "conntrack", Title: "Connection tracking", Specs: []Spec{
	{
		Key: "net.netfilter.nf_conntrack_max", Title: "connections that may be tracked",
		Type: TypeInt, Unit: Entries, Range: Range{1024, math.MaxInt32}, Default: conntrackMaxDefault,
		KernelCheck: "0 is unlimited to 6.18, refused by 7.0", Scope: ScopeHostReadOnlyElse, Takes: TakesLive, Risk: RiskCaution,
		RiskLower: RiskDangerous, RiskRaise: RiskSafe, Solves: "\"table full, dropping packet\" in the kernel log",
		SideEffects: "at least 256 bytes an entry", Doc: docConntrack, Source: measured, Module: conntrackModule, Relevant: true,
	},
	{
		Key: "net.netfilter.nf_conntrack_buckets", Title: "size of the connection-tracking hash",
		Type: TypeInt, Unit: Entries, Range: Range{1024, 1 << 26}, Default: conntrackBucketsDefault, KernelCheck: "at least 1",
		Scope: ScopeHostReadOnlyElse, Takes: TakesLive, Risk: RiskSafe, Solves: "long chains after nf_conntrack_max was raised",
		SideEffects: "a short stall while it is rebuilt", Doc: docConntrack, Source: sourceCode, Module: conntrackModule, Relevant: true,
	},
	{
		Key: "net.netfilter.nf_conntrack_count", Title: "connections tracked now",
		Type: TypeInt, Unit: Entries, Range: countRange, Default: untold("what is tracked now"), KernelCheck: "nobody may write it",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "nothing: it is there to be read", SideEffects: "none", Doc: docConntrack,
		Source: measured, ReadOnly: true, Module: conntrackModule, Relevant: true,
	},
	{
		Key: "net.nf_conntrack_max", Title: "older name of net.netfilter.nf_conntrack_max",
		Type: TypeInt, Unit: Entries, Range: Range{1024, math.MaxInt32}, Default: conntrackMaxDefault,
		KernelCheck: "0 is unlimited to 6.18, refused by 7.0", Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution, RiskLower: RiskDangerous,
		RiskRaise: RiskSafe, Solves: "the same as the other name", SideEffects: "the same as the other name", Doc: docConntrack, Source: measured,
		Module: conntrackModule, Instead: "write net.netfilter.nf_conntrack_max",
	},
	establishedTimeout(),
	conntrackTimeout("time_wait", "TIME_WAIT", "120"),
	conntrackTimeout("fin_wait", "FIN_WAIT", "120"),
	conntrackTimeout("close_wait", "CLOSE_WAIT", "60"),
	conntrackTimeout("last_ack", "LAST_ACK", "30"),
	conntrackTimeout("close", "CLOSE", "10"),
	conntrackTimeout("syn_recv", "SYN_RECV", "60"),
	conntrackTimeout("syn_sent", "SYN_SENT", "120"),
	conntrackTimeout("max_retrans", "a state with tcp_max_retrans repeats", "300"),
	conntrackTimeout("unacknowledged", "a state with unacknowledged data", "300"),
	{
		Key: "net.netfilter.nf_conntrack_tcp_max_retrans", Title: "repeats after which the timeout becomes tcp_timeout_max_retrans",
		Type: TypeInt, Unit: Tries, Range: byteRange, Default: always("3"), KernelCheck: byteCheck, Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskCaution, Solves: "entries of dead connections", SideEffects: "slow connections forgotten", Doc: docConntrack, Source: sourceCode,
		Module: conntrackModule,
	},
	{
		Key: "net.netfilter.nf_conntrack_tcp_be_liberal", Title: "let packets outside the window pass as valid",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "connections through NAT reset because a late packet was taken for invalid", SideEffects: "weaker filtering", Doc: docConntrack,
		Source: sourceCode, Module: conntrackModule, Relevant: true,
	},
	{
		Key: "net.netfilter.nf_conntrack_tcp_loose", Title: "take up connections whose start was not seen",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "ACK floods, together with SYNPROXY (0)", SideEffects: "0 cuts running connections when the table is reloaded", Doc: docConntrack,
		Source: sourceCode, Module: conntrackModule,
	},
	{
		Key: "net.netfilter.nf_conntrack_udp_timeout", Title: "how long a tracked UDP question stays",
		Type: TypeInt, Unit: Seconds, Range: Range{1, math.MaxInt32}, Default: always("30"), KernelCheck: unchecked, Scope: ScopeNetns,
		Takes: TakesNew, Risk: RiskCaution, Solves: "table growth under DNS load", SideEffects: "late answers are dropped", Doc: docConntrack,
		Source: sourceCode, Module: conntrackModule,
	},
	{
		Key: "net.netfilter.nf_conntrack_udp_timeout_stream", Title: "how long a tracked UDP exchange stays",
		Type: TypeInt, Unit: Seconds, Range: Range{1, math.MaxInt32}, Default: stepped("180", step{by(4, 15, 5, 4), "120"}), KernelCheck: unchecked,
		Scope: ScopeNetns, Takes: TakesNew, Risk: RiskCaution, Solves: "table growth under DNS load", SideEffects: "late answers are dropped",
		Doc: docConntrack, Source: sourceCode, Module: conntrackModule,
	},
}}
