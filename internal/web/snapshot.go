package web

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Snapshot is what the agent knows after one tick. Whoever publishes it changes
// nothing in it afterwards.
type Snapshot struct {
	// Ready says that the first judgement was made.
	Ready bool
	// LastTick is when the newest window ended, LastWalk when the newest walk
	// over all sockets did; zero where there was none.
	LastTick, LastWalk time.Time

	// View is the window of this tick. It is read while it is published and not
	// kept. Of namespaces whose sockets were not walked this time the figures of
	// their last walk stay. It may be nil where nothing could be collected.
	View *model.View
	// Report is the newest one; nil before the first judgement.
	Report *report.Report
	// Incidents are those that are pending or open.
	Incidents []incident.Incident

	Cost Cost
	Pace Pace
	// CollectErrors counts, since the agent started, how often a source could
	// not be read.
	CollectErrors map[facts.Source]uint64
	Receivers     []Receiver
	Store         Store
}

// Cost is what the newest tick took.
type Cost struct {
	// Collect is the time that collecting took, Collectors its parts by name.
	Collect    time.Duration
	Collectors map[string]time.Duration
	// Rules is the time each rule took over all namespaces, by ID.
	Rules map[string]time.Duration
}

// Pace is how often the agent looks, and what it allows itself to cost.
type Pace struct {
	// Ticks and Walks were made since the agent started; Late counts the ticks
	// that began late because the one before took too long.
	Ticks, Walks, Late uint64
	// Interval is the time from tick to tick, WalkInterval from walk to walk, as
	// they are now.
	Interval, WalkInterval time.Duration
	// BudgetCores is how much of the processors the agent allows itself, and
	// UsedCores what it used lately: 0.01 is one percent of one core.
	BudgetCores, UsedCores float64
	// Widened says why it looks less often than it was told to; "" if it does not.
	Widened string
}

// Receiver is one destination of alerts.
type Receiver struct {
	Name string
	// Sent, Failed and Dropped count since the agent started: messages that
	// were taken, attempts that failed, messages lost because the queue was full.
	Sent, Failed, Dropped uint64
	// Waiting is how many messages are in the queue.
	Waiting     int
	LastSuccess time.Time
	// LastError is why the last attempt failed; "" once one succeeded.
	LastError string
}

// Store is the state of the history on disk.
type Store struct {
	// Bytes is its size, MaxBytes what it may have.
	Bytes, MaxBytes int64
	// Oldest is when the oldest entry was made.
	Oldest time.Time
	// Errors counts the commits that failed since the agent started.
	Errors uint64
	// Problem is why nothing is kept now; "" if all is well.
	Problem string
}
