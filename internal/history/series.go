package history

import (
	"math"
	"slices"
	"time"
)

// tier is one resolution in which figures are kept. Every tick is added to the
// current row of each, so that each is complete by itself.
type tier struct {
	bucket string
	// span is the time that a row covers; 0 has a row for every tick.
	span time.Duration
	// rows is how many are kept, 0 those within the age; share is how much room
	// they may take.
	rows  int
	share int64
}

// tiers lists the resolutions, the finest first.
func tiers() []tier {
	return []tier{
		{bucket: "ticks", rows: 1080, share: 12}, // 3 hours of 10 s
		{bucket: "5 minutes", span: 5 * time.Minute, rows: 864, share: 15},
		{bucket: "hours", span: time.Hour, share: 15},
	}
}

// nameMost bounds the name of a series.
const nameMost = 256

// keepable tells whether a point is one.
func keepable(p Point) bool {
	return p.Series != "" && len(p.Series) <= nameMost && !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0)
}

// putPoints adds the figures of a tick to the rows of all resolutions.
func (s *Store) putPoints(tx *overlay, t Tick, out *taken) error {
	if s.disk != nil && s.pending.bytes > pendingMost {
		out.refused = uint64(len(t.Points)) // the disk is full, and here is the end too
		return nil
	}
	next, cells, refused, fresh := s.names.resolve(t.Points, s.o.SeriesMax)
	out.names, out.refused = next, refused
	if fresh {
		if err := next.save(tx, &s.pack); err != nil {
			return err
		}
	}
	if len(cells) == 0 {
		return nil
	}
	at := nanosOf(t.At)
	for _, r := range tiers() {
		if err := addRow(tx, r, at, cells); err != nil {
			return err
		}
	}
	return nil
}

// addRow adds figures to the row of their time. A row that is damaged is begun
// anew.
func addRow(tx *overlay, t tier, at int64, cells row) error {
	key := nanosKey(floor(at, t.span))
	stored, err := tx.get(t.bucket, key)
	if err != nil {
		return err
	}
	if t.span == 0 {
		// Two ticks at one time, after the clock was set back: the later one
		// counts.
		return tx.put(t.bucket, key, cells.encode())
	}
	if stored != nil {
		if before, err := decodeRow(stored); err == nil {
			cells = before.join(cells)
		}
	}
	return tx.put(t.bucket, key, cells.encode())
}

// floor is the beginning of the span that a time is in.
func floor(at int64, span time.Duration) int64 {
	if span == 0 {
		return at
	}
	rest := at % int64(span)
	if rest < 0 {
		rest += int64(span)
	}
	if at < math.MinInt64+rest {
		return math.MinInt64
	}
	return at - rest
}

// Sample is what a series did in a span of time that begins at a time, to the
// resolution in which it is kept.
type Sample struct {
	At             time.Time
	Min, Mean, Max float64
}

// samplesUsual is how many samples are returned unless told otherwise.
const samplesUsual = 500

// Series returns what a series did between two times, the oldest first, in at
// most so many samples (0 means 500), each over the same span of time. Where
// nothing was seen there is no sample. A series that nobody knows has none.
func (s *Store) Series(name string, since, until time.Time, samples int) ([]Sample, error) {
	s.mu.RLock()
	known, ok := s.names.Series[name]
	var out []Sample
	var unreadable int
	var err error
	if ok {
		out, unreadable, err = readSeries(s.pending, known.ID, nanosOf(since), nanosOf(until), samples)
	}
	s.mu.RUnlock()
	s.unreadable(unreadable)
	return out, wrap(err)
}

// SeriesNames lists the series there are, in order.
func (s *Store) SeriesNames() ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names.list(), nil
}

func (n *names) list() []string {
	all := make([]string, 0, len(n.Series))
	for name := range n.Series {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func readSeries(v view, id uint64, since, until int64, samples int) (out []Sample, unreadable int, err error) {
	if samples <= 0 {
		samples = samplesUsual
	}
	if until < since {
		return nil, 0, nil
	}
	width := (uint64(until)-uint64(since))/uint64(samples) + 1
	t, err := chooseTier(v, since, width)
	if err != nil {
		return nil, 0, err
	}
	// The sample being added up: which one it is, since when, and what it comes to.
	var index uint64
	var begun int64
	var sum cell
	give := func() {
		if sum.count > 0 {
			out = append(out, Sample{At: time.Unix(0, begun), Min: sum.min, Mean: sum.mean(), Max: sum.max})
		}
	}
	err = v.walk(t.bucket, nanosKey(floor(since, t.span)), false, func(k, stored []byte) error {
		at, ok := keyNanos(k)
		switch {
		case !ok:
			return damaged("a row with a key of %d bytes", len(k))
		case at > until:
			return errStop
		}
		c, ok, err := findCell(stored, id)
		if err != nil {
			unreadable++
		}
		if err != nil || !ok {
			return nil
		}
		if i := (uint64(max(at, since)) - uint64(since)) / width; i != index || sum.count == 0 {
			give()
			index, begun, sum = i, at, c
			return nil
		}
		sum = sum.add(c)
		return nil
	})
	give()
	return out, unreadable, err
}

// chooseTier picks the finest resolution that still covers the beginning, of
// those not finer than what is asked for.
func chooseTier(v view, since int64, width uint64) (tier, error) {
	all := tiers()
	best := 0
	for i, t := range all {
		if uint64(t.span) <= width {
			best = i
		}
	}
	for ; best < len(all)-1; best++ {
		first, err := firstFrom(v, all[best], since)
		if err != nil {
			return tier{}, err
		}
		covers := true
		for _, coarser := range all[best+1:] {
			earlier, err := firstFrom(v, coarser, since)
			if err != nil {
				return tier{}, err
			}
			// A coarser row begins before the first figure that is in it.
			covers = covers && first-min(first, int64(coarser.span)) <= earlier
		}
		if covers {
			break
		}
	}
	return all[best], nil
}

// firstFrom is the time of the first row from a time on.
func firstFrom(v view, t tier, since int64) (int64, error) {
	first := int64(math.MaxInt64)
	err := v.walk(t.bucket, nanosKey(floor(since, t.span)), false, func(k, _ []byte) error {
		if n, ok := keyNanos(k); ok {
			first = n
		}
		return errStop
	})
	return first, err
}
