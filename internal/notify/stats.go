package notify

import (
	"sync"
	"time"
)

// Stats are the figures of one receiver since the start.
type Stats struct {
	// Receiver is its name, Kind alertmanager, webhook, syslog or command.
	Receiver, Kind string
	// Sent counts messages delivered, Failed attempts that failed.
	Sent, Failed uint64
	// Filtered counts messages that this receiver does not want, Superseded
	// those that newer ones about the same alert made needless.
	Filtered, Superseded uint64
	// Refused counts messages given up because the receiver would not have
	// them, Overflowed those that the queue had no room for.
	Refused, Overflowed uint64
	// Waiting is how many messages are in the queue.
	Waiting int
	// LastError tells why the last failed attempt failed, and stays when later
	// ones succeed: compare LastFailure with LastSuccess.
	LastError                string
	LastFailure, LastSuccess time.Time
}

// tally keeps the figures of one receiver.
type tally struct {
	now func() time.Time

	mu    sync.Mutex
	stats Stats
}

func (t *tally) change(f func(s *Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.stats)
}

// success notes an attempt that went well.
func (t *tally) success() {
	t.change(func(s *Stats) { s.LastSuccess = t.now() })
}

// failure notes an attempt that failed.
func (t *tally) failure(err error) {
	t.change(func(s *Stats) {
		s.Failed++
		s.LastError, s.LastFailure = err.Error(), t.now()
	})
}

func (t *tally) read() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}
