package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// busy is a tick of a busy host: 60 series, a state of 40 KB, two incidents that
// go on.
func busy(n int, random *rand.Rand) Tick {
	at := began().Add(time.Duration(n) * 10 * time.Second)
	t := Tick{At: at}
	for i := range 60 {
		t.Points = append(t.Points, Point{fmt.Sprintf("some_series_%d_per_second", i), float64(random.IntN(100_000)) / 10})
	}
	var state strings.Builder
	for i := range 800 {
		fmt.Fprintf(&state, `{"key":"listener %d","trend":%d},`, i, random.IntN(1_000_000))
	}
	t.State = []byte(state.String())
	for i := range 2 {
		in := found(uidOf(i), began())
		in.LastSeen = at
		t.Incidents = append(t.Incidents, in)
	}
	return t
}

// written is how many bytes this process has written.
func written(t testing.TB) (n int64) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "wchar: %d", &n); err == nil {
			return n
		}
	}
	t.Fatal("no count of bytes written")
	return 0
}

// TestWear: a day of ticks writes little, with two incidents open all the time.
func TestWear(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), DefaultFile), Options{})
	random := rand.New(rand.NewPCG(1, 1))
	const ticks = 1080
	from := 0
	for ; from < 360; from++ { // to fill the first pages
		commit(t, s, busy(from, random))
	}
	before, writes := written(t), s.Stats().Writes
	for n := from; n < from+ticks; n++ {
		commit(t, s, busy(n, random))
	}
	bytes, writes := written(t)-before, s.Stats().Writes-writes
	t.Logf("a tick writes %d bytes, a day %d MB in %d transactions", bytes/ticks, bytes*8640/ticks/1e6, writes*8640/ticks)
	if bytes/ticks > 24_000 || writes > ticks/5 {
		t.Errorf("got %d bytes and %d transactions in %d ticks, too much for a disk", bytes, writes, ticks)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, bm := range []struct {
		name string
		o    Options
		news bool
	}{
		{"quiet", Options{}, false},
		{"news", Options{}, true},
		{"at-once", Options{Hold: -1}, false},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), DefaultFile), bm.o)
			if err := s.Declare([]string{"alertmanager", "webhook"}); err != nil {
				b.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 1))
			var ticks []Tick
			for n := range 400 {
				ticks = append(ticks, busy(n, random))
			}
			before := written(b)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				tick := ticks[n%len(ticks)]
				tick.At = began().Add(time.Duration(n) * 10 * time.Second)
				if bm.news {
					tick.Alerts = []incident.Alert{told(tick.Incidents[0], incident.Firing, 0)}
				}
				if err := s.Commit(tick); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(written(b)-before)/float64(n), "written-B/op")
		})
	}
}

func BenchmarkSeries(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), DefaultFile), Options{})
	random := rand.New(rand.NewPCG(1, 1))
	const ticks = 3000
	for n := range ticks {
		tick := busy(n*30, random)
		tick.State, tick.Incidents = nil, nil
		commit(b, s, tick)
	}
	end := busy(ticks*30, random).At
	for _, span := range []time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour} {
		b.Run(span.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Series("some_series_7_per_second", end.Add(-span), end, 300); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
