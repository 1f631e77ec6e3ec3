package rules

import (
	"fmt"
	"math"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// historySource is where evidence about the hours before comes from.
const historySource = "history"

// growthEvidence is the evidence of a trend; nothing where there is none.
func growthEvidence(t facts.Trend, known bool) []Evidence {
	if !known {
		return nil
	}
	return []Evidence{{Name: "growth", Value: math.Round(10*t.PerHour) / 10, Unit: fmt.Sprintf("per hour, over %.0f h", t.Hours), Source: historySource}}
}

// growthWords says how a series went: "growing +12/h for 6 h". It says nothing
// where that is not sure.
func growthWords(t facts.Trend) string {
	const flat = 1 // hours
	switch {
	case t.Growing():
		words := fmt.Sprintf("growing %+.*f/h for %.0f h", decimals(t.PerHour), t.PerHour, t.Hours)
		switch {
		case t.Restarts == 1:
			words += ", through a restart"
		case t.Restarts > 1:
			words += fmt.Sprintf(", through %d restarts", t.Restarts)
		}
		return words
	case t.FlatHours >= flat:
		return fmt.Sprintf("not grown for %.0f h", t.FlatHours)
	}
	return ""
}

func decimals(v float64) int {
	if math.Abs(v) < 10 && v != math.Round(v) {
		return 1
	}
	return 0
}

// untilFull returns how long a growing series takes to use up what is left; 0
// where it does not grow.
func untilFull(t facts.Trend, left float64) time.Duration {
	if !t.Growing() || t.PerHour <= 0 || left <= 0 {
		return 0
	}
	return time.Duration(min(left/t.PerHour, 1e5) * float64(time.Hour))
}
