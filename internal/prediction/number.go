package prediction

import (
	"math"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Number is one figure of a prediction beside its measurement.
type Number struct {
	// Name and Unit are those of the [model.Figure].
	Name, Unit string
	// Before tells that it is about the time before the change.
	Before bool
	// Predicted and Measured are the two values.
	Predicted, Measured float64
	// Share is the tolerance in parts of the prediction or, where a Reason for
	// a wider one is given, of the larger of both; Floor is the difference
	// that noise may make in any case.
	Share, Floor float64
	Reason       string
}

// usualShare is the tolerance of numbers: a quarter of the prediction.
const usualShare = 0.25

// Strict reports whether prediction and measurement are within the usual tolerance,
// whatever was allowed.
func (n Number) Strict() bool {
	n.Share, n.Reason = usualShare, ""
	return n.Agrees()
}

// Agrees reports whether prediction and measurement are within the tolerance.
func (n Number) Agrees() bool {
	of := math.Abs(n.Predicted)
	if n.Reason != "" {
		of = max(of, math.Abs(n.Measured))
	}
	return math.Abs(n.Predicted-n.Measured) <= max(n.Share*of, n.Floor)
}

// compare puts every figure of a prediction that the windows show beside its
// measurement: the value before the change, unless the model only read it off that
// window, and the value after the change or, if there was one, after the restart.
func compare(t Trial, e model.Effect, before, last *Sample) []Number {
	var out []Number
	for _, f := range e.Figures {
		m, ok := t.Figures[f.Name]
		if !ok {
			continue
		}
		n := Number{Name: f.Name, Unit: f.Unit, Share: usualShare, Floor: m.Floor}
		for _, a := range t.Allow {
			if a.Figure == f.Name {
				n.Share, n.Reason = a.Share, a.Reason
			}
		}
		if v, ok := m.Of(before); ok && !m.AsSeen && !math.IsInf(f.Before, 0) {
			was := n
			was.Before, was.Predicted, was.Measured = true, f.Before, v
			out = append(out, was)
		}
		if v, ok := m.Of(last); ok && !math.IsInf(f.After, 0) {
			n.Predicted, n.Measured = f.After, v
			out = append(out, n)
		}
	}
	return out
}
