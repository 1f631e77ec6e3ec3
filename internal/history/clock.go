package history

import "time"

// keyClock is where it is kept how far ageing has come.
const keyClock = "clock"

const (
	// jumpLeast is the least step of the clock between two ticks that may be a
	// jump of the clock and no passing of time.
	jumpLeast = 2 * time.Hour
	// jumpTrusted is how long the clock must have gone steadily before a jump
	// counts for the age of what is kept.
	jumpTrusted = 6 * time.Hour
)

// clock is how far ageing has come. A clock that is wrong for a while must not
// make everything old: steps of the clock count only after it went on steadily.
type clock struct {
	last, age int64 // nanoseconds since 1970: the last tick, and what age is measured from
	steady    int64 // nanoseconds since the last jump
}

func (c clock) encode() []byte {
	b := nanosKey(c.last)
	b = append(b, nanosKey(c.age)...)
	return frame(formPlain, append(b, nanosKey(c.steady)...))
}

func readClock(v view) (c clock, ok bool, err error) {
	stored, err := v.get(bucketMeta, []byte(keyClock))
	if err != nil || stored == nil {
		return clock{}, false, err
	}
	_, b, err := unframe(stored)
	if err != nil || len(b) != 3*timeBytes {
		return clock{}, false, nil // ageing begins anew
	}
	c.last, _ = keyNanos(b)
	c.age, _ = keyNanos(b[timeBytes:])
	c.steady, _ = keyNanos(b[2*timeBytes:])
	return c, true, nil
}

// next is the clock at another tick.
func (c clock) next(at int64) clock {
	step := at - c.last
	overflow := (at > c.last) != (step > 0) && at != c.last
	if step < 0 || step >= int64(jumpLeast) || overflow {
		return clock{last: at, age: c.age}
	}
	c.last, c.age, c.steady = at, c.age+step, c.steady+step
	if c.steady >= int64(jumpTrusted) {
		c.age, c.steady = at, int64(jumpTrusted)
	}
	return c
}

// advance notes the time of a tick.
func advance(tx *overlay, at time.Time) error {
	c, ok, err := readClock(tx)
	if err != nil {
		return err
	}
	now := clock{last: nanosOf(at), age: nanosOf(at)}
	if ok {
		now = c.next(nanosOf(at))
	}
	return tx.put(bucketMeta, []byte(keyClock), now.encode())
}
