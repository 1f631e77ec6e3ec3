package notify

import "github.com/tcpdoctor/tcpdoctor/internal/incident"

// Entry is one message in a queue. Seq grows along the queue, from 1.
type Entry struct {
	Seq   uint64
	Alert incident.Alert
}

// Queue holds for each receiver the messages it has not got yet, oldest first.
// Its methods are called from one goroutine per receiver.
type Queue interface {
	// Next returns the oldest message and leaves it where it is; ok is false
	// where there is none.
	Next(receiver string) (e Entry, ok bool, err error)
	// Done removes the message with that number, if it is still there.
	Done(receiver string, seq uint64) error
	// Backlog returns how many messages wait, and how many were dropped since
	// the start because there was no room.
	Backlog(receiver string) (waiting int, dropped uint64)
}
