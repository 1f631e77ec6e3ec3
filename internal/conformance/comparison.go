package conformance

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Comparison is one thing that the model said and the kernel did.
type Comparison struct {
	Subject  string `json:"subject"`
	Scenario string `json:"scenario"`
	Variant  string `json:"variant,omitempty"`
	Family   string `json:"family"`
	// What was compared: "half-open entries".
	What string `json:"what"`
	// Model and Kernel are both sides as text.
	Model  string `json:"model"`
	Kernel string `json:"kernel"`
	Agree  bool   `json:"agree"`
	// Reason is that of the [Deviation] listed for this difference, if any.
	Reason string `json:"reason,omitempty"`
}

// Listed reports whether the sides differ for a reason that is known.
func (c Comparison) Listed() bool { return !c.Agree && c.Reason != "" }

// Unlisted reports whether the sides differ and nobody knows why.
func (c Comparison) Unlisted() bool { return !c.Agree && c.Reason == "" }

// Where names the place of the comparison in one line.
func (c Comparison) Where() string {
	parts := []string{c.Subject, c.Scenario}
	if c.Variant != "" {
		parts = append(parts, c.Variant)
	}
	return strings.Join(append(parts, c.Family), " / ")
}

// compare compares two values. A [Moment] is held against a time, which agrees if
// a timer of that length may have fired then; all else must be equal.
func compare(what string, fromModel, fromKernel any) Comparison {
	c := Comparison{What: what, Model: text(fromModel), Kernel: text(fromKernel)}
	moment, observed := fromKernel.(Moment)
	due, timed := fromModel.(time.Duration)
	if observed && timed {
		c.Model = fmt.Sprintf("%v to %v", roundTime(due), roundTime(model.Slack(due)))
		c.Agree = moment.Fits(due)
		return c
	}
	c.Agree = reflect.DeepEqual(fromModel, fromKernel)
	return c
}

// text writes one side of a comparison.
func text(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return roundTime(v).String()
	case string:
		if v == "" {
			return "none"
		}
		return v
	case Errno:
		if v == "" {
			return "success"
		}
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// roundTime rounds a time to what a reader cares for.
func roundTime(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Moment is when something was observed to have happened, counted from an event
// that is stamped on both sides: not before After, and no later than Before.
type Moment struct{ After, Before time.Duration }

// Never is the far end of a moment that did not come while it was waited for.
const Never = time.Duration(math.MaxInt64)

// Fits reports whether a timer of this length may have fired at the moment: not
// early, and not later than the kernel's timer wheel rounds.
func (m Moment) Fits(due time.Duration) bool {
	return m.Before >= due && m.After <= model.Slack(due)
}

// String gives the moment as one time, or as the interval where that is wide.
func (m Moment) String() string {
	const narrow = 100 * time.Millisecond
	if m.Before == Never {
		return fmt.Sprintf("not within %v", roundTime(m.After))
	}
	if m.Before-m.After <= narrow {
		return roundTime(m.Before).String()
	}
	return fmt.Sprintf("%v to %v", roundTime(m.After), roundTime(m.Before))
}
