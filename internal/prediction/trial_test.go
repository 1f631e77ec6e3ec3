package prediction

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// How many exceptions there may be.
const (
	differsAtMost  = 3 // verdicts that are known to be wrong
	allowedReasons = 8 // figures with a wider tolerance
)

// TestTrials wants trials that can be told apart and whose exceptions are few.
func TestTrials(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	what := map[string]string{}
	var differs, allowed int
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, trial := range All() {
		if names[trial.Name] || !kebab.MatchString(trial.Name) {
			t.Errorf("%q: not kebab-case, or used twice", trial.Name)
		}
		names[trial.Name] = true
		key := trial.Load.Text + trial.Change.String()
		if other, twice := what[key]; twice {
			t.Errorf("%s: the same load and change as %s", trial.Name, other)
		}
		what[key] = trial.Name
		if trial.Load.Start == nil || trial.Load.Text == "" || len(trial.Load.Subject.Harms) == 0 {
			t.Errorf("%s: a load without a start, a text or a harm", trial.Name)
		}
		if trial.Change.Key == "" && trial.Change.Backlog == 0 {
			t.Errorf("%s: nothing is changed", trial.Name)
		}
		if trial.Differs != "" {
			differs++
		}
		for _, a := range trial.Allow {
			allowed++
			if a.Reason == "" || a.Share <= usualShare || a.Share > 1 {
				t.Errorf("%s: tolerance %v of %s without a reason, or out of range", trial.Name, a.Share, a.Figure)
			}
		}
	}
	if differs > differsAtMost || allowed > allowedReasons {
		t.Errorf("%d verdicts known to be wrong and %d wider tolerances, want %d and %d at most",
			differs, allowed, differsAtMost, allowedReasons)
	}
}

// TestDocument wants a row for every trial in the document; what it says about them
// is of the run that wrote it.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "predictions.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| load |") {
			rows++
		}
	}
	want := 0
	for _, trial := range All() {
		for _, f := range trial.complete().Families {
			want++
			row := fmt.Sprintf("| %s | %s | %s | ", trial.Load.Text, trial.Change, f)
			if !strings.Contains(string(text), row) {
				t.Errorf("no row %q; write the document anew: go run ./internal/prediction/table > docs/predictions.md", row)
			}
		}
	}
	if rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
}

// harmOf is a window that shows one number.
func harmOf(v float64) *Sample { return &Sample{notes: map[string]float64{"harm": v}} }

func TestObserve(t *testing.T) {
	t.Parallel()
	harm := Measure{Name: "harm", Floor: 3, Of: note("harm")}
	good := Measure{Name: "good", Floor: 3, MoreIsBetter: true, Of: note("harm")}
	tests := []struct {
		name                     string
		measure                  Measure
		before, after, restarted float64 // below 0: no restart
		want                     model.Verdict
	}{
		{"ends", harm, 50, 0, -1, model.Helps},
		{"falls by a fifth", harm, 50, 40, -1, model.Helps},
		{"falls by less", harm, 50, 41, 48, model.NoEffect},
		{"falls within noise", harm, 5, 2.5, 5, model.NoEffect},
		{"rises by a fifth", harm, 50, 60, -1, model.Harmful},
		{"rises from nothing", harm, 0, 3, -1, model.Harmful},
		{"rises within noise", harm, 0, 2.9, 0, model.NoEffect},
		{"falls with the restart", harm, 50, 50, 0, model.NeedsRestart},
		{"rises with the restart", harm, 50, 50, 70, model.Harmful},
		{"stays", harm, 50, 50, 50, model.NoEffect},
		{"the good rises", good, 0, 50, -1, model.Helps},
		{"the good falls", good, 50, 0, -1, model.Harmful},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var restarted *Sample
			if tt.restarted >= 0 {
				restarted = harmOf(tt.restarted)
			}
			if got, _ := Observe([]Measure{tt.measure}, harmOf(tt.before), harmOf(tt.after), restarted); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	both := []Measure{harm, {Name: "other", Floor: 3, Of: note("other")}}
	mixed := func(a, b float64) *Sample { return &Sample{notes: map[string]float64{"harm": a, "other": b}} }
	if got, _ := Observe(both, mixed(50, 0), mixed(0, 50), nil); got != model.Harmful {
		t.Errorf("one better and one worse: got %s, want harmful", got)
	}
	if got, harms := Observe(both, mixed(50, 0), harmOf(0), nil); got != model.Helps || len(harms) != 1 {
		t.Errorf("one not shown: got %s of %d harms, want helps of 1", got, len(harms))
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		number Number
		want   bool
		strict bool
	}{
		{Number{Predicted: 100, Measured: 125, Share: 0.25}, true, true},
		{Number{Predicted: 100, Measured: 126, Share: 0.25}, false, false},
		{Number{Predicted: 100, Measured: 75, Share: 0.25}, true, true},
		{Number{Predicted: 0, Measured: 3, Share: 0.25, Floor: 3}, true, true},
		{Number{Predicted: 0, Measured: 4, Share: 0.25, Floor: 3}, false, false},
		{Number{Predicted: 0, Measured: 200, Share: 1, Reason: "it cannot know"}, true, false},
		{Number{Predicted: 100, Measured: 60, Share: 0.5, Reason: "noise"}, true, false},
		{Number{Predicted: 100, Measured: 40, Share: 0.5, Reason: "noise"}, false, false},
	}
	for _, tt := range tests {
		if got := tt.number.Agrees(); got != tt.want {
			t.Errorf("%+v: agrees %v, want %v", tt.number, got, tt.want)
		}
		if got := tt.number.Strict(); got != tt.strict {
			t.Errorf("%+v: strict %v, want %v", tt.number, got, tt.strict)
		}
	}
}
