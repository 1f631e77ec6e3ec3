package history

import (
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Tick is everything that one look at the host brought.
type Tick struct {
	At time.Time
	// State is what the agent needs to go on after a restart. Nil leaves it as
	// it was.
	State []byte
	// Incidents are those that changed. The ones that are still pending are not
	// kept: nobody was told of them.
	Incidents []incident.Incident
	// Alerts are queued for every receiver declared.
	Alerts []incident.Alert
	// Points are figures for the series of their names.
	Points []Point
}

// Point is the value of a series at the time of a tick.
type Point struct {
	Series string
	Value  float64
}

// stateMost bounds the state of the agent, before it is compressed.
const stateMost = unpackedMost

// Commit takes in a tick, all of it or nothing. A tick with an alert, or with an
// incident that opened, ended or became another in any way but its figures, is
// on the disk when Commit returns, with all ticks before; others may be held for
// a while, see [Options]. All is written in one transaction.
//
// Where writing fails, the error says why, and the tick is in memory all the
// same: it can be read, messages can be fetched, and every Commit tries to write
// it again. Only [errors.Is] with [ErrRefused] says that the tick was not taken.
func (s *Store) Commit(t Tick) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if err := t.check(); err != nil {
		return fmt.Errorf("history: %w: %w", ErrRefused, err)
	}
	tx, kept, err := s.take(t)
	if err != nil && s.disk != nil {
		// What is on the disk could not be read. Opening it anew looks at all of it.
		if err = errors.Join(err, s.reload()); s.disk.db != nil {
			tx, kept, err = s.take(t)
		}
	}
	if err != nil {
		return fmt.Errorf("history: %w: %w", ErrRefused, err)
	}
	s.pending.merge(tx)
	s.names = kept.names
	s.stats.Refused += kept.refused
	if t.State != nil {
		s.state = append(make([]byte, 0, len(t.State)), t.State...)
	}
	due := kept.news || s.o.Hold < 0 || s.flushed.IsZero() || t.At.Before(s.flushed) || t.At.Sub(s.flushed) >= s.o.Hold
	if !due {
		return nil
	}
	if err := s.retain(t.At); err != nil {
		return wrap(err)
	}
	if err := s.flush(); err != nil {
		return wrap(err)
	}
	s.flushed = t.At
	return nil
}

// ErrRefused says that a tick was not taken at all.
var ErrRefused = errors.New("the tick was not kept")

// taken is what a tick comes to beside what it writes.
type taken struct {
	names   *names
	news    bool
	refused uint64
}

// check finds what is wrong with a tick itself.
func (t *Tick) check() error {
	switch {
	case t.At.IsZero():
		return errors.New("it has no time")
	case len(t.State) > stateMost:
		return fmt.Errorf("its state of %d bytes is larger than %d", len(t.State), stateMost)
	}
	for i := range t.Incidents {
		if uid := t.Incidents[i].UID; uid == "" || len(uid) > uidMost {
			return fmt.Errorf("it has an incident with the UID %.40q", uid)
		}
	}
	return nil
}

// take puts a tick into a transaction over what is there.
func (s *Store) take(t Tick) (*overlay, taken, error) {
	tx, out := newOverlay(s.pending, s.pending.tallies), taken{names: s.names}
	if err := advance(tx, t.At); err != nil {
		return nil, out, err
	}
	for i := range t.Incidents {
		news, err := s.putIncident(tx, &t.Incidents[i])
		if err != nil {
			return nil, out, err
		}
		out.news = out.news || news
	}
	for i := range t.Alerts {
		out.news = true
		if err := s.enqueue(tx, &t.Alerts[i]); err != nil {
			return nil, out, err
		}
	}
	return tx, out, s.putPoints(tx, t, &out)
}
