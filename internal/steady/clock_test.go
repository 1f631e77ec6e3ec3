package steady

import (
	"testing"
	"time"
)

func TestAdvance(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name        string
		wall, mono  time.Duration
		want, cross time.Duration
	}{
		{"both go on", 10 * time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second},
		{"the clock was set ahead", time.Hour, 10 * time.Second, 10 * time.Second, 10 * time.Second},
		{"the clock was set back", -time.Hour, 10 * time.Second, 0, 0},
		{"a little back", 4 * time.Second, 10 * time.Second, 4 * time.Second, 4 * time.Second},
		{"the machine slept", time.Hour, time.Second, time.Second, time.Second},
		{"the program began anew", 20 * time.Minute, -50 * time.Second, 0, 20 * time.Minute},
		{"long ago", 50 * time.Hour, -50 * time.Second, 0, 24 * time.Hour},
		{"began anew with the clock set back", -time.Minute, -50 * time.Second, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			next := Moment{noon.Add(c.wall), time.Minute + c.mono}
			for _, across := range []bool{false, true} {
				var clock Clock
				if got := clock.Advance(Moment{noon, time.Minute}); got != 0 {
					t.Fatalf("the first moment: got %v, want nothing", got)
				}
				got, want := time.Duration(0), c.want
				if across {
					got, want = clock.AdvanceAcross(next, 24*time.Hour), c.cross
				} else {
					got = clock.Advance(next)
				}
				if got != want || clock.Elapsed != want || !clock.Wall.Equal(next.Wall) {
					t.Errorf("across=%v: got %v of %v, want %v", across, got, clock.Elapsed, want)
				}
			}
		})
	}
}
