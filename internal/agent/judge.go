package agent

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// judge says what windows mean, one after the other: by the rules, by what was
// usual in the hours before, and by what is known already.
type judge struct {
	config  Config
	rules   []rules.Rule
	tracker *incident.Tracker
}

// memory is what is kept from one start of the agent to the next.
type memory struct {
	Schema    string           `json:"schema"`
	Incidents *incident.Memory `json:"incidents"`
}

const memorySchema = "tcpdoctor.agent/v1"

// newJudge makes a judge that remembers what another one has kept.
func newJudge(c Config, kept []byte) (*judge, error) {
	m := memory{Schema: memorySchema, Incidents: new(incident.Memory)}
	if kept != nil {
		if err := json.Unmarshal(kept, &m); err != nil {
			return nil, fmt.Errorf("agent: its state: %w", err)
		}
		if m.Schema != memorySchema || m.Incidents == nil {
			return nil, fmt.Errorf("agent: its state has schema %q, want %q", m.Schema, memorySchema)
		}
	}
	j := &judge{config: c, rules: rules.All()}
	j.tracker = incident.New(j.incidentOptions(), *m.Incidents)
	return j, nil
}

func (j *judge) incidentOptions() incident.Options {
	return incident.Options{Instance: j.config.Instance, Config: j.config.Incidents, Rules: j.rules}
}

// configure goes on with other settings.
func (j *judge) configure(c Config) {
	j.config = c
	j.tracker.Configure(j.incidentOptions())
}

// keep returns what the next judge is to remember.
func (j *judge) keep() ([]byte, error) {
	return json.Marshal(memory{Schema: memorySchema, Incidents: j.tracker.Memory()})
}

// verdict is what the rules say of one window.
type verdict struct {
	view   *model.View
	result rules.Result
	took   map[string]time.Duration // by rule
}

// ask has the rules judge a window.
func (j *judge) ask(w facts.Window) verdict {
	v := verdict{view: model.NewView(w), took: make(map[string]time.Duration, len(j.rules))}
	v.result = rules.Eval(v.view, rules.Options{
		Rules: j.rules, Thresholds: j.config.Thresholds,
		Around: func(rule string, check func()) {
			began := time.Now()
			check()
			v.took[rule] += time.Since(began)
		},
	})
	return v
}

// calls says why a window of listeners and counters alone wants a walk; "" where
// it does not.
func (j *judge) calls(v verdict) string {
	if len(v.result.Findings) > 0 {
		return v.result.Findings[0].ID + " may be found"
	}
	for i := range v.view.Namespaces {
		n := &v.view.Namespaces[i]
		if n.Start == nil {
			continue
		}
		if why, ok := rules.Wakes(j.rules, n.Start.Counters, n.End.Counters, n.Seconds, n.Baseline); ok {
			return why
		}
	}
	if len(j.tracker.Incidents()) > 0 {
		return "an incident is open"
	}
	return ""
}

// observe adds a verdict to what is known.
func (j *judge) observe(at steady.Moment, v verdict) (changed []incident.Incident, alerts []incident.Alert) {
	return j.tracker.Observe(at, incident.NewObservation(v.view, v.result, j.rules))
}
