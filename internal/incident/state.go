package incident

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// Memory is all that a [Tracker] knows: a plain value that is kept as JSON and
// handed to the next one. Its zero value knows nothing.
type Memory struct {
	BootID string       `json:"boot_id,omitempty"`
	Clock  steady.Clock `json:"clock"`
	// Seq counts the incidents there have been.
	Seq     uint64   `json:"seq,omitempty"`
	Records []record `json:"records,omitempty"` // in the order they began
	Past    []past   `json:"past,omitempty"`
}

// record is an incident and what judging it takes. Durations count from the
// start of [Memory].Clock or add up judgements that were made.
type record struct {
	Incident
	Place string `json:"place,omitempty"` // the subject without the program
	Comm  string `json:"comm,omitempty"`

	// Found is what the last judgement said that was made, at JudgedAt.
	Found    bool          `json:"found,omitempty"`
	JudgedAt time.Duration `json:"judged_at"`
	// Held is how long it has been at least info, warning and critical.
	Held [3]time.Duration `json:"held"`
	// Quiet is how long it was looked for in vain, Lower how long it has been
	// less than its severity, Gone how long it could not be found any more.
	Quiet time.Duration `json:"quiet,omitempty"`
	Lower time.Duration `json:"lower,omitempty"`
	Gone  time.Duration `json:"gone,omitempty"`
	// Wait is how long it must still be found to be told of, once the incident
	// that explained it has ended.
	Wait time.Duration `json:"wait,omitempty"`

	// TextAt is when the finding's words were last replaced, ChangedAt when it
	// was last among the changed ones.
	TextAt    time.Duration `json:"text_at,omitempty"`
	ChangedAt time.Duration `json:"changed_at,omitempty"`

	// Told is the alert that fires; nil for none. Number counts the alerts there
	// were. Figures are those of the finding.
	Told   *Alert        `json:"told,omitempty"`
	Number int           `json:"number,omitempty"`
	SentAt time.Duration `json:"sent_at,omitempty"`
}

// past is the endings of incidents of one key, to tell flapping.
type past struct {
	Key  Key             `json:"key"`
	Ends []time.Duration `json:"ends"`
}

// endsKept bounds the endings remembered of one key.
const endsKept = 16

// remember takes note that an incident of a key has ended.
func (m *Memory) remember(k Key, most int) {
	for i := range m.Past {
		if p := &m.Past[i]; p.Key == k {
			p.Ends = append(p.Ends, m.Clock.Elapsed)
			if len(p.Ends) > endsKept {
				p.Ends = p.Ends[len(p.Ends)-endsKept:]
			}
			return
		}
	}
	m.Past = append(m.Past, past{Key: k, Ends: []time.Duration{m.Clock.Elapsed}})
	if len(m.Past) > most {
		m.Past = m.Past[len(m.Past)-most:]
	}
}

// cameBack counts the endings of a key within the interval.
func (m *Memory) cameBack(k Key, interval time.Duration) int {
	n := 0
	for _, p := range m.Past {
		if p.Key != k {
			continue
		}
		for _, end := range p.Ends {
			if m.Clock.Elapsed-end <= interval {
				n++
			}
		}
	}
	return n
}

// forget drops the endings that are older than the interval.
func (m *Memory) forget(interval time.Duration) {
	kept := m.Past[:0]
	for _, p := range m.Past {
		if m.Clock.Elapsed-p.Ends[len(p.Ends)-1] <= interval {
			kept = append(kept, p)
		}
	}
	clear(m.Past[len(kept):])
	m.Past = kept
}
