package sysctl

import (
	"fmt"
	"math"
)

// bufferMax returns min(limit, RAM/128), at least floor, and whether it is exact:
// the kernel counts free pages at boot, so only the ends of the range are
// (tcp_init).
func bufferMax(e Env, floor, limit uint64) (uint64, bool) {
	share := e.RAMBytes / 128
	switch {
	case share > limit+limit/50:
		return limit, true
	case share < floor-floor/50:
		return floor, true
	}
	return max(floor, min(share, limit)), false
}

var receiveDefault = computed("page size; 131072 (87380 before 4.20); memory/128 between 128 KiB and 32 MiB (6 MiB to 6.14)",
	func(e Env) (Default, bool) {
		large := by(6, 14, 6, 17).At(e.Kernel)
		if e.RAMBytes == 0 || e.Kernel.IsZero() || large == Unknown {
			return Default{}, false
		}
		middle, limit := 131072, uint64(6<<20)
		if !e.Kernel.AtLeast(Release{Major: 4, Minor: 20}) {
			middle = 87380
		}
		if large == Yes {
			limit = 32 << 20
		}
		upper, exact := bufferMax(e, uint64(middle), limit)
		return Default{fmt.Sprintf("%d %d %d", e.page(), middle, upper), exact}, true
	})

var sendDefault = computed("page size; 16384; memory/128 between 64 KiB and 4 MiB", func(e Env) (Default, bool) {
	if e.RAMBytes == 0 {
		return Default{}, false
	}
	upper, exact := bufferMax(e, 64<<10, 4<<20)
	return Default{fmt.Sprintf("%d 16384 %d", e.page(), upper), exact}, true
})

// memoryDefault follows tcp_init_mem: a sixteenth of the free pages at boot is
// the middle value.
var memoryDefault = computed("4.7, 6.25 and 9.4 percent of memory, in pages", func(e Env) (Default, bool) {
	if e.RAMBytes == 0 {
		return Default{}, false
	}
	middle := max(e.RAMBytes/e.page()/16, 128)
	low := middle / 4 * 3
	return Default{fmt.Sprintf("%d %d %d", low, middle, 2*low), false}, true
})

var bufferFields = []string{"min", "default", "max"}

var groupBuffers = Group{Name: "buffers", Title: "Buffers and memory", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_rmem", Title: "receive buffer of a connection: under pressure, at first, at most",
		Type: TypeVector, Fields: bufferFields, Order: OrderLastLargest, Unit: Bytes, Range: Range{4096, math.MaxInt32}, Default: receiveDefault,
		KernelCheck: "each at least 1 (4096 by 7.2 and late 6.1), order unchecked; elements before a refused one are already changed",
		Scope:       ScopeNetns, NetnsSince: since(4, 15), Inherits: true, Takes: TakesLive,
		TakesNote: "default: when a socket is created (accepted ones inherit the listener's); max: at once, but the window scale is fixed at the handshake",
		Risk:      RiskCaution,
		Solves:    "receivers limited on fast long paths: max at twice bandwidth × delay", SideEffects: "memory for every busy connection; latency when a large queue is compacted",
		Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_wmem", Title: "send buffer of a connection: under pressure, at first, at most",
		Type: TypeVector, Fields: bufferFields, Order: OrderLastLargest, Unit: Bytes, Range: Range{4096, math.MaxInt32}, Default: sendDefault,
		KernelCheck: "each at least 1, order unchecked; elements before a refused one are already changed",
		Scope:       ScopeNetns, NetnsSince: since(4, 15), Inherits: true, Takes: TakesLive,
		TakesNote: "default: when a socket is created; max: at once", Risk: RiskCaution,
		Solves: "senders limited on fast long paths: max at twice bandwidth × delay", SideEffects: "memory for every busy connection",
		Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_mem", Title: "memory of all TCP connections of the host: relaxed below, pressure above, hard limit",
		Type: TypeVector, Fields: []string{"low", "pressure", "max"}, Order: OrderRising, Unit: Pages, Range: Range{128, math.MaxInt64},
		Default: memoryDefault, KernelCheck: "unchecked", Scope: ScopeHost, Takes: TakesLive, Risk: RiskDangerous,
		Solves:      "memory pressure (TCPMemoryPressures, TCPAbortOnMemory)",
		SideEffects: "counted in pages: bytes written by mistake remove the guard; low values starve every namespace", Doc: docIP, Source: sourceCode,
		Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_moderate_rcvbuf", Title: "let receive buffers grow by themselves",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: byteCheck, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Hazards: []Hazard{{0, 0, RiskDangerous, "windows then stay near 64 KiB"}},
		Solves: "slow receivers", SideEffects: "sockets with SO_RCVBUF are left out", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_adv_win_scale", Title: "share of the receive buffer kept for overhead",
		Type: TypeInt, Range: Range{-31, 31}, Default: always("1"), KernelCheck: "-31 to 31", Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskObsolete, Solves: "nothing since 6.6", SideEffects: "none since 6.6", Doc: docIP, Source: sourceCode,
		InertSince: since(6, 6), Instead: "remove the line: the kernel measures the overhead itself since 6.6",
	},
	{
		Key: "net.ipv4.tcp_app_win", Title: "part of the window kept for the application",
		Type: TypeInt, Range: Range{0, 31}, Default: always("31"), KernelCheck: "0 to 31", Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskCaution, Solves: "nothing: leave it", SideEffects: "smaller windows", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_shrink_window", Title: "take back window that was already advertised",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesLive, Risk: RiskCaution,
		Solves: "buffers overrun on fast long paths", SideEffects: "the peer must cope with a shrinking window", Doc: docIP, Source: sourceCode,
		Added: by(6, 1, 6, 8),
	},
	{
		Key: "net.ipv4.tcp_notsent_lowat", Title: "unsent data above which a socket is not writable",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, math.MaxUint32}, Default: always("4294967295"), KernelCheck: "0 to 4294967295",
		Scope: ScopeNetns, NetnsSince: by(4, 4, 4, 9), Takes: TakesLive, Risk: RiskSafe,
		Hazards:     []Hazard{{4096, 16384, RiskCaution, "applications wake up very often"}},
		Solves:      "memory held by slow clients; HTTP/2 priorities lost in a long queue",
		SideEffects: "more wake-ups", Doc: docIP, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.ipv4.tcp_limit_output_bytes", Title: "data of one connection that may wait in scheduler and device",
		Type: TypeInt, Unit: Bytes, Range: Range{65536, math.MaxInt32},
		Default:     stepped("262144", step{by(4, 15, 5, 4), "1048576"}, step{by(6, 14, 6, 17), "4194304"}),
		KernelCheck: unchecked, Scope: ScopeNetns, NetnsSince: since(4, 15), Takes: TakesLive, Risk: RiskCaution,
		Solves: "one flow that cannot fill a fast link", SideEffects: "values copied from old recipes slow connections down", Doc: docIP, Source: sourceCode,
	},
	{
		Key: "net.ipv4.tcp_rcvbuf_low_rtt", Title: "round-trip time below which receive buffers grow less",
		Type: TypeInt, Unit: Microseconds, Range: Range{0, 1_000_000}, Default: always("1000"), KernelCheck: "negative numbers are refused",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskSafe, Solves: "cache misses on very short paths", SideEffects: "none known",
		Doc: docIP, Source: sourceCode, Added: by(6, 18, 7, 0),
	},
	{
		Key: "net.ipv4.tcp_autocorking", Title: "gather small writes while earlier packets wait to be sent",
		Type: TypeBool, Range: boolRange, Default: always("1"), KernelCheck: switched, Scope: ScopeNetns, NetnsSince: since(4, 15),
		Takes: TakesLive, Risk: RiskSafe, Solves: "many tiny packets", SideEffects: "off: more packets", Doc: docIP, Source: sourceCode,
	},
}}
