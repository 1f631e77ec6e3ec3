package fix

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// dropping is a case of drops that are predicted to end.
func dropping(restart bool) Case {
	return Case{
		Finding: rules.Finding{ID: "accept-queue-overflow"}, Restart: restart,
		Expected: []Expected{
			expect(model.Figure{Name: model.FigureDrops, Before: 37, After: 0, Unit: "/s"}, restart),
			expect(model.Figure{Name: model.FigureQueueLimit, Before: 129, After: 4097, Unit: "connections"}, restart),
			expect(model.Figure{Name: model.FigurePortRate, Before: 1, After: math.Inf(1), Unit: "/s"}, restart),
		},
		Before: []Reading{
			{Name: model.FigureDrops, Unit: "/s", Value: 37, Harm: true},
			{Name: model.FigureResets, Unit: "/s", Value: 5, Harm: true},
			{Name: model.FigureQueueLimit, Unit: "connections", Value: 129},
			{Name: readingLoad, Unit: "/s", Value: 200, Load: true},
		},
	}
}

// readings are what was measured after a change of dropping.
func readings(drops, resets, limit, load float64) []Reading {
	return []Reading{
		{Name: model.FigureDrops, Unit: "/s", Value: drops, Harm: true}, {Name: model.FigureResets, Unit: "/s", Value: resets, Harm: true},
		{Name: model.FigureQueueLimit, Unit: "connections", Value: limit}, {Name: readingLoad, Unit: "/s", Value: load, Load: true},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	severe := Case{Before: []Reading{{Name: readingSeverity, Value: 3, Harm: true}}}
	severity := func(v float64) []Reading { return []Reading{{Name: readingSeverity, Value: v, Harm: true}} }
	tests := []struct {
		name           string
		c              Case
		after          []Reading
		still, resumed bool
		want           Outcome
		keep           bool
	}{
		{"over", dropping(false), readings(0, 5, 4097, 210), false, false, Cured, true},
		{"over, the finding stays for another reason", dropping(false), readings(0, 5, 4097, 210), true, false, Cured, true},
		{"half of it", dropping(false), readings(18, 5, 4097, 210), true, false, Better, true},
		{"a tenth less is chance", dropping(false), readings(33, 5, 4097, 210), true, false, Unchanged, false},
		{"a tenth more is chance", dropping(false), readings(41, 5, 4097, 210), true, false, Unchanged, false},
		{"a half more", dropping(false), readings(56, 5, 4097, 210), true, false, Worse, false},
		{"another harm that nobody predicted", dropping(false), readings(0, 50, 4097, 210), false, false, Cured, true},
		{"the load went away", dropping(false), readings(0, 5, 4097, 20), false, false, Unproven, true},
		{"the load went away and the drops did not", dropping(false), readings(37, 5, 4097, 20), true, false, Unchanged, false},
		{"not measured", dropping(false), nil, false, false, Unproven, true},
		{"not listened again", dropping(true), readings(37, 5, 129, 210), true, false, Waiting, true},
		{"not listened again, and worse by chance", dropping(true), readings(60, 5, 129, 210), true, false, Waiting, true},
		{"resumed without listen()", dropping(true), readings(37, 5, 129, 210), true, true, Waiting, true},
		{"listened at once", dropping(true), readings(0, 5, 512, 210), false, false, Cured, true},
		{"resumed after listen()", dropping(true), readings(0, 5, 4097, 210), false, true, Cured, true},
		{"resumed in vain", dropping(true), readings(36, 5, 4097, 210), true, true, Unchanged, false},
		{"a restart that nothing shows", Case{Restart: true, Before: severity(3)}, severity(3), true, false, Waiting, true},
		{"resumed, a restart that nothing shows", Case{Restart: true, Before: severity(3)}, severity(3), true, true, Unchanged, false},
		{"no figures, gone", severe, severity(0), false, false, Cured, true},
		{"no figures, less severe", severe, severity(2), true, false, Better, true},
		{"no figures, as before", severe, severity(3), true, false, Unchanged, false},
		{"no figures, more severe", Case{Before: severity(2)}, severity(3), true, false, Worse, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.c.Judge(tt.after, tt.still, tt.resumed)
			if got.Outcome != tt.want || got.Outcome.Keep() != tt.keep || got.Why == "" {
				t.Errorf("got %s (%s), keep %v, want %s", got.Outcome, got.Why, got.Outcome.Keep(), tt.want)
			}
		})
	}
}

// TestJudgeFigures: each figure stands beside its range; what was not measured, or
// waits, is not held against it.
func TestJudgeFigures(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	note := func(c Case, after []Reading) {
		for _, f := range c.Judge(after, true, false).Figures {
			switch {
			case f.Within == nil:
				got[f.Name] = "open"
			case *f.Within:
				got[f.Name] = "within"
			default:
				got[f.Name] = "outside"
			}
		}
	}
	note(dropping(false), readings(10, 5, 4097, 210))
	for name, want := range map[string]string{
		model.FigureDrops: "outside", model.FigureQueueLimit: "within", model.FigurePortRate: "open", readingLoad: "open",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if _, ok := got[model.FigureResets]; ok {
		t.Error("resets are not what was predicted")
	}
	note(dropping(true), readings(37, 5, 129, 210))
	if got[model.FigureDrops] != "open" {
		t.Errorf("while it waits: got %q, want open", got[model.FigureDrops])
	}
}

// TestExpect: the predicted value is in its own range, and the range is one.
func TestExpect(t *testing.T) {
	t.Parallel()
	names := []string{model.FigureDrops, model.FigureQueueLimit, model.FigureQueuePeak, model.FigureTimeWait, model.FigureHalfOpen,
		model.FigurePorts, model.FigureUsed, model.FigurePortRate, "anything"}
	rapid.Check(t, func(t *rapid.T) {
		f := model.Figure{
			Name: rapid.SampledFrom(names).Draw(t, "name"), Before: rapid.Float64Range(0, 1e6).Draw(t, "before"),
			After: rapid.OneOf(rapid.Float64Range(0, 1e6), rapid.Just(math.Inf(1))).Draw(t, "after"),
		}
		e := expect(f, rapid.Bool().Draw(t, "restart"))
		if e.Low > e.High || !e.Holds(e.Predicted) || e.Low < 0 || math.IsInf(e.High, 0) {
			t.Fatalf("%+v: got %+v", f, e)
		}
	})
	e := expect(model.Figure{Name: model.FigureDrops, Before: 200, After: 0, Unit: "/s"}, false)
	if !e.Holds(10) || e.Holds(10.5) {
		t.Errorf("got %+v, want up to a twentieth of 200", e)
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ got, want string }{
		{Amount(0, "/s"), "0/s"}, {Amount(3.72, "/s"), "3.7/s"}, {Amount(36.6, "/s"), "37/s"}, {Amount(9.97, "%"), "10%"},
		{Amount(4097, "connections"), "4,097 connections"}, {Amount(1234567, ""), "1,234,567"}, {Amount(math.MaxFloat64, "/s"), "without limit"},
		{Span(129, " to ", 4097, "connections"), "129 to 4,097 connections"}, {Span(0, " → ", 3.7, "/s"), "0/s → 3.7/s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
