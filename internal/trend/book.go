package trend

import (
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

// maxSeriesDefault bounds the series unless [Options] says otherwise. One takes
// at most 4 KiB.
const maxSeriesDefault = 1000

// longestGap is the longest time that a restart can bridge: after it nothing of
// what was remembered counts any more.
const longestGap = 8 * 24 * time.Hour

// Options are the particulars of a [Book].
type Options struct {
	// MaxSeries bounds the series; 0 stands for 1,000. Where there are more,
	// those not read for the longest time give way.
	MaxSeries int
}

// Memory is all that a [Book] knows: a plain value that is kept as JSON and handed
// to the next one. Its zero value knows nothing.
type Memory struct {
	Clock steady.Clock `json:"clock"`
	// Bucket is the number of the bucket under way, Hour that of the hour of day.
	Bucket int32  `json:"bucket"`
	Hour   int32  `json:"hour"`
	Lines  []line `json:"lines,omitempty"`
	// LeftOut counts the readings that no room was left for.
	LeftOut uint64 `json:"left_out,omitempty"`
}

// Book remembers series. It is not safe for concurrent use.
type Book struct {
	options Options
	memory  Memory
	at      map[id]int // positions in memory.Lines
	wall    time.Time
}

// id is what tells series apart.
type id struct {
	netns  string
	series facts.Series
}

// New returns a book that goes on from what another one knew.
func New(o Options, m Memory) *Book {
	if o.MaxSeries <= 0 {
		o.MaxSeries = maxSeriesDefault
	}
	b := &Book{options: o, memory: m}
	b.index()
	return b
}

// Memory returns what the book knows, to be encoded before the next Observe.
func (b *Book) Memory() *Memory { return &b.memory }

// LeftOut counts the readings that no room was left for.
func (b *Book) LeftOut() uint64 { return b.memory.LeftOut }

func (b *Book) index() {
	b.at = make(map[id]int, len(b.memory.Lines))
	for i := range b.memory.Lines {
		l := &b.memory.Lines[i]
		b.at[id{l.Netns, l.Series}] = i
	}
}

// Observe takes in the readings of one window. It reports whether a stretch of
// ten minutes has ended, which is when the memory is worth keeping: what is lost
// with less than that is not missed.
func (b *Book) Observe(at steady.Moment, readings []facts.Reading, covered []facts.Covered) (turned bool) {
	m := &b.memory
	m.Clock.AdvanceAcross(at, longestGap)
	b.wall = m.Clock.Wall
	now := int32(m.Clock.Elapsed / bucket)
	if turned = now != m.Bucket; turned {
		for i := range m.Lines {
			m.Lines[i].Seen += now - m.Bucket - 1 // while nobody watched, nothing was absent
		}
		m.Bucket = now
		b.turn(now)
	}
	for i := range readings {
		b.read(now, &readings[i])
	}
	b.absent(now, covered)
	return turned
}

// read takes in one reading.
func (b *Book) read(now int32, r *facts.Reading) {
	m := &b.memory
	key := id{r.Netns, r.Series}
	i, known := b.at[key]
	if !known {
		if i = b.room(now); i < 0 {
			m.LeftOut++
			return
		}
		m.Lines[i] = line{Netns: r.Netns, Series: r.Series, Rate: r.Rate, Bucket: now, Epoch: r.Epoch}
		b.at[key] = i
	}
	l := &m.Lines[i]
	l.add(now, r.Value, r.Epoch)
	l.Seen = now
	l.heard = true
}

// room returns the position of a line to be used anew, or -1.
func (b *Book) room(now int32) int {
	m := &b.memory
	if len(m.Lines) < b.options.MaxSeries {
		m.Lines = append(m.Lines, line{})
		return len(m.Lines) - 1
	}
	oldest := 0
	for i := range m.Lines {
		if m.Lines[i].Seen < m.Lines[oldest].Seen {
			oldest = i
		}
	}
	if m.Lines[oldest].Seen >= now-1 {
		return -1
	}
	delete(b.at, id{m.Lines[oldest].Netns, m.Lines[oldest].Series})
	return oldest
}

// absent counts what was looked for and not there as 0.
func (b *Book) absent(now int32, covered []facts.Covered) {
	m := &b.memory
	all := make(map[facts.Covered]bool, len(covered))
	for _, c := range covered {
		all[c] = true
	}
	for i := range m.Lines {
		l := &m.Lines[i]
		if !l.heard && all[facts.Covered{Netns: l.Netns, Metric: l.Series.Metric}] {
			l.vanish(now)
		}
		l.heard = false
	}
}

// turn begins a bucket: hours that are over are kept, and lines that nothing was
// read of for too long are forgotten.
func (b *Book) turn(now int32) {
	const keepAbsent = 3 * hourBuckets
	m := &b.memory
	hourNow := int32(b.wall.Unix() / 3600)
	for i := range m.Lines {
		l := &m.Lines[i]
		l.turn(now)
		if l.Rate && hourNow > m.Hour && m.Hour > 0 {
			l.closeHour(m.Hour, now)
		}
	}
	if hourNow != m.Hour {
		m.Hour = hourNow
	}
	before := len(m.Lines)
	m.Lines = slices.DeleteFunc(m.Lines, func(l line) bool {
		keep := int32(keepAbsent)
		if l.Rate {
			keep = hoursKept * hourBuckets
		}
		return l.Seen < now-keep
	})
	if len(m.Lines) != before {
		b.index()
	}
}

// Annotate writes into a window what the book knows of its namespaces, whose
// labels are given in their order: the trends of levels with one of the given
// metrics, and the baselines of the given counters.
func (b *Book) Annotate(w *facts.Window, labels []string, metrics, counters []string) {
	at := make(map[string]*facts.NamespaceWindow, len(labels))
	for i := range w.Namespaces {
		w.Namespaces[i].Trends, w.Namespaces[i].Baselines = nil, nil
		if i < len(labels) {
			at[labels[i]] = &w.Namespaces[i]
		}
	}
	for i := range b.memory.Lines {
		l := &b.memory.Lines[i]
		n := at[l.Netns]
		switch {
		case n == nil:
		case l.Rate && slices.Contains(counters, l.Series.Metric):
			if known, ok := l.Baseline(b.wall); ok {
				n.Baselines = append(n.Baselines, known)
			}
		case !l.Rate && slices.Contains(metrics, l.Series.Metric):
			if t, ok := l.Trend(); ok {
				n.Trends = append(n.Trends, t)
			}
		}
	}
}

// Baseline returns the usual rate of a counter in a namespace.
func (b *Book) Baseline(netns, counter string) (facts.Baseline, bool) {
	i, ok := b.at[id{netns, facts.Series{Metric: counter}}]
	if !ok {
		return facts.Baseline{}, false
	}
	return b.memory.Lines[i].Baseline(b.wall)
}
