package incident

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Status says what an alert tells.
type Status string

// The statuses.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// Alert is one message about an incident. Labels are constant for its life, so
// an escalation resolves one alert and fires another; figures are annotations.
type Alert struct {
	// UID names the alert: all messages about it carry the same. An escalated
	// incident has an alert for each severity.
	UID string `json:"uid"`
	// Incident is the UID of the incident.
	Incident string `json:"incident"`
	Status   Status `json:"status"`
	// Repeat counts the repetitions of the same news, 0 for the first message.
	Repeat int `json:"repeat,omitempty"`
	// Labels are alertname, id, severity, instance, netns and subject.
	Labels map[string]string `json:"labels"`
	// Annotations are summary, description, cause, actor, and figures.
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"starts_at"`
	// EndsAt is set once it is resolved.
	EndsAt  time.Time     `json:"ends_at,omitzero"`
	Finding rules.Finding `json:"finding"`
}
