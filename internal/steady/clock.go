package steady

import "time"

// Moment is one moment on two clocks.
type Moment struct {
	// Wall is the time of day. It may be set back and forth.
	Wall time.Time
	// Mono is the time since some fixed point, on a clock that nobody sets. That
	// since boot (CLOCK_BOOTTIME) is best: it goes on over a restart of the
	// program. One that fell was begun anew.
	Mono time.Duration
}

// Clock adds up the time that has passed between the moments it is shown. Its
// zero value begins with the first; it can be kept as JSON.
type Clock struct {
	Wall time.Time     `json:"wall"`
	Mono time.Duration `json:"mono_ns"`
	// Elapsed is the sum of all steps.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Advance moves on to a moment and returns how much time has passed for
// certain: the smaller of what the two clocks say, and nothing where one went
// back. So neither a clock that is set nor a machine that slept counts.
func (c *Clock) Advance(m Moment) time.Duration {
	m.Wall = m.Wall.Round(0).UTC()
	var step time.Duration
	if !c.Wall.IsZero() {
		step = max(0, min(m.Wall.Sub(c.Wall), m.Mono-c.Mono))
	}
	c.Wall, c.Mono = m.Wall, m.Mono
	c.Elapsed += step
	return step
}

// AdvanceAcross is Advance for what must know of gaps: where the second clock was
// begun anew, the time of day is all there is, and it is believed up to most.
func (c *Clock) AdvanceAcross(m Moment, most time.Duration) time.Duration {
	began := m.Mono < c.Mono && !c.Wall.IsZero()
	gap := m.Wall.Round(0).Sub(c.Wall)
	step := c.Advance(m)
	if began && step == 0 {
		step = min(max(0, gap), most)
		c.Elapsed += step
	}
	return step
}
