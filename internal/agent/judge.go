package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/internal/trend"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// judge says what windows mean, one after the other: by the rules, by what was
// usual in the hours before, and by what is known already.
type judge struct {
	config  Config
	rules   []rules.Rule
	tracker *incident.Tracker
	book    *trend.Book
	// counters are those whose usual rates the rules ask for.
	counters []string
	// trends is the book as it was kept last. It is large and changes slowly.
	trends json.RawMessage
}

// memory is what is kept from one start of the agent to the next.
type memory struct {
	Schema    string           `json:"schema"`
	Incidents *incident.Memory `json:"incidents"`
	Trends    json.RawMessage  `json:"trends,omitempty"`
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
	var past trend.Memory
	if m.Trends != nil {
		if err := json.Unmarshal(m.Trends, &past); err != nil {
			return nil, fmt.Errorf("agent: its state: trends: %w", err)
		}
	}
	j := &judge{config: c, rules: rules.All(), book: trend.New(trend.Options{}, past), trends: m.Trends}
	j.counters = rules.Baselined(j.rules)
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
	return json.Marshal(memory{Schema: memorySchema, Incidents: j.tracker.Memory(), Trends: j.trends})
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
	labels := make([]string, len(v.view.Namespaces))
	for i := range labels {
		labels[i] = v.view.Namespaces[i].Label
	}
	j.book.Annotate(v.view.Window, labels, model.TrendMetrics(), j.counters)
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

// anonymous reports whether something was found whose process is not known.
func (v *verdict) anonymous() bool {
	return slices.ContainsFunc(v.result.Findings, func(f rules.Finding) bool {
		return f.Subject.PID == 0 && (f.Subject.Kind == rules.SubjectProcess || f.Subject.Kind == rules.SubjectListener)
	})
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

// news is what a verdict adds to what was known.
type news struct {
	incidents []incident.Incident // that changed
	alerts    []incident.Alert
	readings  []facts.Reading
	drawn     []web.Point // what the page draws
}

// observe adds a verdict to what is known.
func (j *judge) observe(at steady.Moment, v verdict) (news, error) {
	readings, covered := model.Track(v.view, j.counters...)
	var err error
	if j.book.Observe(at, readings, covered) {
		j.trends, err = json.Marshal(j.book.Memory())
	}
	n := news{readings: readings}
	n.incidents, n.alerts = j.tracker.Observe(at, incident.NewObservation(v.view, v.result, j.rules))
	return n, err
}
