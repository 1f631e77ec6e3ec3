package history

import (
	"bytes"
	"time"
)

// What each kind may take of the room for keys and values, in percent. The series
// have 42, see tiers; the rest is for the state and the names.
const (
	incidentShare = 30
	queueShare    = 25
)

// share is how many bytes a kind may take. Of the file, two fifths are for keys
// and values; the rest is for pages that are not full, for those that are free
// until the next transaction, and for the list of them.
func (o *Options) share(percent int64) int64 { return o.MaxBytes * 2 / 5 * percent / 100 }

// removeMost bounds the work of one pass.
const removeMost = 500

// retain removes what is too old and what is too much.
func (s *Store) retain(at time.Time) error {
	tx := newOverlay(s.pending, s.pending.tallies)
	c, ok, err := readClock(tx)
	if err != nil {
		return err
	}
	now := nanosOf(at)
	oldest := now
	if ok {
		oldest = min(now, c.age)
	}
	oldest = max(oldest, -1<<62) - int64(s.o.MaxAge)
	for _, t := range tiers() {
		if err := s.retainRows(tx, t, oldest, now); err != nil {
			return err
		}
	}
	if err := s.retainIncidents(tx, oldest); err != nil {
		return err
	}
	s.pending.merge(tx)
	return nil
}

// retainRows removes rows. Where there are too many, those of a future that the
// clock was set back from go first.
func (s *Store) retainRows(tx *overlay, t tier, oldest, now int64) error {
	most := s.o.share(t.share)
	for range removeMost {
		h := tx.tallies[t.bucket]
		tooMany := h.n > 0 && (h.bytes > most || t.rows > 0 && h.n > t.rows)
		victim, err := endOf(tx, t.bucket, false)
		if err != nil {
			return err
		}
		first, ok := keyNanos(victim)
		if victim == nil || ok && first >= oldest && !tooMany {
			return nil
		}
		if tooMany {
			last, err := endOf(tx, t.bucket, true)
			if err != nil {
				return err
			}
			if n, _ := keyNanos(last); n > now && n-now > int64(jumpLeast) {
				victim = last
			}
		}
		if err := tx.remove(t.bucket, victim); err != nil {
			return err
		}
	}
	return nil
}

// endOf returns the first or the last key of a bucket.
func endOf(v view, bucket string, last bool) (key []byte, err error) {
	err = v.walk(bucket, nil, last, func(k, _ []byte) error {
		key = bytes.Clone(k)
		return errStop
	})
	return key, err
}

// retainIncidents removes those that ended long ago, and where they take too
// much room the oldest that ended. One that is open but was not seen for as long
// was forgotten by the agent.
func (s *Store) retainIncidents(tx *overlay, oldest int64) error {
	most := s.o.share(incidentShare)
	excess := tx.tallies[bucketIncident].bytes + tx.tallies[bucketUID].bytes - most
	var remove, open [][]byte
	err := tx.walk(bucketIncident, nil, false, func(k, stored []byte) error {
		if begun, ok := keyNanos(k); len(remove) == removeMost || ok && begun >= oldest && excess <= 0 {
			return errStop // whatever follows began and ended later
		}
		h, err := decodeHead(stored)
		switch {
		case err != nil || h.ended < oldest || h.seen < oldest || excess > 0 && h.ended != neverEnded:
			remove = append(remove, bytes.Clone(k))
			excess -= int64(2*len(k) + len(stored))
		case excess > 0 && len(open) < removeMost:
			open = append(open, bytes.Clone(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if excess > 0 && len(remove) == 0 { // nothing but open ones is left
		remove = open[:(len(open)+1)/2]
	}
	for _, k := range remove {
		if err := tx.remove(bucketIncident, k); err != nil {
			return err
		}
		if len(k) <= timeBytes {
			continue
		}
		if err := tx.remove(bucketUID, k[timeBytes:]); err != nil {
			return err
		}
	}
	return nil
}
