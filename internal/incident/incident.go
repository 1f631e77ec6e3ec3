package incident

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// State is where an incident is in its life.
type State string

// The states. An incident that ends while it is pending was never told to
// anybody and is forgotten.
const (
	Pending State = "pending" // seen, not yet for long enough
	Open    State = "open"
	Ended   State = "ended"
)

// Incident is one fault from its first sight to its end.
type Incident struct {
	// UID names this episode: in the history, in alerts, in file names.
	UID string `json:"uid"`
	Key Key    `json:"key"`
	// Netns and Subject are the labels of the alert, constant for its life.
	Netns   string `json:"netns"`
	Subject string `json:"subject"`
	State   State  `json:"state"`

	// Severity is the one alerted now; Peak the highest there was.
	Severity rules.Severity `json:"severity"`
	Peak     rules.Severity `json:"peak"`
	// Since is when the condition was first seen, Opened when it had held for
	// its for-duration, LastSeen when it was last seen, EndedAt when it ended.
	// When it opens, Opened and LastSeen are equal.
	Since    time.Time `json:"since"`
	Opened   time.Time `json:"opened,omitzero"`
	LastSeen time.Time `json:"last_seen"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	// EndReason says why it ended where that is not simply that it was over.
	EndReason string `json:"end_reason,omitempty"`

	// Finding is what was found last, Worst what was found at its peak.
	Finding rules.Finding `json:"finding"`
	Worst   rules.Finding `json:"worst"`

	// CausedBy is the UID of the incident that explains this one; while it is
	// open nobody is told of this one.
	CausedBy string `json:"caused_by,omitempty"`
	// Reopened counts how often it came back within the flapping interval.
	Reopened int `json:"reopened,omitempty"`
	// Recording is the name of the flight recording written when it opened.
	Recording string `json:"recording,omitempty"`
}
