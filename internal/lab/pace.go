package lab

import "time"

// batchAtMost bounds what happens in one go when nothing else does.
const batchAtMost = 256

// pace lets things happen at a rate, evenly or in bursts.
type pace struct {
	perSecond int // 0 means no bound
	burst     int
	next      time.Time
}

// due returns how many may happen now.
func (p *pace) due(now time.Time) int {
	if p.perSecond <= 0 {
		return batchAtMost
	}
	if now.Before(p.next) {
		return 0
	}
	burst := max(p.burst, 1)
	gap := time.Second * time.Duration(burst) / time.Duration(p.perSecond)
	// Late by more than a few gaps, the rest is forgone rather than caught up.
	if p.next.IsZero() || now.Sub(p.next) > max(4*gap, 100*time.Millisecond) {
		p.next = now
	}
	count := 0
	for !now.Before(p.next) {
		p.next = p.next.Add(gap)
		count += burst
	}
	return count
}
