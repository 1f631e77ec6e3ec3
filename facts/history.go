package facts

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// Series identifies one figure of a namespace that is followed over hours. It
// outlives the processes it is about: it holds no process ID and no inode.
type Series struct {
	// Metric says what is measured: "close_wait", "ports_used", or the name of a
	// kernel counter for its rate per second.
	Metric string `json:"metric"`
	// The others say of what, as far as it is not the whole namespace.
	Comm   string         `json:"comm,omitempty"`
	Cgroup string         `json:"cgroup,omitempty"`
	Local  netip.AddrPort `json:"local,omitzero"`
	Source netip.Addr     `json:"source,omitzero"`
	Dest   netip.AddrPort `json:"dest,omitzero"`
}

// Trend is how a series went over the last hours.
type Trend struct {
	Series Series `json:"series"`
	// Hours is how far back it is known, by Points points.
	Hours  float64 `json:"hours"`
	Points int     `json:"points"`
	// PerHour is the slope: the median of those between any two points
	// (Theil-Sen). With a probability of 99 % it is between LowPerHour and
	// HighPerHour.
	PerHour     float64 `json:"per_hour"`
	LowPerHour  float64 `json:"low_per_hour"`
	HighPerHour float64 `json:"high_per_hour"`
	// Tau is Kendall's: 1 where it only rose, −1 where it only fell.
	Tau float64 `json:"tau"`
	// Restarts is how often the thing measured began anew in this time: the
	// slope is that of the times between.
	Restarts int `json:"restarts,omitempty"`
	// FlatHours is how long ago it was last higher than ever before.
	FlatHours float64 `json:"flat_hours,omitempty"`
	Last      float64 `json:"last"`
}

// Growing reports whether the series rises beyond doubt, and still does: a
// plateau after a rise is not growth.
func (t Trend) Growing() bool {
	const leastHours = 1
	return t.Hours >= leastHours && t.LowPerHour > 0 && t.FlatHours <= max(leastHours, t.Hours/4)
}

// Baseline is what is usual of a rate.
type Baseline struct {
	Series Series `json:"series"`
	// PerSecond is the median, Deviation the median distance from it, times
	// 1.48 to make it comparable with a standard deviation.
	PerSecond float64 `json:"per_second"`
	Deviation float64 `json:"deviation,omitempty"`
	// Hours is how much of the past it rests on. Days is on how many earlier
	// days this time of day was seen; 0 where it rests on the last hours.
	Hours float64 `json:"hours"`
	Days  int     `json:"days,omitempty"`
}

// Unusual reports whether a rate is beyond what is usual: more than twice the
// median, and further from it than six deviations.
func (b Baseline) Unusual(perSecond float64) bool {
	return perSecond > max(2*b.PerSecond, b.PerSecond+6*b.Deviation)
}

// Reading is the value of a series in one window.
type Reading struct {
	// Netns is the label of the namespace.
	Netns  string
	Series Series
	Value  float64
	// Rate marks what happens so often per second; all else is a level.
	Rate bool
	// Epoch changes when the thing measured begins anew, as a program does when
	// it is restarted; 0 where that cannot be told. A level that falls without it
	// has fallen by itself.
	Epoch uint64
}

// Name is a name for the series among all of the host, for people and for files:
// `close_wait{netns="host",subject="java (orders.service)"}`.
func (r *Reading) Name() string {
	if s := r.Series.Subject(); s != "" {
		return fmt.Sprintf("%s{netns=%q,subject=%q}", r.Series.Metric, r.Netns, s)
	}
	return fmt.Sprintf("%s{netns=%q}", r.Series.Metric, r.Netns)
}

// Subject says in words what the series is of; "" for the whole namespace.
func (s *Series) Subject() string {
	var parts []string
	if s.Local.IsValid() {
		parts = append(parts, s.Local.String())
	}
	if s.Dest.IsValid() {
		parts = append(parts, s.Source.String()+" → "+s.Dest.String())
	}
	if s.Comm != "" {
		parts = append(parts, s.Comm)
	}
	if s.Cgroup != "" && s.Cgroup != "/" {
		parts = append(parts, "("+path.Base(s.Cgroup)+")")
	}
	return strings.Join(parts, " ")
}

// Covered says that all of a metric was seen in a namespace: a series of it that
// is not among the readings is 0.
type Covered struct{ Netns, Metric string }
