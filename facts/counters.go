package facts

// Counters are monotonic kernel counters under "Group.Name", as in
// /proc/net/netstat and /proc/net/snmp: "TcpExt.ListenOverflows",
// "Tcp.ActiveOpens", "Ip6.InReceives". They are matched by name because the
// order and number of columns differ between kernels.
type Counters map[string]uint64

// Gauges are kernel values that go up and down, some of them signed:
// "Tcp.CurrEstab", "Tcp.MaxConn" (−1 on Linux), "sockstat.TCP.orphan".
type Gauges map[string]int64

// Delta returns how much a counter rose between two readings, and whether
// both had it. A counter that fell (a namespace replaced, a wrap) is unknown.
func Delta(start, end Counters, name string) (uint64, bool) {
	a, okA := start[name]
	b, okB := end[name]
	if !okA || !okB || b < a {
		return 0, false
	}
	return b - a, true
}
