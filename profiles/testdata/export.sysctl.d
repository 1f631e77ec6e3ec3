# Written by tcpdoctor, which replaces the whole file. To change it, apply or roll
# back a change; values of your own belong in a file of your own.

# profile low-latency: poll and select spin instead of sleeping
net.core.busy_poll = 50

# profile low-latency: readers spin instead of sleeping
net.core.busy_read = 50

# profile low-latency: flows do not wait for each other, and are paced
net.core.default_qdisc = fq

# profile reverse-proxy: more local ports for each upstream address and port
net.ipv4.ip_local_port_range = 16384 65535

# profile reverse-proxy: clients that are gone are noticed
net.ipv4.tcp_keepalive_intvl = 30

# profile reverse-proxy: clients that are gone are noticed
net.ipv4.tcp_keepalive_probes = 5

# profile reverse-proxy: clients that are gone are noticed
net.ipv4.tcp_keepalive_time = 600

# profile reverse-proxy: matters only while SYN cookies fail; then it should not be below somaxconn
net.ipv4.tcp_max_syn_backlog = 4096

# profile reverse-proxy: connections through ICMP black holes go on
net.ipv4.tcp_mtu_probing = 1

# profile low-latency: less data waits in front of a message
net.ipv4.tcp_notsent_lowat = 16384

# profile low-latency: sparse flows go on at full speed after a pause
# profile reverse-proxy: kept-alive connections go on at full speed after a pause
net.ipv4.tcp_slow_start_after_idle = 0

# profile low-latency: sparse flows recover without back-off
net.ipv4.tcp_thin_linear_timeouts = 1

# profile reverse-proxy: ports come back after about a second
net.ipv4.tcp_tw_reuse = 1

# Profile reverse-proxy low-latency, for Linux 6.18.44, 16384 MiB of memory.
# For a host with another kernel or other memory, make it there.

# Left out:
#   net.ipv4.ip_local_reserved_ports: no service listens on a port of the range
#   net.ipv4.tcp_max_tw_buckets: closes is not known: connections that this host closes first, in the busiest second (--input closes=2000)
#   net.netfilter.nf_conntrack_max: tracked is not known: connections tracked by netfilter at the busiest time (--input tracked=2000)
#   net.netfilter.nf_conntrack_buckets: tracked is not known: connections tracked by netfilter at the busiest time (--input tracked=2000)
#   net.ipv4.tcp_rto_min_us: rtt is not known: round-trip time of the longest path that matters (--input rtt=100ms)
