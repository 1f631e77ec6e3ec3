package sysctl

import "math"

// The documents that the catalogue refers to.
const (
	docIP        = "Documentation/networking/ip-sysctl.rst"
	docNet       = "Documentation/admin-guide/sysctl/net.rst"
	docFS        = "Documentation/admin-guide/sysctl/fs.rst"
	docVM        = "Documentation/admin-guide/sysctl/vm.rst"
	docConntrack = "Documentation/networking/nf_conntrack-sysctl.rst"

	unchecked  = "accepts anything that fits, negative numbers too"
	byteCheck  = "0 to 255 are accepted (older kernels: any integer), others are refused"
	switched   = "0 and 1 only"
	sourceCode = "kernel source"
	measured   = "kernel source; measured on Linux 6.18"
)

// Ranges that many parameters share.
var (
	boolRange  = Range{0, 1}
	byteRange  = Range{0, 255}
	countRange = Range{0, math.MaxInt32}
)

var groupCore = Group{Name: "core", Title: "Sockets and devices (net.core)", Specs: []Spec{
	{
		Key: "net.core.somaxconn", Title: "upper bound of every listener's backlog",
		Type: TypeInt, Unit: Connections, Range: Range{1, math.MaxInt32},
		Default:     stepped("128", step{since(5, 4), "4096"}),
		KernelCheck: "0 to 2147483647; before 4.1 only 16 bits were kept, so a larger value wrapped",
		Scope:       ScopeNetns, Takes: TakesListen,
		TakesNote: "a running listener keeps min(backlog, somaxconn) of its last listen() call",
		Risk:      RiskSafe,
		Solves:    "accept-queue overflow (ListenOverflows) where it is the smaller of the two limits; also caps the half-open queue",
		SideEffects: "a longer queue hides a slow application; the application's own backlog still applies (nginx 511 unless " +
			"told otherwise; HAProxy uses maxconn; Go and Envoy read this parameter)",
		Doc: docIP, Source: measured, Relevant: true,
	},
	{
		Key: "net.core.netdev_max_backlog", Title: "packets that may wait on one CPU's input queue",
		Type: TypeInt, Unit: Packets, Range: Range{1, 10_000_000}, Default: always("1000"), KernelCheck: unchecked,
		Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution,
		Hazards:     []Hazard{{100_000, 10_000_000, RiskCaution, "so long a queue adds latency and uses much memory before anything is dropped"}},
		Solves:      "drops in the second column of /proc/net/softnet_stat",
		SideEffects: "latency; used only for packet steering (RPS), loopback, veth and drivers without NAPI",
		Doc:         docNet, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.core.netdev_budget", Title: "packets handled in one round of the network soft interrupt",
		Type: TypeInt, Unit: Packets, Range: Range{1, 1_000_000}, Default: always("300"), KernelCheck: unchecked,
		Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution,
		Solves: "rounds cut short (third column of /proc/net/softnet_stat)", SideEffects: "user tasks wait longer for the CPU",
		Doc: docNet, Source: sourceCode, Relevant: true,
	},
	{
		Key: "net.core.netdev_budget_usecs", Title: "time for one round of the network soft interrupt",
		Type: TypeInt, Unit: Microseconds, Range: Range{100, 1_000_000},
		Default:     untold("2000; two timer ticks by 5.10, so it follows the kernel's tick rate"),
		KernelCheck: "less than two timer ticks is refused", Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution,
		Solves: "rounds cut short by time (third column of /proc/net/softnet_stat)", SideEffects: "user tasks wait longer for the CPU",
		Doc: docNet, Source: sourceCode, Added: since(4, 12), Relevant: true,
	},
	{
		Key: "net.core.dev_weight", Title: "packets taken from one device or backlog at a time",
		Type: TypeInt, Unit: Packets, Range: Range{1, 65535}, Default: always("64"), KernelCheck: "less than 1 is refused",
		Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution,
		Solves: "nothing that shows in a counter", SideEffects: "uneven service between devices", Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.rmem_max", Title: "upper bound for a receive buffer set by the application",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, math.MaxInt32},
		Default: stepped("212992", step{by(6, 17, 6, 18), "4194304"}), KernelCheck: "less than about 2 KiB is refused",
		Scope: ScopeHostReadOnlyElse, VisibleSince: by(6, 8, 6, 12), Takes: TakesSetsockopt, Risk: RiskCaution,
		Solves:      "applications that ask for SO_RCVBUF and get less",
		SideEffects: "does not cap TCP's own buffer tuning (tcp_rmem does); takes part in the choice of the window scale",
		Doc:         docNet, Source: measured, Relevant: true,
	},
	{
		Key: "net.core.wmem_max", Title: "upper bound for a send buffer set by the application",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, math.MaxInt32},
		Default: stepped("212992", step{by(6, 17, 6, 18), "4194304"}), KernelCheck: "less than about 4 KiB is refused",
		Scope: ScopeHostReadOnlyElse, VisibleSince: by(6, 8, 6, 12), Takes: TakesSetsockopt, Risk: RiskCaution,
		Solves:      "applications that ask for SO_SNDBUF and get less",
		SideEffects: "does not cap TCP's own buffer tuning (tcp_wmem does)", Doc: docNet, Source: measured, Relevant: true,
	},
	{
		Key: "net.core.rmem_default", Title: "receive buffer of a new socket that is not TCP",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, math.MaxInt32}, Default: always("212992"),
		KernelCheck: "less than about 2 KiB is refused", Scope: ScopeHostReadOnlyElse, VisibleSince: by(6, 8, 6, 12),
		Takes: TakesNew, Risk: RiskCaution, Solves: "datagram sockets that drop",
		SideEffects: "memory for every socket; TCP uses tcp_rmem instead", Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.wmem_default", Title: "send buffer of a new socket that is not TCP",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, math.MaxInt32}, Default: always("212992"),
		KernelCheck: "less than about 4 KiB is refused", Scope: ScopeHostReadOnlyElse, VisibleSince: by(6, 8, 6, 12),
		Takes: TakesNew, Risk: RiskCaution, Solves: "datagram senders that block",
		SideEffects: "memory for every socket; TCP uses tcp_wmem instead", Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.optmem_max", Title: "memory for a socket's ancillary data and zero-copy notifications",
		Type: TypeInt, Unit: Bytes, Range: Range{4096, 1 << 30},
		Default: stepped("20480", step{by(6, 1, 6, 8), "131072"}), KernelCheck: "negative numbers are refused",
		Scope: ScopeNetns, NetnsSince: by(6, 1, 6, 8), Takes: TakesLive, Risk: RiskCaution,
		Solves: "zero-copy sends and large option lists failing with ENOBUFS", SideEffects: "pinned memory", Doc: docNet, Source: measured,
	},
	{
		Key: "net.core.default_qdisc", Title: "packet scheduler given to new network devices",
		Type: TypeString, Default: untold("pfifo_fast unless built otherwise; systemd 217 and later sets fq_codel at boot"),
		KernelCheck: "an unknown scheduler is refused as not found", Scope: ScopeHost, Takes: TakesDevice,
		TakesNote: "existing interfaces keep theirs (use tc); veth and loopback stay without one", Risk: RiskSafe,
		Solves: "paced sending (fq) and fairness (fq_codel)", SideEffects: "none on existing devices", Doc: docNet, Source: sourceCode,
		Relevant: true,
	},
	{
		Key: "net.core.busy_read", Title: "time that a read spins for packets, for new sockets",
		Type: TypeInt, Unit: Microseconds, Range: Range{0, 1000}, Default: always("0"), KernelCheck: "negative numbers are refused",
		Scope: ScopeHost, Takes: TakesNew, Risk: RiskCaution, Solves: "wake-up latency", SideEffects: "burns CPU and power",
		Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.busy_poll", Title: "time that poll and select spin for packets",
		Type: TypeInt, Unit: Microseconds, Range: Range{0, 1000}, Default: always("0"), KernelCheck: "negative numbers are refused",
		Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution, Solves: "wake-up latency", SideEffects: "burns CPU and power",
		Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.rps_sock_flow_entries", Title: "size of the table that steers flows to the CPU of their reader",
		Type: TypeInt, Unit: Entries, Range: Range{0, 1 << 29}, Default: always("0"),
		KernelCheck: "at most 536870912; rounded up to a power of two", Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution,
		Solves: "packets handled on the wrong CPU", SideEffects: "has no effect without a setting per device queue", Doc: docNet, Source: sourceCode,
	},
	{
		Key: "net.core.skb_defer_max", Title: "packet buffers that may wait to be freed on the CPU that made them",
		Type: TypeInt, Unit: Packets, Range: Range{0, 65535}, Default: stepped("64", step{by(6, 18, 7, 0), "128"}),
		KernelCheck: "negative numbers are refused", Scope: ScopeHost, Takes: TakesLive, Risk: RiskSafe,
		Solves: "nothing that shows in a counter", SideEffects: "none known", Doc: docNet, Source: sourceCode, Added: by(5, 10, 6, 1),
	},
	{
		Key: "net.core.bypass_prot_mem", Title: "leave sockets out of the host-wide TCP memory account",
		Type: TypeBool, Range: boolRange, Default: always("0"), KernelCheck: switched, Scope: ScopeNetns, Takes: TakesNew,
		Risk: RiskDangerous, Solves: "memory charged twice where every service has a memory control group",
		SideEffects: "memory use is unbounded without such a group", Doc: docNet, Source: sourceCode, Added: by(6, 18, 7, 0),
	},
}}
