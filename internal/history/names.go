package history

import (
	"errors"
	"maps"
	"slices"
)

const keySeries = "series"

// names gives every series a number. None is given twice, so that what is left
// of a series that was forgotten is never taken for another.
type names struct {
	Next   uint64           `json:"next"`
	Tick   uint64           `json:"tick"` // counts ticks, whatever the clock says
	Series map[string]named `json:"series"`
	saved  uint64           // the tick at which they were written last
}

// named is one series.
type named struct {
	ID uint64 `json:"id"`
	// Seen is the tick it was seen last.
	Seen uint64 `json:"seen"`
}

// saveEvery is after how many ticks it is written again which series were seen.
const saveEvery = 360

func loadNames(v view) (*names, error) {
	n := &names{Next: 1, Series: make(map[string]named)}
	stored, err := v.get(bucketMeta, []byte(keySeries))
	if err == nil && stored != nil {
		err = unpackJSON(stored, 0, n)
	}
	if n.Series == nil {
		n.Series = make(map[string]named)
	}
	if err == nil {
		n.saved = n.Tick
		return n, nil
	}
	// The names are lost; their numbers must not be given again.
	n = &names{Next: 1, Series: make(map[string]named)}
	for _, t := range tiers() {
		if failed := v.walk(t.bucket, nil, false, func(_, stored []byte) error {
			r, _ := decodeRow(stored)
			for _, c := range r {
				n.Next = max(n.Next, c.id+1)
			}
			return nil
		}); failed != nil {
			return n, errors.Join(err, failed)
		}
	}
	return n, err
}

// save writes the names.
func (n *names) save(tx *overlay, p *packer) error {
	b, err := p.packJSON(nil, n)
	if err != nil {
		return err
	}
	n.saved = n.Tick
	return tx.put(bucketMeta, []byte(keySeries), b)
}

// resolve returns names that hold a tick's series too, and those series in the
// order of their numbers. A series too many displaces the one not seen for
// longest; where all are of this tick it is refused. fresh tells that the names
// are to be written.
func (n *names) resolve(points []Point, most int) (next *names, cells row, refused uint64, fresh bool) {
	next = &names{Next: n.Next, Tick: n.Tick + 1, Series: n.Series, saved: n.saved}
	next.Series = maps.Clone(n.Series)
	for _, p := range points {
		if !keepable(p) {
			refused++
			continue
		}
		known, ok := next.Series[p.Series]
		if !ok && len(next.Series) >= most && !next.displace() {
			refused++
			continue
		}
		if !ok {
			known.ID = next.Next
			next.Next++
			fresh = true
		}
		known.Seen = next.Tick
		next.Series[p.Series] = known
		cells = append(cells, point(known.ID, p.Value))
	}
	slices.SortStableFunc(cells, func(a, b cell) int {
		switch {
		case a.id < b.id:
			return -1
		case a.id > b.id:
			return 1
		}
		return 0
	})
	// Of a series that comes twice in a tick, the last value counts.
	out := cells[:0]
	for i, c := range cells {
		if i+1 == len(cells) || cells[i+1].id != c.id {
			out = append(out, c)
		}
	}
	return next, out, refused, fresh || next.Tick-next.saved >= saveEvery
}

// displace forgets the series not seen for longest, unless it is of this tick.
func (n *names) displace() bool {
	var victim string
	oldest := n.Tick
	for name, s := range n.Series {
		if s.Seen < oldest || s.Seen == oldest && victim != "" && name < victim {
			victim, oldest = name, s.Seen
		}
	}
	if victim == "" {
		return false
	}
	delete(n.Series, victim)
	return true
}
