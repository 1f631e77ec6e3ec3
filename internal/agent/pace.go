package agent

import (
	"fmt"
	"slices"
	"time"
)

// How the budget is shared. What remains is for walks that something calls for,
// and for answering requests.
const (
	tickShare    = 0.5  // of the budget, that ticks may cost before they come more rarely
	walkShare    = 0.4  // of the budget, that walks cost when nothing calls for one
	plannedShare = 0.8  // of the budget, beyond which only what is called for is done
	listShare    = 0.05 // of the budget, that looking for new namespaces may cost
	// budgetWindow is the time over which the budget holds.
	budgetWindow = 10 * time.Minute
	// tickLongest is the longest that a tick is stretched to.
	tickLongest = 5 * time.Minute
	// walkRarest is how old a census gets at most while there is budget for it.
	walkRarest = 15 * time.Minute
	// settle is by how much an interval has to be off before it is changed.
	settle = 1.25
)

// pace decides how often the agent looks, from what looking turned out to cost.
// All costs are processor time of the whole process, so that whatever else it
// does is counted too.
type pace struct {
	wanted time.Duration // between ticks
	budget float64       // processor seconds per second

	interval   time.Duration // between ticks, as it is now
	tick, walk average       // processor seconds
	list       average       // the same of looking which namespaces there are
	lastList   time.Time
	walks      []spending // of the last budgetWindow, oldest first
}

// spending is a walk and its processor time.
type spending struct {
	at      time.Time
	seconds float64
}

// average is a mean that forgets by halves; it begins at its first value.
type average struct {
	value float64
	known bool
}

func (a *average) add(v float64) {
	if !a.known {
		a.value, a.known = v, true
		return
	}
	a.value += 0.5 * (v - a.value)
}

func newPace(wanted time.Duration, budget float64) *pace {
	return &pace{wanted: wanted, budget: budget, interval: wanted}
}

// set changes what is wanted, and keeps what was learned.
func (p *pace) set(wanted time.Duration, budget float64) {
	p.wanted, p.budget = wanted, budget
	p.interval = p.fit()
}

// ticked notes what a tick without its walk cost. It returns a sentence where
// the interval was changed for it.
func (p *pace) ticked(cpu time.Duration) (changed string) {
	p.tick.add(cpu.Seconds())
	fit := p.fit()
	was := p.interval
	if ratio := fit.Seconds() / was.Seconds(); ratio < settle && ratio > 1/settle && fit != p.wanted || fit == was {
		return ""
	}
	p.interval = fit
	if fit > was {
		return fmt.Sprintf("a tick costs %.1f ms of processor time: the next ones come every %v instead of %v, to stay within %.2g %% of one core",
			p.tick.value*1e3, fit, was, p.budget*100)
	}
	return fmt.Sprintf("a tick costs %.1f ms of processor time: the next ones come every %v instead of %v", p.tick.value*1e3, fit, was)
}

// fit is the interval at which ticks cost what they may.
func (p *pace) fit() time.Duration {
	fit := time.Duration(p.tick.value / (tickShare * p.budget) * float64(time.Second)).Round(time.Second)
	return max(p.wanted, min(fit, tickLongest))
}

// walked notes what a walk cost.
func (p *pace) walked(now time.Time, cpu time.Duration) {
	p.walk.add(cpu.Seconds())
	p.walks = slices.DeleteFunc(p.walks, func(s spending) bool { return now.Sub(s.at) >= budgetWindow })
	p.walks = append(p.walks, spending{now, cpu.Seconds()})
}

// mayList says whether to look which namespaces there are: at every tick, unless
// that is dear.
func (p *pace) mayList(now time.Time) bool {
	every := time.Duration(p.list.value / (listShare * p.budget) * float64(time.Second))
	return p.lastList.IsZero() || now.Sub(p.lastList)+p.interval/2 >= min(every, tickLongest)
}

// listed notes what looking for namespaces cost.
func (p *pace) listed(now time.Time, cpu time.Duration) {
	p.list.add(cpu.Seconds())
	p.lastList = now
}

// load is what the walks of the last budgetWindow cost, and what ticks cost in
// as long a time.
func (p *pace) load(now time.Time) float64 {
	sum := p.tick.value * budgetWindow.Seconds() / p.interval.Seconds()
	for _, s := range p.walks {
		if now.Sub(s.at) < budgetWindow {
			sum += s.seconds
		}
	}
	return sum
}

// walkEvery is how far apart walks are when nothing calls for one.
func (p *pace) walkEvery() time.Duration {
	every := time.Duration(p.walk.value / (walkShare * p.budget) * float64(time.Second))
	return max(p.interval, min(every, walkRarest))
}

// mayWalk says whether to walk in this tick. What calls for it may use the whole
// budget, a planned walk leaves some of it unless the census is very old.
func (p *pace) mayWalk(now time.Time, called bool) bool {
	if len(p.walks) == 0 {
		return true
	}
	limit := p.budget * budgetWindow.Seconds()
	if !called {
		// A tick that comes a little early is the one that was meant.
		age := now.Sub(p.walks[len(p.walks)-1].at) + p.interval/2
		if age < p.walkEvery() {
			return false
		}
		if age < walkRarest {
			limit *= plannedShare
		}
	}
	return p.load(now)+p.walk.value <= limit
}
