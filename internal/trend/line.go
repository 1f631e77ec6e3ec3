package trend

import (
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// The grain of what is remembered.
const (
	bucket      = 10 * time.Minute
	bucketsKept = 144 // a day
	hourBuckets = 6
	hoursKept   = 7 * 24
	// leastPoints is how many points a trend takes: an hour of them. Seven in
	// ascending order come about by chance once in 5,000 times.
	leastPoints = 7
)

// line is what is remembered of one series.
type line struct {
	Netns  string       `json:"netns"`
	Series facts.Series `json:"series"`
	Rate   bool         `json:"rate,omitempty"`
	Epoch  uint64       `json:"epoch,omitempty"`

	// At and Values are the buckets that are over, by number, with their means.
	At     []int32   `json:"at,omitempty"`
	Values []float32 `json:"values,omitempty"`
	// Began are the buckets with which it began anew.
	Began []int32 `json:"began,omitempty"`
	// Vanished is the bucket since which there is nothing of it; 0 where there is.
	Vanished int32 `json:"vanished,omitempty"`
	// Bucket is the one under way, Sum and Count what it holds.
	Bucket int32   `json:"bucket"`
	Sum    float64 `json:"sum,omitempty"`
	Count  int     `json:"count,omitempty"`
	// Hours are the hours of the week before, of rates only.
	Hours []hour `json:"hours,omitempty"`
	// Seen is the bucket in which it was last read.
	Seen int32 `json:"seen"`

	trend  facts.Trend // of the buckets up to asOf
	asOf   int32
	worked bool
	usual  usual
	heard  bool // in the window under way
}

// hour is one hour of a rate by the time of day.
type hour struct {
	At     int32   `json:"at"` // hours since 1970
	Middle float32 `json:"m"`
	Spread float32 `json:"s,omitempty"`
}

// add takes in a value, in a bucket that is not before the last one.
func (l *line) add(now int32, value float64, epoch uint64) {
	l.turn(now)
	switch {
	case l.Vanished != 0 && epoch != l.Epoch:
		// It was another run that ended when it vanished.
		l.Began = append(l.Began, l.Vanished)
	case l.Vanished == 0 && l.restarted(value, epoch):
		// What this bucket held of the run before would blur both.
		l.Sum, l.Count = 0, 0
		l.Began = append(l.Began, now)
	}
	l.Epoch, l.Vanished = epoch, 0
	l.Sum += value
	l.Count++
}

// vanish counts that there is nothing left. Whether it has got better or was
// ended is told by the run that comes next.
func (l *line) vanish(now int32) {
	l.turn(now)
	if l.Vanished == 0 {
		l.Vanished = max(1, now)
		l.Sum, l.Count = 0, 0
	}
	l.Count++
}

// restarted reports whether a value shows that the thing measured began anew:
// another run of the program, and clearly less than the last one had.
func (l *line) restarted(value float64, epoch uint64) bool {
	const clearly = 0.75
	if epoch == l.Epoch {
		return false
	}
	last, known := l.last()
	return known && value < clearly*last
}

// last is the newest value there is.
func (l *line) last() (float64, bool) {
	switch {
	case l.Count > 0:
		return l.Sum / float64(l.Count), true
	case len(l.Values) > 0:
		return float64(l.Values[len(l.Values)-1]), true
	}
	return 0, false
}

// turn closes the bucket under way if it is over, and forgets what is too old.
func (l *line) turn(now int32) {
	if now == l.Bucket {
		return
	}
	if l.Count > 0 {
		l.At = append(l.At, l.Bucket)
		l.Values = append(l.Values, float32(l.Sum/float64(l.Count)))
	}
	l.Bucket, l.Sum, l.Count = now, 0, 0
	old := 0
	for old < len(l.At) && l.At[old] <= now-bucketsKept {
		old++
	}
	l.At, l.Values = slices.Delete(l.At, 0, old), slices.Delete(l.Values, 0, old)
	l.Began = slices.DeleteFunc(l.Began, func(b int32) bool { return b <= now-bucketsKept })
}

// points returns the buckets as hours and values, and where runs begin.
func (l *line) points() (hours, values []float64, first []int) {
	began := 0
	for i, at := range l.At {
		anew := false
		for began < len(l.Began) && l.Began[began] <= at {
			anew = true
			began++
		}
		if i == 0 || anew {
			first = append(first, i)
		}
		hours = append(hours, float64(at)/hourBuckets)
		values = append(values, float64(l.Values[i]))
	}
	return hours, values, first
}

// Trend returns how the series went, and whether that can be told at all. It is
// worked out once for each bucket.
func (l *line) Trend() (facts.Trend, bool) {
	if len(l.At) < leastPoints {
		return facts.Trend{}, false
	}
	newest := l.At[len(l.At)-1]
	if l.worked && l.asOf == newest {
		return l.trend, true
	}
	hours, values, first := l.points()
	s := theilSen(thin(hours, values, first))
	last := len(values) - 1
	l.trend = facts.Trend{
		Series: l.Series, Hours: hours[last] - hours[0], Points: len(values),
		PerHour: s.perHour, LowPerHour: s.low, HighPerHour: s.high, Tau: s.tau,
		Restarts: len(first) - 1, Last: values[last],
	}
	run := first[len(first)-1]
	top := run
	for i := run; i <= last; i++ {
		if values[i] > values[top] {
			top = i
		}
	}
	l.trend.FlatHours = hours[last] - hours[top]
	l.worked, l.asOf = true, newest
	return l.trend, true
}

// thin leaves out every other point of each run where there are many: the slopes
// between pairs are as many as their square, and half the points tell as much.
func thin(hours, values []float64, first []int) (h, v []float64, f []int) {
	const many = 72
	if len(values) <= many {
		return hours, values, first
	}
	for r, from := range first {
		to := len(values)
		if r+1 < len(first) {
			to = first[r+1]
		}
		f = append(f, len(v))
		for i := from; i < to; i += 2 {
			h, v = append(h, hours[i]), append(v, values[i])
		}
	}
	return h, v, f
}
