package notify

import (
	"slices"
	"sync"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// memoryBound is how many messages a [MemoryQueue] holds for one receiver unless
// told otherwise. A message takes some 4 KiB.
const memoryBound = 1000

// MemoryQueue is a [Queue] for tests; the agent has that of the history. It is
// bounded: what does not fit displaces the oldest repetition of old news, and
// where there is none the oldest message.
type MemoryQueue struct {
	bound int

	mu    sync.Mutex
	last  uint64
	lines map[string]*line
}

// line is what waits for one receiver.
type line struct {
	entries []Entry
	dropped uint64
}

// NewMemoryQueue makes a queue that holds at most bound messages for each
// receiver; 0 means 1000.
func NewMemoryQueue(bound int) *MemoryQueue {
	if bound <= 0 {
		bound = memoryBound
	}
	return &MemoryQueue{bound: bound, lines: make(map[string]*line)}
}

// Declare says which receivers there are. What waits for others is forgotten.
func (q *MemoryQueue) Declare(receivers []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines := make(map[string]*line, len(receivers))
	for _, r := range receivers {
		lines[r] = q.lines[r]
		if lines[r] == nil {
			lines[r] = new(line)
		}
	}
	q.lines = lines
}

// Put queues messages for every receiver declared. It never blocks.
func (q *MemoryQueue) Put(alerts ...incident.Alert) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range alerts {
		q.last++
		for _, l := range q.lines {
			l.entries = append(l.entries, Entry{Seq: q.last, Alert: a})
			if len(l.entries) > q.bound {
				l.drop()
			}
		}
	}
}

// drop makes room for one message.
func (l *line) drop() {
	victim := slices.IndexFunc(l.entries, func(e Entry) bool { return e.Alert.Repeat > 0 })
	l.entries = slices.Delete(l.entries, max(victim, 0), max(victim, 0)+1)
	l.dropped++
}

// Next implements [Queue].
func (q *MemoryQueue) Next(receiver string) (Entry, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[receiver]
	if l == nil || len(l.entries) == 0 {
		return Entry{}, false, nil
	}
	return l.entries[0], true, nil
}

// Done implements [Queue].
func (q *MemoryQueue) Done(receiver string, seq uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[receiver]
	if l == nil {
		return nil
	}
	at, found := slices.BinarySearchFunc(l.entries, seq, func(e Entry, seq uint64) int {
		switch {
		case e.Seq < seq:
			return -1
		case e.Seq > seq:
			return 1
		}
		return 0
	})
	switch {
	case found && at == 0:
		l.entries[0] = Entry{} // so that the message is collected
		l.entries = l.entries[1:]
	case found:
		l.entries = slices.Delete(l.entries, at, at+1)
	}
	return nil
}

// Backlog implements [Queue].
func (q *MemoryQueue) Backlog(receiver string) (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[receiver]; l != nil {
		return len(l.entries), l.dropped
	}
	return 0, 0
}
