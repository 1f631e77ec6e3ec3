package prediction

import "github.com/tcpdoctor/tcpdoctor/model"

// Subject is a kind of load: what can be wrong about it, and how the figures of a
// prediction are measured on it.
type Subject struct {
	// Name is kebab-case.
	Name string
	// Harms are what can get better or worse.
	Harms []Measure
	// Figures are the measures of what predictions state, by the name of the
	// [model.Figure].
	Figures map[string]Measure
}

// Measure is one quantity that a window shows.
type Measure struct {
	// Name and Unit are for the table.
	Name, Unit string
	// Of returns the quantity, and whether this window shows it at all.
	Of func(*Sample) (float64, bool)
	// MoreIsBetter turns the judgement round.
	MoreIsBetter bool
	// Floor is the difference up to which the quantity is noise.
	Floor float64
	// AsSeen marks a figure whose value before the change the model reads off
	// the window, so that only the value after it is a prediction.
	AsSeen bool
}

// always makes a measure of a quantity that every window shows.
func always(of func(*Sample) float64) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) { return of(s), true }
}

// note makes a measure of what the load has measured itself.
func note(name string) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) { return s.Note(name) }
}

// over reports whether a window shows more of the quantity than this.
func (m Measure) over(s *Sample, least float64) bool {
	v, ok := m.Of(s)
	return ok && v > least
}

// Harm is one harm of a trial in each of its windows.
type Harm struct {
	Name, Unit    string
	Before, After float64
	// Restarted is the value after the restart, where there was one.
	Restarted float64
	// Turn is what the change did to it, and Restart what the restart did.
	Turn, Restart Turn
}

// Turn is the way a harm went.
type Turn int

// The turns.
const (
	Stayed Turn = iota
	Better
	Worse
)

// turn judges one harm: it got better or worse if it changed by a fifth at least,
// and by more than noise.
func (m Measure) turn(before, after float64) Turn {
	const share = 0.2
	by := after - before
	if m.MoreIsBetter {
		by = -by
	}
	least := max(share*before, m.Floor)
	switch {
	case by >= least && by > 0:
		return Worse
	case -by >= least && by < 0:
		return Better
	default:
		return Stayed
	}
}

// Observe returns the verdict that the measurements of a trial give, and what it
// rests on. The rule is the same for all trials:
//
//   - harmful: after the change, or after the restart that followed it, something
//     is worse;
//   - helps: after the change something is better;
//   - needs-restart: nothing moved before the restart, and after it something is
//     better;
//   - no-effect: nothing moved.
//
// Restarted is nil where the application was not restarted.
func Observe(harms []Measure, before, after, restarted *Sample) (model.Verdict, []Harm) {
	var out []Harm
	counts := map[Turn]int{}
	late := map[Turn]int{}
	for _, m := range harms {
		b, okBefore := m.Of(before)
		a, okAfter := m.Of(after)
		if !okBefore || !okAfter {
			continue
		}
		h := Harm{Name: m.Name, Unit: m.Unit, Before: b, After: a, Turn: m.turn(b, a)}
		counts[h.Turn]++
		if restarted != nil {
			if r, ok := m.Of(restarted); ok {
				h.Restarted, h.Restart = r, m.turn(b, r)
				late[h.Restart]++
			}
		}
		out = append(out, h)
	}
	switch {
	case counts[Worse]+late[Worse] > 0:
		return model.Harmful, out
	case counts[Better] > 0:
		return model.Helps, out
	case late[Better] > 0:
		return model.NeedsRestart, out
	default:
		return model.NoEffect, out
	}
}

// moved reports whether any harm got better or worse.
func moved(harms []Harm) bool {
	for _, h := range harms {
		if h.Turn != Stayed {
			return true
		}
	}
	return false
}
