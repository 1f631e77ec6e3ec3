package fix

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Outcome is what a change did about a finding.
type Outcome string

// The outcomes.
const (
	Cured     Outcome = "cured"     // what was wrong is over
	Better    Outcome = "better"    // less of it is left
	Unchanged Outcome = "unchanged" // nothing that is wrong changed
	Worse     Outcome = "worse"     // more of it than before
	Waiting   Outcome = "waiting"   // nothing can change before the application acts
	Unproven  Outcome = "unproven"  // the load went away, or could not be measured
)

// Keep says whether a change with this outcome may stay in force.
func (o Outcome) Keep() bool { return o != Unchanged && o != Worse }

// Comparison is one figure before and after a change, beside what was predicted.
type Comparison struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	// Before and After are nil where a window did not show the figure.
	Before *float64 `json:"before,omitempty"`
	After  *float64 `json:"after,omitempty"`
	// Expected is nil for a figure that the model says nothing about.
	Expected *Expected `json:"expected,omitempty"`
	// Within says whether After lies in the range stated; nil where that cannot be
	// told, or not yet.
	Within *bool `json:"within,omitempty"`
}

// Judgement is what came of one case.
type Judgement struct {
	Outcome Outcome      `json:"outcome"`
	Why     string       `json:"why"`
	Figures []Comparison `json:"figures"`
}

// A figure has changed when it is a fifth more or less than before. So many lost
// connections a second are chance.
const (
	shareOfTurn = 0.2
	shareOfRest = 0.01 // of what was wrong, from which it is over
	floorOfRate = 0.5
)

// Judge says what a change did, from the figures after it. Still says that the
// finding is found again. Resumed says that the application is said to have acted
// meanwhile, where it had to.
func (c Case) Judge(after []Reading, still, resumed bool) Judgement {
	j := Judgement{Figures: c.compare(after)}
	j.Outcome, j.Why = c.outcome(after, still, resumed)
	for i := range j.Figures {
		f := &j.Figures[i]
		if f.Expected == nil || f.After == nil || j.Outcome == Waiting {
			continue
		}
		within := f.Expected.Holds(*f.After)
		f.Within = &within
	}
	return j
}

func (c Case) compare(after []Reading) []Comparison {
	var out []Comparison
	for _, e := range c.Expected {
		out = append(out, Comparison{
			Name: e.Name, Unit: e.Unit, Expected: &e, Before: valueOf(c.Before, e.Name), After: valueOf(after, e.Name),
		})
	}
	for _, b := range c.Before {
		known := slices.ContainsFunc(c.Expected, func(e Expected) bool { return e.Name == b.Name })
		// A harm that the prediction is not about is left out: it is another one's.
		if !known && (b.Load || b.Name == readingSeverity) {
			out = append(out, Comparison{Name: b.Name, Unit: b.Unit, Before: &b.Value, After: valueOf(after, b.Name)})
		}
	}
	return out
}

func valueOf(all []Reading, name string) *float64 {
	i := slices.IndexFunc(all, func(r Reading) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i].Value
}

func (c Case) outcome(after []Reading, still, resumed bool) (Outcome, string) {
	if c.Restart {
		if waiting, why := c.waits(after, resumed); waiting {
			return Waiting, why
		}
	}
	better, clean, known := false, true, false
	for _, h := range c.harms() {
		now := valueOf(after, h.Name)
		if now == nil {
			continue
		}
		known = true
		floor := 0.0
		if h.Unit == "/s" {
			floor = floorOfRate
		}
		if by := *now - h.Value; by > 0 && by >= max(shareOfTurn*h.Value, floor) {
			return Worse, fmt.Sprintf("%s %s before, %s now", h.Name, Amount(h.Value, h.Unit), Amount(*now, h.Unit))
		}
		better = better || h.Value > 0 && h.Value-*now >= shareOfTurn*h.Value
		clean = clean && *now <= shareOfRest*h.Value
	}
	switch {
	case !known:
		return Unproven, "the figures could not be measured again"
	case (better || clean) && c.loadFell(after):
		return Unproven, fmt.Sprintf("the load fell from %s to %s as well", c.load(c.Before), c.load(after))
	case better && (clean || !still), clean && !still:
		return Cured, "what was wrong is over"
	case better:
		return Better, "it is less than before, and not over"
	}
	return Unchanged, "nothing that is wrong changed"
}

// harms returns what is wrong: the figures that the prediction is about, or else
// all.
func (c Case) harms() []Reading {
	var out, all []Reading
	for _, b := range c.Before {
		if !b.Harm {
			continue
		}
		all = append(all, b)
		if slices.ContainsFunc(c.Expected, func(e Expected) bool { return e.Name == b.Name }) {
			out = append(out, b)
		}
	}
	if out == nil {
		return all
	}
	return out
}

// waits says whether the application has not acted yet. A listener shows it by its
// limit; where nothing shows it, the word of whoever resumes counts.
func (c Case) waits(after []Reading, resumed bool) (bool, string) {
	was, is := valueOf(c.Before, model.FigureQueueLimit), valueOf(after, model.FigureQueueLimit)
	switch {
	case was == nil || is == nil:
		return !resumed, "nothing changes before the application acts"
	case *was != *is:
		return false, ""
	case resumed:
		return true, fmt.Sprintf("the listener still holds %.0f: listen() was not called again, or asks for no more", *is)
	}
	return true, fmt.Sprintf("the listener holds %.0f until listen() is called again", *is)
}

// loadFell says whether the host has less than half of the load to bear.
func (c Case) loadFell(after []Reading) bool {
	was, is := valueOf(c.Before, readingLoad), valueOf(after, readingLoad)
	return was != nil && is != nil && *was >= 1 && 2**is < *was
}

func (c Case) load(all []Reading) string {
	if v := valueOf(all, readingLoad); v != nil {
		return Amount(*v, "/s")
	}
	return "nothing"
}

// Amount prints a figure with its unit as people say it: "37/s", "4,097
// connections".
func Amount(v float64, unit string) string {
	if v >= math.MaxFloat64 {
		return number(v)
	}
	return number(v) + suffix(unit)
}

// Span prints two figures, the unit with each where it is a sign and once where it
// is a word: "0/s to 3.7/s", "129 to 4,097 connections".
func Span(from float64, between string, to float64, unit string) string {
	s := suffix(unit)
	if strings.HasPrefix(s, " ") {
		return number(from) + between + number(to) + s
	}
	return Amount(from, unit) + between + Amount(to, unit)
}

// suffix is a unit as it stands behind a number.
func suffix(unit string) string {
	if unit == "" || strings.HasPrefix(unit, "/") || unit == "%" {
		return unit
	}
	return " " + unit
}

// number prints a number with separators, below ten with one digit after the point.
func number(v float64) string {
	if v >= math.MaxFloat64 {
		return "without limit"
	}
	if v < 9.95 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	var b strings.Builder
	for i, r := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}
