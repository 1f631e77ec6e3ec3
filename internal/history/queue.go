package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Every receiver has a bucket with its messages by their numbers, one with the
// numbers of those that repeat old news, and in the bucket of all queues the
// number to come and how many messages were dropped.
const (
	bucketQueues = "queues"
	queuePrefix  = "queue "
	repeatPrefix = "repeats "
	// receiverMost bounds a name.
	receiverMost = 256
)

// Entry is one message in a queue. Seq grows along the queue.
type Entry struct {
	Seq   uint64
	Alert incident.Alert
}

// line is what is kept of a queue beside its messages.
type line struct{ next, dropped uint64 }

func (l line) encode() []byte {
	return frame(formPlain, binary.AppendUvarint(binary.AppendUvarint(nil, l.next), l.dropped))
}

func decodeLine(stored []byte) (line, error) {
	_, b, err := unframe(stored)
	if err != nil {
		return line{}, err
	}
	d := decoder{b: b}
	l := line{next: d.uint(), dropped: d.uint()}
	if d.bad || len(d.b) > 0 {
		return line{}, fmt.Errorf("%w: no state of a queue", errValue)
	}
	return l, nil
}

// Declare says which receivers there are: alerts are queued for those from now
// on. What waits for any other is forgotten. It is written with the next tick.
func (s *Store) Declare(receivers []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for _, r := range receivers {
		if r == "" || len(r) > receiverMost {
			return fmt.Errorf("history: a receiver with the name %.40q", r)
		}
	}
	tx := newOverlay(s.pending, s.pending.tallies)
	if err := declare(tx, receivers); err != nil {
		return wrap(err)
	}
	s.pending.merge(tx)
	return nil
}

func declare(tx *overlay, receivers []string) error {
	known, err := receiversOf(tx)
	if err != nil {
		return err
	}
	for _, r := range known {
		if slices.Contains(receivers, r) {
			continue
		}
		tx.drop(queuePrefix + r)
		tx.drop(repeatPrefix + r)
		if err := tx.remove(bucketQueues, []byte(r)); err != nil {
			return err
		}
	}
	for _, r := range receivers {
		if slices.Contains(known, r) {
			continue
		}
		if err := tx.put(bucketQueues, []byte(r), line{next: 1}.encode()); err != nil {
			return err
		}
	}
	return nil
}

// receiversOf lists those that have a queue.
func receiversOf(v view) ([]string, error) {
	var all []string
	err := v.walk(bucketQueues, nil, false, func(k, _ []byte) error {
		all = append(all, string(k))
		return nil
	})
	return all, err
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// enqueue puts a message into every queue.
func (s *Store) enqueue(tx *overlay, a *incident.Alert) error {
	receivers, err := receiversOf(tx)
	if err != nil || len(receivers) == 0 {
		return err
	}
	b, err := s.pack.packJSON(nil, a)
	if err != nil {
		return err
	}
	most := s.o.share(queueShare) / int64(len(receivers))
	for _, r := range receivers {
		l, err := readLine(tx, r)
		if err != nil {
			return err
		}
		if err := tx.put(queuePrefix+r, seqKey(l.next), b); err != nil {
			return err
		}
		if a.Repeat > 0 {
			if err := tx.put(repeatPrefix+r, seqKey(l.next), []byte{formPlain}); err != nil {
				return err
			}
		}
		l.next++
		for t := tx.tallies[queuePrefix+r]; t.n > s.o.QueueMax || t.bytes > most; t = tx.tallies[queuePrefix+r] {
			if err := dropOne(tx, r); err != nil {
				return err
			}
			l.dropped++
		}
		if err := tx.put(bucketQueues, []byte(r), l.encode()); err != nil {
			return err
		}
	}
	return nil
}

// readLine reads the state of a queue. One that is damaged goes on behind the
// last message.
func readLine(v view, receiver string) (line, error) {
	stored, err := v.get(bucketQueues, []byte(receiver))
	if err != nil {
		return line{}, err
	}
	l, err := decodeLine(stored)
	if errors.Is(err, errValue) {
		l = line{next: 1}
		err = v.walk(queuePrefix+receiver, nil, true, func(k, _ []byte) error {
			if len(k) == 8 {
				l.next = binary.BigEndian.Uint64(k) + 1
			}
			return errStop
		})
	}
	return l, err
}

// dropOne makes room in a queue: the oldest repetition of old news goes first,
// and where there is none the oldest message.
func dropOne(tx *overlay, receiver string) error {
	for _, prefix := range []string{repeatPrefix, queuePrefix} {
		var oldest []byte
		err := tx.walk(prefix+receiver, nil, false, func(k, _ []byte) error {
			oldest = slices.Clone(k)
			return errStop
		})
		if err != nil {
			return err
		}
		if oldest != nil {
			return removeEntry(tx, receiver, oldest)
		}
	}
	return nil
}

func removeEntry(tx *overlay, receiver string, key []byte) error {
	return errors.Join(tx.remove(repeatPrefix+receiver, key), tx.remove(queuePrefix+receiver, key))
}

// Next returns the oldest message for a receiver and leaves it where it is; ok
// is false where there is none. A message that is damaged is dropped.
func (s *Store) Next(receiver string) (e Entry, ok bool, err error) {
	s.mu.RLock()
	e, ok, err = readNext(s.pending, receiver)
	s.mu.RUnlock()
	for errors.Is(err, errValue) {
		if err := s.discard(receiver, e.Seq); err != nil {
			return Entry{}, false, err
		}
		s.mu.RLock()
		e, ok, err = readNext(s.pending, receiver)
		s.mu.RUnlock()
	}
	return e, ok, wrap(err)
}

func readNext(v view, receiver string) (e Entry, ok bool, err error) {
	err = v.walk(queuePrefix+receiver, nil, false, func(k, stored []byte) error {
		if len(k) != 8 {
			return damaged("a queue with a key of %d bytes", len(k))
		}
		e.Seq, ok = binary.BigEndian.Uint64(k), true
		if err := unpackJSON(stored, 0, &e.Alert); err != nil {
			return err
		}
		return errStop
	})
	return e, ok && err == nil, err
}

// discard removes a message that cannot be read.
func (s *Store) discard(receiver string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Unreadable++
	l, err := readLine(s.pending, receiver)
	if err != nil {
		return wrap(err)
	}
	l.dropped++
	tx := newOverlay(s.pending, s.pending.tallies)
	if err := errors.Join(removeEntry(tx, receiver, seqKey(seq)), tx.put(bucketQueues, []byte(receiver), l.encode())); err != nil {
		return wrap(err)
	}
	s.pending.merge(tx)
	return nil
}

// Done removes a message, if it is still there. It is gone for good when Done
// returns without an error; with one it is not offered again before a restart.
func (s *Store) Done(receiver string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	tx := newOverlay(s.pending, s.pending.tallies)
	if err := removeEntry(tx, receiver, seqKey(seq)); err != nil {
		return wrap(err)
	}
	if tx.empty() {
		return nil
	}
	s.pending.merge(tx)
	return wrap(s.flush())
}

// Backlog returns how many messages wait for a receiver, and how many were
// dropped since it was declared because there was no room.
func (s *Store) Backlog(receiver string) (waiting int, dropped uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, _ := readLine(s.pending, receiver) // a figure that is missing is 0
	return s.pending.tallies[queuePrefix+receiver].n, l.dropped
}

// Receivers lists those declared.
func (s *Store) Receivers() ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all, err := receiversOf(s.pending)
	return all, wrap(err)
}
