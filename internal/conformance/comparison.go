package conformance

import (
	"fmt"
	"math"
	"reflect"
	"slices"
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
	return join(c.Subject, c.Scenario, c.Variant, c.Family)
}

// join names a place by its parts; an empty one is left out.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " / ")
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
	if near, ok := fromModel.(Near); ok {
		number, isNumber := fromKernel.(float64)
		c.Agree = isNumber && near.Has(number)
		return c
	}
	c.Agree = reflect.DeepEqual(fromModel, fromKernel)
	return c
}

// Near is a number of the model that the kernel may miss by a share of it, and by
// two where it is small, because things happen at the edges of the time observed.
type Near struct{ Value, Share float64 }

// Has reports whether a number is near enough.
func (n Near) Has(number float64) bool {
	const atEdges = 2
	return math.Abs(number-n.Value) <= max(atEdges, n.Share*n.Value)
}

// String gives the number and what it may be missed by.
func (n Near) String() string { return fmt.Sprintf("%v ±%v%%", n.Value, math.Round(100*n.Share)) }

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

// tick is the longest tick of a kernel's clock (HZ=100). What began within a tick
// is counted from its start, so a time may be short by as much.
const tick = 10 * time.Millisecond

// Fits reports whether a timer of this length may have fired at the moment: not
// early, and not later than the kernel's timer wheel rounds.
func (m Moment) Fits(due time.Duration) bool {
	return m.Before >= due-tick && m.After <= model.Slack(due)
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
