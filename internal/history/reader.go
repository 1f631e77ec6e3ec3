package history

import (
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Reader reads a history without writing to it, while an agent is at it or not.
// It needs no lock: a transaction writes only to pages that are free, so that
// what a reader sees is whole as long as none has ended since it began; where
// one has, it looks again. It is safe for use by several goroutines.
type Reader struct {
	path string
	// patience is how often it looks again.
	patience int
}

// OpenReadOnly opens a history for reading. Where there is none the error is
// [fs.ErrNotExist].
func OpenReadOnly(path string) (*Reader, error) {
	r := &Reader{path: path, patience: 50}
	return r, r.view(func(view) error { return nil })
}

// view shows the history as it is between two transactions. do may be called
// more than once, and must forget what it saw the last time.
func (r *Reader) view(do func(view) error) error {
	f, p, err := openFile(r.path)
	if err != nil {
		return r.wrap(err)
	}
	defer f.Close()
	for range r.patience {
		err = checkSchema(p, r.path)
		if err == nil {
			err = do(p)
		}
		before := p.meta
		if failed := p.refresh(); failed != nil {
			return r.wrap(errors.Join(err, failed))
		}
		if p.meta == before {
			return r.wrap(err)
		}
	}
	return fmt.Errorf("history: %s: it is written to faster than it can be read", r.path)
}

// wrap names the file in an error.
func (r *Reader) wrap(err error) error {
	if errors.Is(err, ErrDamaged) || errors.Is(err, errValue) {
		return fmt.Errorf("history: %s: %w", r.path, err)
	}
	return wrap(err)
}

// Incidents is [Store.Incidents]. It also says how many values are damaged and
// were left out.
func (r *Reader) Incidents(q Query) (out []incident.Incident, unreadable int, err error) {
	err = r.view(func(v view) (err error) {
		out, unreadable, err = readIncidents(v, q)
		return err
	})
	return out, unreadable, err
}

// Incident is [Store.Incident].
func (r *Reader) Incident(uid string) (in incident.Incident, ok bool, err error) {
	err = r.view(func(v view) (err error) {
		in, ok, err = readIncident(v, uid)
		return err
	})
	return in, ok, err
}

// Series is [Store.Series].
func (r *Reader) Series(name string, since, until time.Time, samples int) (out []Sample, err error) {
	err = r.view(func(v view) error {
		out = nil
		n, err := loadNames(v)
		if err != nil {
			return err
		}
		if known, ok := n.Series[name]; ok {
			out, _, err = readSeries(v, known.ID, nanosOf(since), nanosOf(until), samples)
		}
		return err
	})
	return out, err
}

// SeriesNames is [Store.SeriesNames].
func (r *Reader) SeriesNames() (all []string, err error) {
	err = r.view(func(v view) error {
		n, err := loadNames(v)
		if err == nil {
			all = n.list()
		}
		return err
	})
	return all, err
}

// LastTick is when the agent looked last, as far as that was written: it may lag
// behind by as long as ticks are held. It is zero where it never did.
func (r *Reader) LastTick() (at time.Time, err error) {
	err = r.view(func(v view) error {
		c, ok, err := readClock(v)
		at = time.Time{}
		if ok {
			at = time.Unix(0, c.last)
		}
		return err
	})
	return at, err
}
