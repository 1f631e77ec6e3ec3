package facts

// Host is the machine a window was taken on.
type Host struct {
	Hostname    string `json:"hostname,omitempty"`
	Kernel      string `json:"kernel,omitempty"` // uname -r
	BootID      string `json:"boot_id,omitempty"`
	CPUs        int    `json:"cpus,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	PageBytes   int    `json:"page_bytes,omitempty"`
	// Root tells whether the collector could see other users' processes.
	Root bool `json:"root"`
}

// Shared is what all namespaces of a host have in common: one reading.
type Shared struct {
	Counters Counters `json:"counters,omitempty"` // "softnet.dropped", "neighbour.arp.table_fulls", ...
	Gauges   Gauges   `json:"gauges,omitempty"`   // "sockstat.TCP.mem", "conntrack.max", ...
}

// LogLine is a kernel log line that tells something about TCP.
type LogLine struct {
	// Kind is what it says: "syn-flood", "orphans", "tcp-memory",
	// "conntrack-full", "neighbour-overflow".
	Kind string `json:"kind"`
	// AgoSeconds is how long before the end of the window it was logged.
	AgoSeconds float64 `json:"ago_seconds"`
	Text       string  `json:"text,omitempty"`
}

// Process is a process that holds sockets worth naming.
type Process struct {
	PID         int         `json:"pid"`
	Comm        string      `json:"comm"`
	UID         Opt[uint32] `json:"uid,omitzero"`
	Cgroup      string      `json:"cgroup,omitempty"`
	Container   string      `json:"container,omitempty"` // 64 hex digits, or ""
	Unit        string      `json:"unit,omitempty"`      // systemd unit, or ""
	FDLimit     Opt[uint64] `json:"fd_limit,omitzero"`   // soft RLIMIT_NOFILE
	FDs         Opt[uint64] `json:"fds,omitzero"`        // open descriptors
	Threads     int         `json:"threads,omitempty"`
	BlockedIn   string      `json:"blocked_in,omitempty"`   // /proc/PID/wchan of the main thread
	State       string      `json:"state,omitempty"`        // one letter of /proc/PID/stat: R, S, D, T, ...
	StartTicks  uint64      `json:"start_ticks,omitempty"`  // since boot, tells a reused pid
	NetnsInode  uint64      `json:"netns_inode,omitempty"`  // of the process itself
	HoldsInodes []uint32    `json:"holds_inodes,omitempty"` // suspects it has open, ascending
}
