package report

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Schema names the form of the document.
const Schema = "tcpdoctor.report/v1"

// Report is the single document that every renderer writes.
type Report struct {
	Schema        string          `json:"schema"`
	Tool          Tool            `json:"tool"`
	Host          Host            `json:"host"`
	Started       time.Time       `json:"started"`
	WindowSeconds float64         `json:"window_seconds"`
	Namespaces    []Namespace     `json:"namespaces"`
	Findings      []rules.Finding `json:"findings"`
	Unknown       []rules.Unknown `json:"unknown"`
	Gaps          []Gap           `json:"gaps"`
	LookedAt      LookedAt        `json:"looked_at"`
	Baseline      *Baseline       `json:"baseline,omitempty"`
	Cost          facts.Cost      `json:"cost"`
}

// Tool says what wrote the report.
type Tool struct {
	Version string `json:"version"`
}

// Host is the machine that was looked at.
type Host struct {
	Hostname string `json:"hostname,omitempty"`
	Kernel   string `json:"kernel,omitempty"`
	BootID   string `json:"boot_id,omitempty"`
}

// Namespace is one network namespace that was looked at.
type Namespace struct {
	Cookie    uint64 `json:"cookie,omitempty"`
	Inode     uint64 `json:"inode"`
	Name      string `json:"name,omitempty"`
	Container string `json:"container,omitempty"`
	PIDs      []int  `json:"pids,omitempty"`
	// Self marks the namespace that the program itself ran in.
	Self bool `json:"self,omitempty"`
	// Sockets is absent where they could not be read.
	Sockets *Sockets `json:"sockets,omitempty"`
}

// Sockets counts the sockets of a namespace by state, at the end of the window.
// Where the walk was cut short the counts are lower bounds, and a gap says so.
type Sockets struct {
	Established uint64 `json:"established"`
	SynSent     uint64 `json:"syn_sent"`
	SynRecv     uint64 `json:"syn_recv"`
	FinWait1    uint64 `json:"fin_wait1"`
	FinWait2    uint64 `json:"fin_wait2"`
	TimeWait    uint64 `json:"time_wait"`
	Close       uint64 `json:"close"` // bound, neither listening nor connected
	CloseWait   uint64 `json:"close_wait"`
	LastAck     uint64 `json:"last_ack"`
	Listen      uint64 `json:"listen"`
	Closing     uint64 `json:"closing"`
}

// Gap is something that could not be read, and why. Netns is absent where it
// concerns the host.
type Gap struct {
	Source facts.Source `json:"source"`
	Netns  *rules.Netns `json:"netns,omitempty"`
	Reason string       `json:"reason"`
}

// LookedAt says what the verdict rests on, so that silence means something.
type LookedAt struct {
	// Checks is how many judgements were made, one per rule and namespace;
	// Silent of them had nothing to say.
	Checks int `json:"checks"`
	Silent int `json:"silent"`
	// Listeners is how many there were at the end of the window.
	Listeners int `json:"listeners"`
	// AcceptedPerSecond and ConnectedPerSecond are the new connections of all
	// namespaces, absent for a single instant.
	AcceptedPerSecond  *float64 `json:"accepted_per_second,omitempty"`
	ConnectedPerSecond *float64 `json:"connected_per_second,omitempty"`
	// FullestListener is the one whose queue came nearest to its limit.
	FullestListener *FullestListener `json:"fullest_listener,omitempty"`
	// TightestDestination is the one with the fewest free local ports left.
	TightestDestination *TightestDestination `json:"tightest_destination,omitempty"`
	// TimeWait is that of the namespace nearest to its limit.
	TimeWait *TimeWait `json:"time_wait,omitempty"`
}

// FullestListener is the listener whose accept queue came nearest to its limit.
type FullestListener struct {
	Netns rules.Netns `json:"netns"`
	Local string      `json:"local"`
	Port  uint16      `json:"port"`
	PID   int         `json:"pid,omitempty"`
	Comm  string      `json:"comm,omitempty"`
	// QueuePeak is the longest queue seen, QueueLimit where it ends.
	QueuePeak  uint32 `json:"queue_peak"`
	QueueLimit uint32 `json:"queue_limit"`
}

// TightestDestination is the destination towards which the local ports are
// nearest to running out.
type TightestDestination struct {
	Netns       rules.Netns `json:"netns"`
	Local       string      `json:"local"`
	Peer        string      `json:"peer"`
	PeerPort    uint16      `json:"peer_port"`
	PortsUsed   uint64      `json:"ports_used"`
	PortsUsable uint64      `json:"ports_usable"`
}

// TimeWait is how many TIME_WAIT objects a namespace has and may have.
type TimeWait struct {
	Netns rules.Netns `json:"netns"`
	Count uint64      `json:"count"`
	Limit uint64      `json:"limit"`
}

// sockets returns how many there were at the end of the window.
func (r *Report) sockets() int {
	var n uint64
	for _, ns := range r.Namespaces {
		if s := ns.Sockets; s != nil {
			n += s.Established + s.SynSent + s.SynRecv + s.FinWait1 + s.FinWait2 + s.TimeWait + s.Close +
				s.CloseWait + s.LastAck + s.Listen + s.Closing
		}
	}
	return int(n)
}

// Worst returns the highest severity among the findings, "" without any.
func (r *Report) Worst() rules.Severity {
	var worst rules.Severity
	for _, f := range r.Findings {
		if f.Severity.Rank() > worst.Rank() {
			worst = f.Severity
		}
	}
	return worst
}

// Judged reports whether anything could be judged at all.
func (r *Report) Judged() bool {
	return len(r.Findings) > 0 || r.LookedAt.Checks > len(r.Unknown)
}

// count returns how many findings have a severity.
func (r *Report) count(s rules.Severity) int {
	var n int
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}
