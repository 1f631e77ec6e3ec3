package history

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	berrors "go.etcd.io/bbolt/errors"
)

// DefaultFile is the name of the file within the state folder.
const DefaultFile = "history.db"

// Options bound a store. The zero value is what the agent does unless told
// otherwise.
type Options struct {
	// MaxBytes bounds the file; 0 means 64 MiB, of a store in memory 8 MiB. It
	// is 1 MiB at least. While the file is rewritten to get rid of what is free
	// in it, the copy takes at most half of that besides.
	MaxBytes int64
	// MaxAge is how long ended incidents and figures are kept; 0 means 30 days.
	MaxAge time.Duration
	// QueueMax is how many messages wait for one receiver; 0 means 10,000. All
	// queues together are bounded to a tenth of MaxBytes, too.
	QueueMax int
	// SeriesMax is how many series there may be; 0 means 500. A new one beyond
	// displaces the one not seen for longest.
	SeriesMax int
	// Hold is how long ticks without news wait for the disk; 0 means a minute,
	// a negative value writes each at once. Lost with the process are at most
	// the figures and the state of that time, never an incident or a message.
	Hold time.Duration
}

const (
	megabyte       = 1 << 20
	bytesUsual     = 64 * megabyte
	bytesInMemory  = 8 * megabyte
	bytesLeast     = megabyte
	ageUsual       = 30 * 24 * time.Hour
	queueUsual     = 10_000
	seriesUsual    = 500
	holdUsual      = time.Minute
	pendingMost    = 8 * megabyte
	tidyEvery      = 60 // writes between two looks whether the file is mostly free
	bucketState    = "state"
	keyState       = "state"
	bucketIncident = "incidents"
	bucketUID      = "uids"
)

func (o Options) withDefaults(maxBytes int64) Options {
	o.MaxBytes = max(cmp.Or(o.MaxBytes, maxBytes), bytesLeast)
	o.MaxAge = cmp.Or(o.MaxAge, ageUsual)
	o.QueueMax = cmp.Or(o.QueueMax, queueUsual)
	o.SeriesMax = cmp.Or(o.SeriesMax, seriesUsual)
	o.Hold = cmp.Or(o.Hold, holdUsual)
	return o
}

// Store remembers for an agent. It is safe for use by several goroutines.
type Store struct {
	mu sync.RWMutex
	o  Options
	// disk is nil for a store in memory.
	disk *disk
	// pending is what is not on the disk yet, over what is.
	pending *overlay
	// state is that of the agent, where it is not in pending yet.
	state []byte
	names *names
	pack  packer

	flushed time.Time // the time of the tick that was written last
	writes  int
	stats   Stats
	closed  bool
}

// Stats is how a store is doing.
type Stats struct {
	// FileBytes is the size of the file, UsedBytes what its keys and values take.
	FileBytes, UsedBytes int64
	// HeldBytes is what is not on the disk yet.
	HeldBytes int64
	// Writes counts transactions, Failures those that failed.
	Writes, Failures uint64
	// Unreadable counts values that were damaged when they were to be read.
	Unreadable uint64
	// Refused counts figures that were not kept: no numbers, or of more series
	// than there may be, or while the disk was full and memory too.
	Refused uint64
}

var errClosed = errors.New("history: the store is closed")

// Open opens the history in a file, or begins one. It fails with a
// [*LockedError] where another process writes it, with a [*NewerSchemaError]
// where a newer version did, and where nothing can be written there at all; for
// that there is [NewMemory].
func Open(path string, o Options) (*Store, error) {
	o = o.withDefaults(bytesUsual)
	d, err := openDisk(filepath.Clean(path), o.MaxBytes)
	if err != nil {
		return nil, wrap(err)
	}
	s := &Store{o: o, disk: d}
	s.begin()
	return s, nil
}

// NewMemory makes a store that forgets everything with the process.
func NewMemory(o Options) *Store {
	s := &Store{o: o.withDefaults(bytesInMemory)}
	s.begin()
	return s
}

// wrap names the package, once.
func wrap(err error) error {
	if err == nil || strings.HasPrefix(err.Error(), "history: ") {
		return err
	}
	return fmt.Errorf("history: %w", err)
}

// begin starts from what is on the disk.
func (s *Store) begin() {
	if s.disk == nil {
		s.pending = newOverlay(nothing{}, nil)
	} else {
		s.pending = newOverlay(s.disk.pages, s.disk.tallies)
	}
	var err error
	if s.names, err = loadNames(s.pending); err != nil {
		s.stats.Unreadable++ // figures begin under new numbers
	}
}

// MovedAside says which file could not be used and where it is now; nil where
// none was. The error is a [*MovedAsideError].
func (s *Store) MovedAside() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.disk == nil || s.disk.aside == nil {
		return nil
	}
	return wrap(s.disk.aside)
}

// Stats returns how the store is doing.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := s.stats
	for _, t := range s.pending.tallies {
		out.UsedBytes += t.bytes
	}
	if s.disk != nil {
		out.FileBytes, out.HeldBytes = s.disk.fileBytes(), s.pending.bytes+int64(len(s.state))
	}
	return out
}

// Close writes what is held and releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	var err error
	if s.names.Tick != s.names.saved { // also which series were seen last
		err = s.names.save(s.pending, &s.pack)
	}
	err = errors.Join(err, s.flush())
	s.closed = true
	if s.disk != nil {
		err = errors.Join(err, s.disk.close())
	}
	return wrap(err)
}

// Flush writes what is held.
func (s *Store) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return wrap(s.flush())
}

// flush writes what is held, if anything.
func (s *Store) flush() error {
	if err := s.keepState(); err != nil {
		return err
	}
	if s.disk == nil || s.pending.empty() {
		return nil
	}
	err := s.write()
	s.stats.Writes++
	if err != nil {
		s.stats.Failures++
		return fmt.Errorf("%s: %w; what is new stays in memory until it can be written", s.disk.path, err)
	}
	if s.writes++; s.writes%tidyEvery == 0 {
		s.tidy()
	}
	return nil
}

// tidy gives back room on the disk, and memory. Where it fails, all stays as it
// is, or the next write opens the file anew.
func (s *Store) tidy() {
	if s.disk.wasteful() {
		_ = s.compact()
	} else {
		_ = s.disk.remap()
	}
}

// write writes what is held, and tries once to help where that fails.
func (s *Store) write() error {
	if s.disk.db == nil {
		if err := s.reload(); err != nil {
			return err
		}
	}
	err := s.disk.write(s.pending.diffs)
	switch {
	case errors.Is(err, berrors.ErrMaxSizeReached):
		if err := s.compact(); err != nil {
			return err
		}
		err = s.disk.write(s.pending.diffs)
	case s.disk.db == nil:
		if err := s.reload(); err != nil {
			return err
		}
		err = s.disk.write(s.pending.diffs)
	}
	if err != nil {
		return err
	}
	s.pending = newOverlay(s.disk.pages, s.pending.tallies)
	return nil
}

// compact rewrites the file. What is pending goes on over the copy.
func (s *Store) compact() error {
	err := s.disk.compact()
	if s.disk.pages != nil {
		s.pending.base = s.disk.pages
	}
	return err
}

// reload opens the file anew after something was wrong with it, and puts what
// is pending over what is there now.
func (s *Store) reload() error {
	s.disk.release()
	if err := s.disk.load(); err != nil {
		return err
	}
	next := newOverlay(s.disk.pages, s.disk.tallies)
	for bucket, d := range s.pending.diffs {
		if d.dropped {
			next.drop(bucket)
		}
		for _, k := range d.keys {
			if err := next.change(bucket, []byte(k), d.changes[k]); err != nil {
				return err
			}
		}
	}
	s.pending = next
	// Series keep their numbers, also in a file that is new.
	return s.names.save(next, &s.pack)
}

// State returns the state that the last tick came with; nil before the first.
func (s *Store) State() ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != nil {
		return append([]byte(nil), s.state...), nil
	}
	state, err := readState(s.pending)
	return state, wrap(err)
}

func readState(v view) ([]byte, error) {
	stored, err := v.get(bucketState, []byte(keyState))
	if err != nil || stored == nil {
		return nil, err
	}
	_, state, err := unpack(stored, 0)
	if err != nil {
		return nil, fmt.Errorf("the state of the agent: %w", err)
	}
	return state, nil
}

// keepState puts the state among what is to be written. It is packed only then:
// most states are replaced before.
func (s *Store) keepState() error {
	if s.state == nil {
		return nil
	}
	b, err := s.pack.pack(nil, s.state)
	if err != nil {
		return err
	}
	if err := s.pending.put(bucketState, []byte(keyState), b); err != nil {
		return err
	}
	s.state = nil
	return nil
}
