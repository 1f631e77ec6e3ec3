package facts

import "time"

// Window is everything observed on one host over a few seconds: the value that
// diagnosis judges and that a recording holds.
type Window struct {
	Host    Host      `json:"host"`
	Started time.Time `json:"started"`
	// Seconds is how long was sampled; 0 is one instant, without rates.
	Seconds float64 `json:"seconds"`

	SharedStart  Shared            `json:"shared_start"`
	SharedEnd    Shared            `json:"shared_end"`
	HostSettings map[string]string `json:"host_settings,omitempty"` // sysctls with host scope
	Log          []LogLine         `json:"log,omitempty"`

	Namespaces []NamespaceWindow `json:"namespaces"`
	Processes  []Process         `json:"processes,omitempty"`
	Gaps       []Gap             `json:"gaps,omitempty"`
	Cost       Cost              `json:"cost"`
}

// Cost is what taking the window cost the host.
type Cost struct {
	WallSeconds float64 `json:"wall_seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	Sockets     uint64  `json:"sockets"`
}

// Namespace identifies one network namespace. Only the cookie, together with
// the boot, is an identity: inode numbers are reused at once.
type Namespace struct {
	Cookie    uint64 `json:"cookie,omitempty"` // SO_NETNS_COOKIE, 0 before kernel 5.14
	Inode     uint64 `json:"inode"`
	Name      string `json:"name,omitempty"`
	Container string `json:"container,omitempty"`
	PIDs      []int  `json:"pids,omitempty"`
	// Self marks the namespace the collector runs in.
	Self bool `json:"self,omitempty"`
}

// NamespaceWindow is what was observed in one namespace.
type NamespaceWindow struct {
	Namespace Namespace         `json:"namespace"`
	Settings  map[string]string `json:"settings,omitempty"` // sysctls with namespace scope
	// Start is the zero value where the window is one instant.
	Start   Snapshot `json:"start,omitzero"`
	End     Snapshot `json:"end"`
	Watches []Watch  `json:"watches,omitempty"`
	Gaps    []Gap    `json:"gaps,omitempty"`
	// Trends and Baselines are what the hours before tell, where somebody has
	// watched them.
	Trends    []Trend    `json:"trends,omitempty"`
	Baselines []Baseline `json:"baselines,omitempty"`
}

// Snapshot is one reading of a namespace: counters, and the walk over its
// sockets.
type Snapshot struct {
	// AtSeconds is when it was taken, counted from the start of the window.
	AtSeconds float64  `json:"at_seconds"`
	Counters  Counters `json:"counters,omitempty"`
	Gauges    Gauges   `json:"gauges,omitempty"`
	Census    Census   `json:"census"`
	// CensusAtSeconds is when the sockets of Census were walked over, where that
	// was not next to the reading of the counters: whoever watches for long walks
	// more rarely than it reads. The census at the start is then that of the walk
	// before, and its time negative.
	CensusAtSeconds Opt[float64] `json:"census_at_seconds,omitzero"`
}

// CensusAt returns when the sockets were walked over, counted from the start of
// the window in seconds.
func (s *Snapshot) CensusAt() float64 { return s.CensusAtSeconds.Or(s.AtSeconds) }

// IsZero reports whether no reading was taken.
func (s Snapshot) IsZero() bool {
	return s.Counters == nil && s.Gauges == nil && s.Census.Sockets == 0 && !s.Census.Complete
}

// Watch is what the polls saw of one listener. The walks at both ends count as
// polls too.
type Watch struct {
	Cookie uint64 `json:"cookie"`
	Polls  int    `json:"polls"`
	// Full counts the polls that found the queue over its limit (A > B), where
	// the kernel drops.
	Full int `json:"full"`
	// Spells counts the separate times that the queue ran full: over its limit,
	// after it had drained to half of it or less.
	Spells    int    `json:"spells,omitempty"`
	HighWater uint32 `json:"high_water"` // largest queue seen
	LowWater  uint32 `json:"low_water"`  // smallest queue seen
	SumQueue  uint64 `json:"sum_queue"`  // over all polls, for the mean
	// FirstDrops and LastDrops are the listener's drop counter at its first
	// and last poll, where the kernel tells.
	FirstDrops Opt[uint32] `json:"first_drops,omitzero"`
	LastDrops  Opt[uint32] `json:"last_drops,omitzero"`
	// FullAtEnd tells whether the last poll found it over the limit.
	FullAtEnd bool `json:"full_at_end,omitempty"`
}
