package trend

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
)

const metric = "close_wait"

// diary feeds a book, one reading a minute.
type diary struct {
	b  *Book
	at steady.Moment
}

func newDiary(o Options) *diary {
	return &diary{b: New(o, Memory{}), at: steady.Moment{Wall: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Mono: time.Hour}}
}

func (d *diary) minute(r ...facts.Reading) {
	d.at.Wall, d.at.Mono = d.at.Wall.Add(time.Minute), d.at.Mono+time.Minute
	d.b.Observe(d.at, r, []facts.Covered{{Netns: "host", Metric: metric}})
}

func (d *diary) reload(t interface{ Fatal(...any) }) {
	data, err := json.Marshal(d.b.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	d.b = New(d.b.options, m)
}

func leak(value float64, epoch uint64) facts.Reading {
	return facts.Reading{Netns: "host", Series: facts.Series{Metric: metric, Comm: "java"}, Value: value, Epoch: epoch}
}

func (d *diary) trend() (facts.Trend, bool) {
	w := facts.Window{Namespaces: make([]facts.NamespaceWindow, 1)}
	d.b.Annotate(&w, []string{"host"}, []string{metric}, nil)
	if len(w.Namespaces[0].Trends) == 0 {
		return facts.Trend{}, false
	}
	return w.Namespaces[0].Trends[0], true
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name    string
		hours   float64
		value   func(hour float64) (value float64, epoch uint64)
		growing bool
		perHour float64
		within  float64
	}{
		{"too short", 1, func(h float64) (float64, uint64) { return 100 * h, 1 }, false, 0, 0},
		{"an hour and a half", 1.5, func(h float64) (float64, uint64) { return 100 * h, 1 }, true, 100, 1},
		{"slow", 12, func(h float64) (float64, uint64) { return math.Floor(3 * h), 1 }, true, 3, 0.3},
		{"one an hour", 24, func(h float64) (float64, uint64) { return math.Floor(h), 1 }, true, 1, 0.2},
		{"noisy", 12, func(h float64) (float64, uint64) { return 50 + 12*h + 10*r.NormFloat64(), 1 }, true, 12, 1},
		{"noise alone", 24, func(float64) (float64, uint64) { return 50 + 10*r.NormFloat64(), 1 }, false, 0, 1},
		{"constant", 24, func(float64) (float64, uint64) { return 70, 1 }, false, 0, 0},
		{"falling", 12, func(h float64) (float64, uint64) { return 200 - 5*h, 1 }, false, -5, 0.5},
		{"a plateau after a rise", 12, func(h float64) (float64, uint64) { return math.Floor(20 * min(h, 4)), 1 }, false, 0, 20},
		{"one step", 12, func(h float64) (float64, uint64) { return 100 * math.Floor(h/6), 1 }, false, 0, 20},
		{"a day's wave", 24, func(h float64) (float64, uint64) { return 100 - 50*math.Cos(h*math.Pi/12), 1 }, false, 0, 20},
		{"restarted every four hours", 20, func(h float64) (float64, uint64) { return 12 * math.Mod(h, 4), uint64(h / 4) }, true, 12, 1},
		{"gone for an hour with every restart", 20, func(h float64) (float64, uint64) {
			return 12 * max(0, math.Mod(h, 4)-1), uint64(h / 4)
		}, true, 12, 1},
		{"a sawtooth of its own", 20, func(h float64) (float64, uint64) { return 12 * math.Mod(h, 4), 1 }, false, 0, 12},
		{"a sawtooth down to nothing", 20, func(h float64) (float64, uint64) { return 12 * max(0, math.Mod(h, 4)-1), 1 }, false, 0, 12},
		{"workers taking turns", 12, func(h float64) (float64, uint64) { return 12 * h, uint64(h * 7) }, true, 12, 0.5},
		{"one wild value an hour", 12, func(h float64) (float64, uint64) {
			if math.Mod(h, 1) < 0.02 {
				return 1e6, 1
			}
			return 12 * h, 1
		}, true, 12, 3},
	} {
		for _, restart := range []bool{false, true} {
			if restart && (c.name == "noisy" || c.name == "noise alone") {
				continue // they share the source of noise
			}
			d := newDiary(Options{})
			for m := range int(c.hours * 60) {
				if value, epoch := c.value(float64(m) / 60); value > 0 {
					d.minute(leak(value, epoch))
				} else {
					d.minute()
				}
				if restart && m%7 == 0 {
					d.reload(t)
				}
			}
			got, _ := d.trend()
			if got.Growing() != c.growing || math.Abs(got.PerHour-c.perHour) > c.within {
				t.Errorf("%s (restarts %v): growing %v by %.2f/h: %+v", c.name, restart, got.Growing(), got.PerHour, got)
			}
			if c.growing && (got.LowPerHour > got.PerHour || got.PerHour > got.HighPerHour || got.LowPerHour > c.perHour*1.05) {
				t.Errorf("%s: bounds %+v", c.name, got)
			}
		}
	}
}

// TestClockSet: setting the clock changes no slope.
func TestClockSet(t *testing.T) {
	t.Parallel()
	d := newDiary(Options{})
	for m := range 6 * 60 {
		switch m {
		case 60, 200:
			d.at.Wall = d.at.Wall.Add(time.Hour)
		case 120, 220:
			d.at.Wall = d.at.Wall.Add(-time.Hour)
		}
		d.minute(leak(float64(m)/5, 1))
	}
	if got, _ := d.trend(); !got.Growing() || math.Abs(got.PerHour-12) > 0.5 || got.Hours < 5 || got.Hours > 6 {
		t.Errorf("got %+v, want 12 an hour for 6 hours", got)
	}
}

// TestDowntime: the hours in which nobody watched are part of the time.
func TestDowntime(t *testing.T) {
	t.Parallel()
	for _, goesOn := range []bool{true, false} {
		d := newDiary(Options{})
		for m := range 3 * 60 {
			d.minute(leak(float64(m)/5, 1))
		}
		d.reload(t)
		d.at.Wall = d.at.Wall.Add(5 * time.Hour)
		if goesOn {
			d.at.Mono += 5 * time.Hour
		} else {
			d.at.Mono = 0
		}
		for m := range 3 * 60 {
			d.minute(leak(float64(8*60+m)/5, 1))
		}
		if got, _ := d.trend(); !got.Growing() || math.Abs(got.PerHour-12) > 0.7 || got.Hours < 10 {
			t.Errorf("second clock goes on %v: got %+v, want 12 an hour", goesOn, got)
		}
	}
}

const counter = "TcpExt.ListenOverflows"

func rate(perSecond float64) facts.Reading {
	return facts.Reading{Netns: "host", Series: facts.Series{Metric: counter}, Value: perSecond, Rate: true}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	d := newDiary(Options{})
	day := func(hour float64) float64 {
		if hour >= 9 && hour < 17 {
			return 100
		}
		return 5
	}
	for m := range 50 {
		d.minute(rate(day(float64(m) / 60)))
	}
	if b, ok := d.b.Baseline("host", counter); ok {
		t.Errorf("got %+v from less than an hour", b)
	}
	for m := 50; m < 3*24*60; m++ {
		if m%13 == 0 {
			d.reload(t)
		}
		hour := math.Mod(float64(m)/60, 24)
		d.minute(rate(day(hour)))
		b, ok := d.b.Baseline("host", counter)
		switch {
		case m == 8*60:
			if !ok || b.Days != 0 || b.PerSecond != 5 || !b.Unusual(100) || b.Unusual(9) {
				t.Errorf("on the first morning: got %+v", b)
			}
		case m > 27*60 && hour > 11 && hour < 15:
			if !ok || b.Days == 0 || math.Abs(b.PerSecond-100) > 1 || b.Unusual(150) || !b.Unusual(250) {
				t.Fatalf("at %v on another day: got %+v", hour, b)
			}
		case m > 27*60 && hour > 19.1:
			if !ok || math.Abs(b.PerSecond-5) > 1 || !b.Unusual(100) {
				t.Fatalf("at %v on another day: got %+v", hour, b)
			}
		}
	}
	if _, ok := d.b.Baseline("shop", counter); ok {
		t.Error("the baseline of another namespace is known")
	}
}

// TestBounded: thousands of series that come and go leave no more than there is
// room for, and those that stay are kept.
func TestBounded(t *testing.T) {
	t.Parallel()
	d := newDiary(Options{MaxSeries: 50})
	for m := range 24 * 60 {
		readings := []facts.Reading{leak(float64(m)/5, 1)}
		for i := range 5 {
			r := leak(1, 1)
			r.Series.Comm = fmt.Sprint("job-", m*5+i)
			readings = append(readings, r)
		}
		d.minute(readings...)
	}
	if n := len(d.b.Memory().Lines); n > 50 {
		t.Errorf("%d series are kept, want 50", n)
	}
	if got, ok := d.trend(); !ok || math.Abs(got.PerHour-12) > 0.5 || d.b.LeftOut() == 0 {
		t.Errorf("got %+v, %d left out", got, d.b.LeftOut())
	}
	for range 8 * 24 * 60 {
		d.minute()
	}
	if n := len(d.b.Memory().Lines); n != 0 {
		t.Errorf("%d series are kept for ever", n)
	}
}

// TestSize: what one series takes is bounded.
func TestSize(t *testing.T) {
	t.Parallel()
	d := newDiary(Options{})
	for m := range 9 * 24 * 60 {
		d.minute(rate(float64(m%977)/7), leak(float64(m%977)/7, uint64(m/60)))
	}
	data, err := json.Marshal(d.b.Memory())
	if err != nil || len(data) > 16<<10 {
		t.Errorf("%d bytes for two series, %v", len(data), err)
	}
}

// TestTheilSen compares with the definition, and wants it not to care for one
// value in four.
func TestTheilSen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(8, 60).Draw(t, "points")
		perHour := rapid.Float64Range(-50, 50).Draw(t, "slope")
		hours, values := make([]float64, n), make([]float64, n)
		for i := range n {
			hours[i] = float64(i) / 6
			values[i] = 10 + perHour*hours[i]
		}
		s := theilSen(hours, values, []int{0})
		if math.Abs(s.perHour-perHour) > 1e-6 {
			t.Fatalf("got %v of a straight line of %v", s, perHour)
		}
		if math.Abs(perHour) > 1e-3 && s.tau != math.Copysign(1, perHour) {
			t.Fatalf("got tau %v of a straight line of %v", s.tau, perHour)
		}
		for range n / 5 {
			values[rapid.IntRange(0, n-1).Draw(t, "wild")] = rapid.Float64Range(-1e9, 1e9).Draw(t, "value")
		}
		if s := theilSen(hours, values, []int{0}); s.low > s.perHour || s.perHour > s.high || s.low > perHour+1e-6 || s.high < perHour-1e-6 {
			t.Fatalf("got %+v of %v with wild values", s, perHour)
		}
	})
}

// TestFalseGrowth: of noise without any slope hardly anything is called growth.
func TestFalseGrowth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	var wrong int
	const trials = 2000
	for range trials {
		hours, values := make([]float64, 72), make([]float64, 72)
		for i := range hours {
			hours[i], values[i] = float64(i)/6, math.Round(20+5*r.NormFloat64())
		}
		if theilSen(hours, values, []int{0}).low > 0 {
			wrong++
		}
	}
	if wrong > trials/100 {
		t.Errorf("%d of %d without growth are called growing, want at most 1 %%", wrong, trials)
	}
}
