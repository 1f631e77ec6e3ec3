package history

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Incidents are kept by the time they began and their UID, behind a head that
// says without unpacking when they ended, when they were seen last, and whether
// anything but figures changed.
const (
	incidentHead = 3 * 8
	// neverEnded is the end of an incident that is open.
	neverEnded = math.MaxInt64
	// uidMost bounds a name.
	uidMost = 256
	// seenEvery is how far the time it was last seen and the figures of an open
	// incident may lag behind.
	seenEvery = 5 * time.Minute
)

// head is the readable part of a stored incident.
type head struct {
	ended, seen int64
	sum         uint64
}

func headOf(in *incident.Incident) (head, error) {
	h := head{ended: neverEnded, seen: nanosOf(in.LastSeen)}
	if in.State == incident.Ended {
		h.ended = nanosOf(in.EndedAt)
	}
	// Everything that is no figure and no time of the last look.
	plain := *in
	plain.LastSeen = time.Time{}
	plain.Finding.Summary, plain.Finding.Explanation = "", ""
	plain.Finding.Evidence, plain.Finding.Prescriptions = nil, nil
	plain.Finding.Subject.PID, plain.Finding.Subject.PIDs = 0, nil
	plain.Finding.Since = nil
	plain.Worst = plain.Finding
	b, err := json.Marshal(plain)
	if err != nil {
		return h, err
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b) // never fails
	h.sum = sum.Sum64()
	return h, nil
}

func (h head) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(h.ended))
	b = binary.BigEndian.AppendUint64(b, uint64(h.seen))
	return binary.BigEndian.AppendUint64(b, h.sum)
}

func decodeHead(stored []byte) (head, error) {
	_, b, err := unframe(stored)
	if err == nil && len(b) < incidentHead {
		err = fmt.Errorf("%w: %d bytes", errValue, len(b))
	}
	if err != nil {
		return head{}, err
	}
	return head{
		ended: int64(binary.BigEndian.Uint64(b)), seen: int64(binary.BigEndian.Uint64(b[8:])), sum: binary.BigEndian.Uint64(b[16:]),
	}, nil
}

// putIncident keeps an incident, and tells whether there is news of it.
func (s *Store) putIncident(tx *overlay, in *incident.Incident) (news bool, err error) {
	if in.State == incident.Pending {
		return false, nil
	}
	key, err := tx.get(bucketUID, []byte(in.UID))
	if err != nil {
		return false, err
	}
	if key == nil {
		key = append(timeKey(in.Since), in.UID...)
		if err := tx.put(bucketUID, []byte(in.UID), key); err != nil {
			return false, err
		}
	}
	now, err := headOf(in)
	if err != nil {
		return false, err
	}
	old, err := tx.get(bucketIncident, key)
	if err != nil {
		return false, err
	}
	if before, err := decodeHead(old); err == nil && before.sum == now.sum {
		if late := time.Duration(now.seen - before.seen); late >= 0 && late < seenEvery {
			return false, nil
		}
	} else {
		news = true
	}
	b, err := s.pack.packJSON(now.encode(), in)
	if err != nil {
		return false, err
	}
	return news, tx.put(bucketIncident, key, b)
}

// Query selects incidents. The zero value selects all.
type Query struct {
	// Since and Until bound the time: an incident is selected when it was there
	// at any moment between, both included.
	Since, Until time.Time
	// Limit is how many are returned at most; 0 returns all.
	Limit int
	// Match, where it is set, selects further.
	Match func(*incident.Incident) bool
}

// Incidents returns what was found, what began last first. Values that are
// damaged are left out; [Stats] counts them.
func (s *Store) Incidents(q Query) ([]incident.Incident, error) {
	s.mu.RLock()
	out, unreadable, err := readIncidents(s.pending, q)
	s.mu.RUnlock()
	s.unreadable(unreadable)
	return out, wrap(err)
}

// Incident returns one incident by its UID; ok is false where there is none.
func (s *Store) Incident(uid string) (in incident.Incident, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	in, ok, err = readIncident(s.pending, uid)
	return in, ok, wrap(err)
}

// unreadable counts values that could not be read.
func (s *Store) unreadable(n int) {
	if n > 0 {
		s.mu.Lock()
		s.stats.Unreadable += uint64(n)
		s.mu.Unlock()
	}
}

func readIncident(v view, uid string) (in incident.Incident, ok bool, err error) {
	key, err := v.get(bucketUID, []byte(uid))
	if err != nil || key == nil {
		return in, false, err
	}
	stored, err := v.get(bucketIncident, key)
	if err != nil || stored == nil {
		return in, false, err
	}
	if err := unpackJSON(stored, incidentHead, &in); err != nil {
		return in, false, fmt.Errorf("incident %s: %w", uid, err)
	}
	return in, true, nil
}

func readIncidents(v view, q Query) (out []incident.Incident, unreadable int, err error) {
	var from []byte
	if !q.Until.IsZero() {
		from = append(timeKey(q.Until), 0xff) // UIDs are text
	}
	since := int64(math.MinInt64)
	if !q.Since.IsZero() {
		since = nanosOf(q.Since)
	}
	err = v.walk(bucketIncident, from, true, func(_, stored []byte) error {
		h, err := decodeHead(stored)
		if err == nil && h.ended < since {
			return nil
		}
		var in incident.Incident
		if err == nil {
			err = unpackJSON(stored, incidentHead, &in)
		}
		switch {
		case errors.Is(err, errValue):
			unreadable++
			return nil
		case err != nil:
			return err
		case q.Match != nil && !q.Match(&in):
			return nil
		}
		out = append(out, in)
		if len(out) == q.Limit {
			return errStop
		}
		return nil
	})
	return out, unreadable, err
}
