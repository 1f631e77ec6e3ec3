package conformance

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// cohort plays the half-open queue of one listener through time, with the model's
// rules for pruning and for what a timer does.
type cohort struct {
	limit, retries int
	rtoMax         time.Duration
	entries        []halfOpen
	counts         Counts
}

// halfOpen is one entry of a cohort.
type halfOpen struct {
	due      time.Duration // of its next firing
	wait     time.Duration // before it
	timeouts int
	dead     bool
}

// arrive adds entries at a time.
func (q *cohort) arrive(at time.Duration, n int) {
	for range n {
		q.entries = append(q.entries, halfOpen{due: at + model.RTOBase, wait: model.RTOBase})
	}
}

// alive counts the entries that are left, of the first n.
func (q *cohort) alive(n int) int {
	count := 0
	for _, e := range q.entries[:n] {
		if !e.dead {
			count++
		}
	}
	return count
}

// young counts the entries whose timer has never fired.
func (q *cohort) young() int {
	count := 0
	for _, e := range q.entries {
		if !e.dead && e.timeouts == 0 {
			count++
		}
	}
	return count
}

// playUntil lets the timers fire in the order of their times.
func (q *cohort) playUntil(end time.Duration) {
	if q.counts == nil {
		q.counts = Counts{}
	}
	for {
		next := -1
		for i, e := range q.entries {
			if !e.dead && e.due <= end && (next < 0 || e.due < q.entries[next].due) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		q.fire(&q.entries[next])
	}
}

// fire lets one timer fire.
func (q *cohort) fire(e *halfOpen) {
	allowed := model.PrunedRetries(q.retries, q.alive(len(q.entries)), q.young(), q.limit)
	expires, resends := model.HalfOpenTimer{Timeouts: e.timeouts, Retries: allowed}.Fire()
	q.counts.Add(1, model.CTCPTimeouts)
	if resends {
		q.counts.Add(1, model.CTCPSynRetrans, model.CRetransSegs)
	}
	e.dead = expires
	e.timeouts++
	e.wait = min(2*e.wait, q.rtoMax)
	e.due += e.wait
}
