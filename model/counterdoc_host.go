package model

// counterDocsHost are the counters and gauges of what connections share.
var counterDocsHost = []CounterDoc{
	{Name: "TcpExt.TCPMemoryPressures", When: "TCP's memory on the whole host passes the pressure mark of tcp_mem",
		Tells: "buffers are squeezed everywhere", Trap: "it is counted in the namespace whose socket noticed"},
	{Name: "TcpExt.TCPMemoryPressuresChrono", When: "pressure ends: milliseconds it lasted are added"},
	{Name: "TcpExt.IPReversePathFilter", When: "a packet is dropped because its source would not be reached the way it came (rp_filter)",
		Tells: "asymmetric routes", Trap: "it looks like a black hole"},
	{Name: "IpExt.InNoRoutes", When: "an arriving packet has no route"},
	{Name: "Ip.OutDiscards", When: "a packet to be sent is dropped on this host"},
	{Name: "Ip.InDiscards", When: "an arriving packet is dropped on this host"},
	{Name: "sockstat.TCP.inuse", When: "it is the number of TCP sockets in use in the namespace", Gauge: true, Trap: "TIME_WAIT and half-open entries are not among them"},
	{Name: "sockstat.TCP.tw", When: "it is the number of TIME_WAIT objects in the namespace, ownerless FIN_WAIT2 included", Gauge: true},
	{Name: "sockstat.TCP.orphan", When: "it is the number of closed but unfinished connections on the whole host", Gauge: true, Tells: "compare with tcp_max_orphans"},
	{Name: "sockstat.TCP.alloc", When: "it is the number of TCP sockets allocated on the whole host", Gauge: true},
	{Name: "sockstat.TCP.mem", When: "it is the pages of memory TCP uses on the whole host", Gauge: true, Tells: "compare with tcp_mem", Trap: "each processor holds up to 1 MiB in reserve, so it is approximate"},
}
