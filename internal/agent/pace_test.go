package agent

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// host is what looking costs on some host.
type host struct {
	tick, walk, firstWalk time.Duration
	called                func(tick int) bool
}

// spend runs a pace on a host for a while, and returns the processor seconds of
// every ten minutes from the start, the walks, and the longest pause.
func (h host) spend(p *pace, long time.Duration) (tens []float64, walks int, last time.Duration) {
	start := time.Unix(1e9, 0)
	var all []spending
	for now, n := start, 0; now.Sub(start) < long; n++ {
		cost := h.tick
		p.ticked(h.tick)
		if p.mayWalk(now, h.called != nil && h.called(n)) {
			walk := h.walk
			if walks == 0 {
				walk += h.firstWalk
			}
			p.walked(now, walk)
			cost += walk
			walks++
		}
		all = append(all, spending{now, cost.Seconds()})
		last = p.interval
		now = now.Add(p.interval)
	}
	for i := range all {
		var sum float64
		for _, s := range all[i:] {
			if s.at.Sub(all[i].at) < budgetWindow {
				sum += s.seconds
			}
		}
		tens = append(tens, sum)
	}
	return tens, walks, last
}

func TestPaceOfASmallHost(t *testing.T) {
	t.Parallel()
	p := newPace(10*time.Second, 0.01)
	_, walks, last := host{tick: time.Millisecond, walk: 3 * time.Millisecond}.spend(p, time.Hour)
	if walks != 360 || last != 10*time.Second {
		t.Errorf("got %d walks, ticks %v apart; want every tick to walk, 10 s apart", walks, last)
	}
}

// TestPaceOfAMillion is the host of the acceptance test: a walk takes 1.6 s, the
// first search for owners 3 s.
func TestPaceOfAMillion(t *testing.T) {
	t.Parallel()
	p := newPace(10*time.Second, 0.01)
	tens, walks, last := host{tick: 5 * time.Millisecond, walk: 1600 * time.Millisecond, firstWalk: 3 * time.Second}.spend(p, time.Hour)
	for i, sum := range tens {
		if sum > 6 {
			t.Fatalf("from tick %d on, ten minutes cost %.2f s, want at most 6", i, sum)
		}
	}
	if walks < 5 || last != 10*time.Second {
		t.Errorf("got %d walks in an hour, ticks %v apart; want some 7, 10 s apart", walks, last)
	}
}

func TestPaceCalledFor(t *testing.T) {
	t.Parallel()
	p := newPace(10*time.Second, 0.01)
	tens, walks, _ := host{
		tick: 5 * time.Millisecond, walk: 1600 * time.Millisecond, called: func(int) bool { return true },
	}.spend(p, time.Hour)
	if walks < 3*6-2 || walks > 4*6 {
		t.Errorf("got %d walks in an hour, want the whole budget: some 20", walks)
	}
	for i, sum := range tens {
		if sum > 6.01 {
			t.Fatalf("from tick %d on, ten minutes cost %.2f s, want at most 6", i, sum)
		}
	}
}

func TestPaceStretchesDearTicks(t *testing.T) {
	t.Parallel()
	p := newPace(10*time.Second, 0.01)
	said := p.ticked(200 * time.Millisecond)
	if p.interval != 40*time.Second || !strings.Contains(said, "every 40s instead of 10s") {
		t.Errorf("got %v and %q, want 40 s, and that it says so", p.interval, said)
	}
	if said := p.ticked(210 * time.Millisecond); said != "" {
		t.Errorf("got %q for a small change, want nothing", said)
	}
	for range 50 {
		p.ticked(time.Millisecond)
	}
	if p.interval != 10*time.Second {
		t.Errorf("got %v once ticks are cheap again, want 10 s", p.interval)
	}
}

// TestPaceKeepsItsBudget is the promise, for any host whose ticks can be paid.
func TestPaceKeepsItsBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := host{
			tick:   time.Duration(rapid.IntRange(1, 1000).Draw(t, "tick ms")) * time.Millisecond,
			walk:   time.Duration(rapid.IntRange(1, 4000).Draw(t, "walk ms")) * time.Millisecond,
			called: func(n int) bool { return n%3 == 0 },
		}
		budget := float64(rapid.IntRange(1, 20).Draw(t, "budget %")) / 100
		p := newPace(10*time.Second, budget)
		tens, walks, _ := h.spend(p, 2*time.Hour)
		// The first tick and the first walk come whatever they cost.
		limit := budget*budgetWindow.Seconds() + h.tick.Seconds() + h.walk.Seconds()
		for i, sum := range tens {
			if sum > limit {
				t.Fatalf("from tick %d on, ten minutes cost %.2f s, want at most %.2f", i, sum, limit)
			}
		}
		if walks == 0 {
			t.Fatal("it never walked")
		}
	})
}
