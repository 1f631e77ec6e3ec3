package facts

// Gap records something that could not be read and why. Absence is a fact: a
// rule whose input fell into a gap answers "unknown", never "healthy".
type Gap struct {
	// Source names what was asked: "sockets", "netstat", "processes", ...
	Source Source `json:"source"`
	// Reason says why, in words a person can act on.
	Reason string `json:"reason"`
}

// Source names one thing that is collected. Rules state which they need.
type Source string

// The sources a window is made of.
const (
	SourceSockets      Source = "sockets"       // INET_DIAG walks
	SourceListeners    Source = "listeners"     // LISTEN polls between the walks
	SourceNetstat      Source = "netstat"       // /proc/net/netstat
	SourceSNMP         Source = "snmp"          // /proc/net/snmp, snmp6
	SourceSockstat     Source = "sockstat"      // /proc/net/sockstat, sockstat6
	SourceSoftnet      Source = "softnet"       // /proc/net/softnet_stat
	SourceConntrack    Source = "conntrack"     // nf_conntrack count, max and /proc/net/stat
	SourceKernelLog    Source = "kernel log"    // /dev/kmsg
	SourceSettings     Source = "settings"      // /proc/sys, what each namespace has of its own
	SourceHostSettings Source = "host settings" // /proc/sys, what the host has once
	SourceProcesses    Source = "processes"     // /proc/PID
	SourceNamespaces   Source = "namespaces"    // network namespaces of the host
	SourceBoundPorts   Source = "bound ports"   // sockets bound without being connected
	SourceNeighbours   Source = "neighbours"    // /proc/net/stat/arp_cache, ndisc_cache
)
