package sysctl

import (
	"slices"
	"strings"
)

// isOther says whether a parameter that the catalogue does not list is one of the
// kernel's all the same, though its name is near to one that is listed. Families
// whose names all begin alike are known by the beginning.
func isOther(k Key) bool {
	const tracking = "net.netfilter.nf_conntrack_"
	if rest, ok := strings.CutPrefix(string(k), tracking); ok {
		for _, family := range []string{"sctp_", "dccp_", "gre_", "icmp_", "icmpv6_", "frag6_", "expect_", "udplite_"} {
			if strings.HasPrefix(rest, family) {
				return true
			}
		}
		return slices.Contains([]string{"acct", "checksum", "events", "generic_timeout", "log_invalid", "timestamp"}, rest)
	}
	return slices.Contains([]Key{
		"net.ipv4.conf.*.arp_filter", "net.ipv4.conf.*.bc_forwarding", "net.ipv4.conf.*.mc_forwarding", "net.ipv4.ip_early_demux",
		"net.ipv4.raw_l3mdev_accept", "net.ipv4.udp_child_hash_entries", "net.ipv4.udp_early_demux", "net.ipv4.udp_hash_entries",
		"net.ipv4.udp_l3mdev_accept", "net.ipv4.udp_rmem_min", "net.ipv4.udp_mem", "net.ipv6.conf.*.force_forwarding", "net.ipv6.conf.*.mc_forwarding",
		"net.ipv6.fib_multipath_hash_policy", "net.ipv6.icmp.echo_ignore_all", "net.ipv6.icmp.ratelimit", "net.ipv6.icmp.ratemask",
		"net.ipv6.ip_nonlocal_bind", "net.ipv6.route.gc_elasticity", "net.ipv6.route.gc_interval", "net.ipv6.route.gc_min_interval",
		"net.ipv6.route.gc_min_interval_ms", "net.ipv6.route.gc_thresh", "net.ipv6.route.gc_timeout", "net.ipv6.route.max_size",
	}, k.Pattern())
}
