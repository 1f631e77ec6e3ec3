package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Verdict is what a change would do about the load it is judged against.
type Verdict string

// The verdicts.
const (
	Helps        Verdict = "helps"         // what is wrong gets better or ends
	NoEffect     Verdict = "no-effect"     // nothing that is wrong changes
	NeedsRestart Verdict = "needs-restart" // helps, but only after the application acts
	Harmful      Verdict = "harmful"       // something gets worse
	Unknown      Verdict = "unknown"       // a fact is missing
)

// Figure is one number of a prediction, before and after the change.
type Figure struct {
	Name   string
	Before float64
	After  float64
	Unit   string
}

// Effect is what a change is predicted to do.
type Effect struct {
	Verdict   Verdict  `json:"verdict" yaml:"verdict"`
	Predicted string   `json:"predicted,omitempty" yaml:"predicted,omitempty"` // "drops 37/s → 0/s; queue would peak at 340"
	Reason    string   `json:"reason,omitempty" yaml:"reason,omitempty"`       // one sentence
	Figures   []Figure `json:"-" yaml:"-"`
}

// Figure returns the figure of that name.
func (e Effect) Figure(name string) (Figure, bool) {
	for _, f := range e.Figures {
		if f.Name == name {
			return f, true
		}
	}
	return Figure{}, false
}

// The names of figures that predictors give.
const (
	FigureDrops        = "drops"         // refused or lost connections, per second
	FigureQueuePeak    = "queue-peak"    // connections
	FigureQueueLimit   = "queue-limit"   // connections that fit
	FigureHalfOpen     = "half-open"     // entries in the steady state
	FigureHalfOpenMax  = "half-open-max" // entries that fit
	FigureHalfOpenLife = "half-open-life"
	FigurePorts        = "usable-ports" // usable ports of one (source, destination, port)
	FigurePortRate     = "port-rate"    // connections per second that can go on for ever
	FigureTimeWait     = "time-wait"    // objects in the steady state
	FigureFinWait2     = "fin-wait2"    // objects in the steady state
	FigureLifetime     = "lifetime"     // seconds that the state lasts
	FigurePopulation   = "population"   // sockets in the steady state
	FigureResets       = "resets"       // per second
	FigureUsed         = "used"         // share of a limit, percent
	FigurePostponed    = "postponed"    // seconds until it is as bad as now
)

// effect is the constructor that all predictors use.
func effect(v Verdict, reason string, figures ...Figure) Effect {
	return Effect{Verdict: v, Predicted: describe(figures), Reason: reason, Figures: figures}
}

// effectf is [effect] with a formatted reason.
func effectf(v Verdict, figures []Figure, format string, args ...any) Effect {
	return effect(v, fmt.Sprintf(format, args...), figures...)
}

// describe puts figures into words.
func describe(figures []Figure) string {
	parts := make([]string, 0, len(figures))
	for _, f := range figures {
		name := strings.ReplaceAll(f.Name, "-", " ")
		switch {
		case f.Name == FigureQueuePeak:
			parts = append(parts, "queue would peak at "+amount(f.After, f.Unit))
		case f.Name == FigurePostponed:
			parts = append(parts, "postponed by "+amount(f.After, f.Unit))
		case sameAmount(f.Before, f.After):
			parts = append(parts, name+" unchanged at "+amount(f.After, f.Unit))
		default:
			parts = append(parts, name+" "+amount(f.Before, rateUnit(f.Unit))+" → "+amount(f.After, f.Unit))
		}
	}
	return strings.Join(parts, "; ")
}

// rateUnit returns the units that are repeated with every number.
func rateUnit(unit string) string {
	if strings.HasPrefix(unit, "/") || unit == "%" {
		return unit
	}
	return ""
}

// sameAmount reports whether two figures read the same.
func sameAmount(a, b float64) bool { return amount(a, "") == amount(b, "") }

// amount prints a number as people say it: three significant digits below a
// hundred, whole numbers above.
func amount(v float64, unit string) string {
	var s string
	switch {
	case v > math.MaxFloat64:
		s = "without limit"
	case math.Abs(v) >= 9.95 || v == math.Trunc(v):
		s = strconv.FormatFloat(v, 'f', 0, 64)
	default:
		s = strconv.FormatFloat(v, 'f', 1, 64)
	}
	if unit == "" {
		return s
	}
	if strings.HasPrefix(unit, "/") {
		return s + unit
	}
	return s + " " + unit
}

// seconds prints a duration as whole or tenth seconds.
func seconds(d time.Duration) string { return amount(d.Seconds(), "s") }
