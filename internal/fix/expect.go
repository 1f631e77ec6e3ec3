package fix

import (
	"math"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Expected is one figure of a prediction, and the range in which a measurement
// bears it out.
type Expected struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	// Predicted is what the model says; Low and High bound the range.
	Predicted float64 `json:"predicted"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	// Note says why the range is what it is, where it is not the usual one.
	Note string `json:"note,omitempty"`
}

// The usual range: a quarter of what is predicted, as the model's predictions are
// tested to hold, and a twentieth of the predicted change, because a load is never quite
// the same twice.
const (
	shareOfValue  = 0.25
	shareOfChange = 0.05
)

// crowded is the share of the usable ports in percent from which the finding speaks.
const crowded = 80

// expect states the range of a figure. It is stated before the change is made.
func expect(f model.Figure, restart bool) Expected {
	e := Expected{Name: f.Name, Unit: f.Unit, Predicted: f.After}
	by := shareOfValue*math.Abs(f.After) + shareOfChange*math.Abs(f.After-f.Before)
	e.Low, e.High = max(0, f.After-by), f.After+by
	switch {
	case e.Unit != "":
	case f.Name == model.FigurePorts:
		e.Unit = "ports"
	case f.Name == model.FigureQueuePeak:
		e.Unit = "connections"
	}
	switch f.Name {
	case model.FigureQueueLimit:
		e.Low, e.High = min(f.Before, f.After), max(f.Before, f.After)
		if restart {
			e.Note = "as large as the application's own backlog allows"
		}
	case model.FigureQueuePeak:
		e.Low = 0
		e.Note = "at most"
	case model.FigureTimeWait, model.FigureHalfOpen, model.FigureFinWait2, model.FigurePopulation:
		e.Low = (1 - shareOfValue) * min(f.Before, f.After)
		e.High = (1 + shareOfValue) * max(f.Before, f.After)
		e.Note = "once it has settled; on its way before"
	case model.FigurePorts:
		e.Low, e.High = 0.99*f.After, 1.01*f.After
	case model.FigureUsed:
		e.Low, e.High = 0, max(e.High, crowded)
		e.Note = "with as many connections as now"
	}
	// What cannot be written down is no bound.
	if math.IsInf(e.Predicted, 0) || math.IsNaN(e.Predicted) {
		e.Predicted, e.Low, e.High = math.MaxFloat64, 0, math.MaxFloat64
	}
	return e
}

// Holds says whether a measurement bears the prediction out.
func (e Expected) Holds(measured float64) bool {
	const rounding = 1e-9
	return measured >= e.Low-rounding && measured <= e.High+rounding
}
