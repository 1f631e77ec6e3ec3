package agent

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Config is what the agent is told about its work.
type Config struct {
	// Tick is the time from one look to the next, Budget the processor seconds
	// per second that all of it may take: 0.01 is one percent of one core.
	Tick   time.Duration
	Budget float64
	// Instance names this host in alerts.
	Instance string
	// Thresholds overrides those of rules, by "rule.threshold".
	Thresholds map[string]float64
	// Incidents says when an incident opens, is told of, and ends.
	Incidents incident.Config
}
