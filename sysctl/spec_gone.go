package sysctl

// goneSpec is a parameter that current kernels no longer have.
func goneSpec(key Key, title string, gone Bound, instead string) Spec {
	return Spec{
		Key: key, Title: title, Type: TypeString, Default: untold("gone"), KernelCheck: "there is no such file on current kernels",
		Scope: ScopeNetns, Takes: TakesLive, Risk: RiskObsolete, Solves: "nothing", SideEffects: "a line that sets it fails, or is passed over in silence",
		Doc: docIP, Source: sourceCode, Gone: gone, Instead: instead,
	}
}

// inertSpec is a parameter that still exists but does nothing.
func inertSpec(key Key, title, def string, scope Scope, inert Bound, instead string) Spec {
	return Spec{
		Key: key, Title: title, Type: TypeInt, Range: countRange, Default: always(def), KernelCheck: "accepted and ignored", Scope: scope,
		Takes: TakesLive, Risk: RiskObsolete, Solves: "nothing", SideEffects: "none", Doc: docIP, Source: sourceCode, InertSince: inert,
		Instead: instead,
	}
}

// routeSpec is a parameter of the IPv4 route cache, which is gone since 3.6; the
// files remain.
func routeSpec(name, title string) Spec {
	s := inertSpec(Key("net.ipv4.route."+name), title, "", ScopeHost, since(3, 6), "remove the line: the IPv4 route cache is gone since 3.6")
	s.Default = untold("without effect")
	s.Range = Range{-1, 1<<31 - 1}
	return s
}

const (
	noReplacement   = "remove the line: nothing replaces it"
	removeTheLine   = "remove the line"
	modernConntrack = "write the net.netfilter.nf_conntrack_ parameter of the same name"
)

var groupGone = Group{Name: "gone", Title: "Gone or without effect", Specs: []Spec{
	{
		Key: "net.ipv4.tcp_tw_recycle", Title: "fast recycling of TIME_WAIT", Type: TypeBool, Range: boolRange, Default: always("0"),
		KernelCheck: "there is no such file since 4.12", Scope: ScopeNetns, Takes: TakesLive, Risk: RiskObsolete, Solves: "nothing",
		SideEffects: "before 4.12 it dropped clients that share an address behind NAT", Doc: docIP, Source: sourceCode, Gone: since(4, 12),
		Instead: "remove the line; for outgoing connections tcp_tw_reuse, or more source addresses",
	},
	goneSpec("net.ipv4.tcp_thin_dupack", "early retransmission for sparse connections", by(4, 4, 4, 15), "remove the line: time-based loss detection does it"),
	goneSpec("net.ipv4.tcp_abc", "appropriate byte counting", since(3, 9), noReplacement),
	goneSpec("net.ipv4.tcp_frto_response", "answer to a needless timeout", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_cookie_size", "TCP cookie transactions", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_dma_copybreak", "smallest read offloaded to a copy engine", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_max_ssthresh", "limited slow start", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_bic", "BIC congestion control", by(2, 6, 4, 4), "write net.ipv4.tcp_congestion_control"),
	goneSpec("net.ipv4.tcp_bic_beta", "BIC's answer to a loss", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_bic_fast_convergence", "BIC's giving way to new flows", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_bic_low_window", "window above which BIC starts", by(2, 6, 4, 4), noReplacement),
	goneSpec("net.ipv4.tcp_westwood", "Westwood congestion control", by(2, 6, 4, 4), "write net.ipv4.tcp_congestion_control"),
	goneSpec("net.ipv4.tcp_vegas_cong_avoid", "Vegas congestion control", by(2, 6, 4, 4), "write net.ipv4.tcp_congestion_control"),
	rxSkbCache("net.ipv4.tcp_rx_skb_cache", "keep one receive buffer for each connection"),
	rxSkbCache("net.ipv4.tcp_tx_skb_cache", "keep one send buffer for each connection"),
	inertSpec("net.ipv4.tcp_low_latency", "receive without the prequeue", "0", ScopeHost, since(4, 14), "remove the line: the prequeue is gone since 4.14"),
	inertSpec("net.ipv4.tcp_fack", "forward acknowledgement", "0", ScopeNetns, by(4, 4, 4, 15), "remove the line: RACK replaced it"),
	inertSpec("net.ipv4.udp_wmem_min", "smallest send buffer of a UDP socket", "4096", ScopeNetns, since(2, 6), removeTheLine),
	routeSpec("max_size", "size of the IPv4 route cache"),
	routeSpec("gc_thresh", "entries above which the IPv4 route cache is cleaned"),
	routeSpec("gc_elasticity", "chain length of the IPv4 route cache"),
	routeSpec("gc_interval", "time between cleanings of the IPv4 route cache"),
	routeSpec("gc_min_interval", "least time between cleanings of the IPv4 route cache"),
	routeSpec("gc_min_interval_ms", "least time between cleanings of the IPv4 route cache"),
	routeSpec("gc_timeout", "age of entries cleaned from the IPv4 route cache"),
	goneSpec("net.netfilter.nf_conntrack_helper", "assign connection helpers by port", by(6, 17, 6, 18), "remove the line; assign helpers in the rule set"),
	goneSpec("net.ipv4.ip_conntrack_max", "connections that may be tracked", by(4, 4, 4, 15), "write net.netfilter.nf_conntrack_max"),
	goneSpec("net.ipv4.netfilter.ip_conntrack_max", "connections that may be tracked", by(4, 4, 4, 15), "write net.netfilter.nf_conntrack_max"),
	goneSpec("net.ipv4.netfilter.ip_conntrack_count", "connections tracked now", by(4, 4, 4, 15), "read net.netfilter.nf_conntrack_count"),
	goneSpec("net.ipv4.netfilter.ip_conntrack_buckets", "size of the tracking hash", by(4, 4, 4, 15), "write net.netfilter.nf_conntrack_buckets"),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_established", "lifetime of tracked established connections", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_syn_sent", "lifetime of tracked SYNs", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_syn_recv", "lifetime of tracked half-open connections", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_fin_wait", "lifetime in FIN_WAIT", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_close_wait", "lifetime in CLOSE_WAIT", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_last_ack", "lifetime in LAST_ACK", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait", "lifetime in TIME_WAIT", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_close", "lifetime in CLOSE", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_timeout_max_retrans", "lifetime after many repeats", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_max_retrans", "repeats after which a connection is forgotten sooner", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_be_liberal", "let packets outside the window pass", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_tcp_loose", "take up connections whose start was not seen", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_udp_timeout", "lifetime of tracked UDP questions", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_udp_timeout_stream", "lifetime of tracked UDP exchanges", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_generic_timeout", "lifetime of other tracked exchanges", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_icmp_timeout", "lifetime of tracked ICMP questions", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_log_invalid", "log invalid packets", by(4, 4, 4, 15), modernConntrack),
	goneSpec("net.ipv4.netfilter.ip_conntrack_checksum", "check sums of tracked packets", by(4, 4, 4, 15), modernConntrack),
}}

// rxSkbCache is one of two switches that existed from 5.3 to about 5.10.
func rxSkbCache(key Key, title string) Spec {
	s := goneSpec(key, title, by(5, 10, 6, 1), "remove the line: the cache is gone")
	s.Type, s.Range, s.Default = TypeBool, boolRange, always("0")
	s.Added = by(4, 15, 5, 4)
	s.Scope = ScopeHost
	return s
}
