package sysctl

import (
	"fmt"
	"math"
	"strconv"
)

// synBacklogDefault is max(128, ehash/128), and a divisor of 256 up to 4.15
// (tcp_init, inet_hashinfo).
var synBacklogDefault = computed("established-hash buckets / 128 (/ 256 to 4.15), at least 128", func(e Env) (Default, bool) {
	buckets, ok := e.ehash()
	if !ok || e.Kernel.IsZero() {
		return Default{}, false
	}
	div := uint64(128)
	switch by(4, 15, 5, 4).At(e.Kernel) {
	case Unknown:
		return Default{}, false
	case No:
		div = 256
	default:
	}
	return Default{strconv.FormatUint(max(128, buckets/div), 10), true}, true
})

var groupHandshake = Group{Name: "handshake", Title: "Opening connections", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_max_syn_backlog", Title: "half-open connections a listener may have while SYN cookies are off",
		Type: TypeInt, Unit: Connections, Range: Range{16, 1 << 24}, Default: synBacklogDefault, KernelCheck: unchecked,
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 14), Takes: TakesLive, Risk: RiskSafe,
		Solves:      "half-open entries refused, only with tcp_syncookies=0; peers without a history may use three quarters",
		SideEffects: "with cookies on (the default) it has no effect: the listen backlog limits the half-open queue",
		Doc:         docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_syncookies", Title: "answer a SYN without storing it when the half-open queue is full",
		Type: TypeInt, Range: Range{0, 2}, Default: always("1"), KernelCheck: byteCheck + "; more than 2 acts as 1",
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskSafe,
		Hazards: []Hazard{
			{0, 0, RiskDangerous, "a SYN flood then refuses every client"},
			{2, 2, RiskCaution, "2 sends a cookie for every SYN: meant for testing"},
		},
		Solves:      "SYN floods",
		SideEffects: "a connection opened by a cookie keeps window scaling and SACK only if the client sent timestamps",
		Doc:         docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_synack_retries", Title: "times a SYN-ACK is sent again",
		Type: TypeInt, Unit: Tries, Range: byteRange, Default: always("5"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskCaution,
		Hazards:     []Hazard{{0, 1, RiskCaution, "clients on lossy paths fail to connect"}},
		Solves:      "half-open entries living 63 s (5), 15 s (3) or 7 s (2); in a full queue the kernel already gives up after 7 s",
		SideEffects: "fewer than 2 drops clients on lossy paths", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_syn_retries", Title: "times a SYN is sent again before connect() fails",
		Type: TypeInt, Unit: Tries, Range: Range{1, 127}, Default: stepped("5", step{since(3, 7), "6"}),
		KernelCheck: "1 to 127", Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskCaution,
		Hazards:     []Hazard{{1, 1, RiskCaution, "connect() fails after 3 s, before two lost packets are made good"}},
		Solves:      "connect() hanging for two minutes: 1 is 3 s, 2 is 7 s, 3 is 15 s (19 s with four linear repeats), 6 is 127 s (131 s)",
		SideEffects: "connections fail that would have succeeded", Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_syn_linear_timeouts", Title: "first SYN repeats sent one second apart, in addition to tcp_syn_retries",
		Type: TypeInt, Unit: Tries, Range: Range{0, 127}, Default: always("4"), KernelCheck: "0 to 127",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "slow connection set-up after one lost SYN",
		SideEffects: "more SYNs towards a peer that is gone", Doc: docIP, Source: measured, Added: since(6, 5), Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_abort_on_overflow", Title: "reset instead of ignoring a client whose connection finds the accept queue full",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: byteCheck,
		Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskDangerous,
		Hazards:     []Hazard{{1, 1, RiskDangerous, "a short burst becomes reset connections; without it clients succeed at the next retry"}},
		Solves:      "clients that wait for a server which will never catch up",
		SideEffects: "turns bursts into resets; SYNs are still dropped in silence", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_fastopen", Title: "data in the SYN: 1 as client, 2 as server, 4 and 0x200 without a cookie, 0x400 for every listener",
		Type: TypeBitmap, Range: Range{0, 0xfff}, Default: always("1"), Choice: true, KernelCheck: unchecked,
		Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesNew, TakesNote: "as server: at listen()", Risk: RiskCaution,
		Solves:      "one round trip for every new connection to a server that was seen before",
		SideEffects: "some paths drop such SYNs; data may be replayed; 4 and 0x200 give up the cookie that stops spoofed senders",
		Doc:         docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_fastopen_key", Title: "secret from which Fast Open cookies are made",
		Type: TypeString, Default: untold("random, made at first use"), KernelCheck: "groups of hexadecimal digits, otherwise refused",
		Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution,
		Solves: "one cookie for a fleet behind one address", SideEffects: "whoever knows it can spoof cookies",
		Doc: docIP, Source: sourceCode, Secret: true,
	},
	{
		Key: "net.ipv4.tcp_fastopen_blackhole_timeout_sec", Title: "how long the client gives up Fast Open after a path ate it",
		Type: TypeInt, Unit: Seconds, Range: Range{0, 1_000_000}, Default: stepped("3600", step{by(5, 4, 5, 14), "0"}),
		KernelCheck: "negative numbers are refused", Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution,
		Solves: "connections failing on paths that drop data in a SYN", SideEffects: "Fast Open pauses for every destination",
		Doc: docIP, Source: sourceCode, Added: since(4, 12),
	},
	{
		Key: "net.ipv4.tcp_migrate_req", Title: "hand unaccepted connections of a closing listener to another of its SO_REUSEPORT group",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive,
		Risk: RiskCaution, Solves: "resets while a server with several listeners reloads",
		SideEffects: "all listeners of the group must be set up alike", Doc: docIP, Source: measured, Added: since(5, 14), Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_child_ehash_entries", Title: "size of the private connection hash of namespaces created next",
		Type: TypeInt, Unit: Entries, Range: Range{0, 16 << 20}, Default: always("0"),
		KernelCheck: "0 to 16777216; rounded up to a power of two", Scope: ScopeNetns, Takes: TakesNetns, Risk: RiskCaution,
		Solves:      "connections of one namespace slowing the walks of another",
		SideEffects: "memory; the new namespace's defaults of tcp_max_tw_buckets and tcp_max_syn_backlog follow this size",
		Doc:         docIP, Source: sourceCode, Added: by(5, 10, 6, 1),
	},
	{
		Key: "net.ipv4.tcp_ehash_entries", Title: "size of the connection hash; negative where it is the host's",
		Type: TypeInt, Unit: Entries, Range: Range{math.MinInt32, math.MaxInt32}, ReadOnly: true,
		Default: computed("one bucket per 128 KiB of memory, a power of two, at most 524288; negative outside the initial namespace",
			func(e Env) (Default, bool) {
				n, ok := e.ehash()
				return Default{fmt.Sprint(n), true}, ok
			}),
		KernelCheck: "nobody may write it", Scope: ScopeNetns, Takes: TakesNetns, Risk: RiskSafe,
		Solves: "nothing: it is there to be read", SideEffects: "none", Doc: docIP, Source: measured, Added: by(5, 10, 6, 1), Relevant: true,
	},
}}
