package trend

import (
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

const (
	// recentBuckets are what a baseline rests on while no earlier day is known,
	// leastRecent how many it takes.
	recentBuckets = 36
	leastRecent   = 6
	// aroundHours is how far from the present time of day an hour may be to tell
	// what is usual now.
	aroundHours = 1
)

// closeHour keeps the hour that has ended, if it was read throughout most of it.
func (l *line) closeHour(ended int32, now int32) {
	var values []float64
	for i, at := range slices.Backward(l.At) {
		if at < now-hourBuckets {
			break
		}
		values = append(values, float64(l.Values[i]))
	}
	if len(values) < hourBuckets/2 {
		return
	}
	middle, deviation := spread(values)
	l.Hours = append(l.Hours, hour{At: ended, Middle: float32(middle), Spread: float32(deviation)})
	if len(l.Hours) > hoursKept {
		l.Hours = slices.Delete(l.Hours, 0, len(l.Hours)-hoursKept)
	}
}

// usual is a baseline that was worked out in a bucket.
type usual struct {
	baseline facts.Baseline
	known    bool
	bucket   int32
	done     bool
}

// Baseline returns what is usual at this time of day, by the days before; else
// what the last hours were like. It is worked out once for each bucket.
func (l *line) Baseline(wall time.Time) (facts.Baseline, bool) {
	if u := &l.usual; !u.done || u.bucket != l.Bucket {
		*u = usual{bucket: l.Bucket, done: true}
		u.baseline, u.known = l.work(wall)
	}
	return l.usual.baseline, l.usual.known
}

func (l *line) work(wall time.Time) (facts.Baseline, bool) {
	if b, ok := l.byDay(wall); ok {
		return b, true
	}
	recent := l.Values[max(0, len(l.Values)-recentBuckets):]
	if len(recent) < leastRecent {
		return facts.Baseline{}, false
	}
	values := make([]float64, len(recent))
	for i, v := range recent {
		values[i] = float64(v)
	}
	b := facts.Baseline{Series: l.Series, Hours: float64(len(recent)) / hourBuckets}
	b.PerSecond, b.Deviation = spread(values)
	return b, true
}

// byDay is the baseline by the same time of earlier days. The spread within the
// hours counts as well as that between the days.
func (l *line) byDay(wall time.Time) (facts.Baseline, bool) {
	const day = 24
	now := int32(wall.Unix() / 3600)
	var middles, within []float64
	days := make(map[int32]bool)
	for _, h := range l.Hours {
		ago := now - h.At
		off := (ago + day/2) % day
		if ago < day-aroundHours || off < day/2-aroundHours || off > day/2+aroundHours {
			continue
		}
		middles = append(middles, float64(h.Middle))
		within = append(within, float64(h.Spread))
		days[(ago+day/2)/day] = true
	}
	if len(days) == 0 {
		return facts.Baseline{}, false
	}
	b := facts.Baseline{Series: l.Series, Hours: float64(len(middles)), Days: len(days)}
	var between float64
	b.PerSecond, between = spread(middles)
	slices.Sort(within)
	b.Deviation = max(between, median(within))
	return b, true
}
