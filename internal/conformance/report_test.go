package conformance

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// sampleReport has one of everything.
func sampleReport() Report {
	at := func(subject, what string, agree bool, reason string) Comparison {
		return Comparison{
			Subject: subject, Scenario: "limits", Variant: "backlog 4", Family: "ipv4", What: what,
			Model: "5", Kernel: "6", Agree: agree, Reason: reason,
		}
	}
	r := Report{
		Kernel: "6.18.0", WallSeconds: 2.4,
		Comparisons: []Comparison{
			at("syn-queue", "entries", true, ""), at("accept-queue", "length", false, ""),
			at("accept-queue", "limit", false, "it is so"), at("accept-queue", "drops", true, ""),
		},
		Skipped:  []Skipped{{"syn-schedule", "linear-timeouts", "", "this kernel has none"}},
		Repeated: []Repeated{{"pruning", "old-entries", "few", "ipv4", "entries left: model 8, kernel 9"}},
		Failures: []Failure{{"ports", "bind", "", "ipv6", "conformance: bind: EADDRINUSE"}},
	}
	r.finish()
	return r
}

func TestReportText(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	want := `Linux 6.18.0: model and kernel compared 4 times in 2 s

       subject  compared  agree  known  differ
  accept-queue         3      1      1       1
     syn-queue         1      1      0       0
           all         4      2      1       1

differs  accept-queue / limits / backlog 4 / ipv4: length
  model   5
  kernel  6

known    accept-queue / limits / backlog 4 / ipv4: limit
  model   5
  kernel  6
  because it is so

skipped  syn-schedule / linear-timeouts: this kernel has none

repeated pruning / old-entries / few / ipv4: at first entries left: model 8, kernel 9

failed   ports / bind / ipv6: conformance: bind: EADDRINUSE
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReportAgrees(t *testing.T) {
	t.Parallel()
	if r := sampleReport(); r.Agrees() {
		t.Error("a difference nobody knows the reason of is no agreement")
	}
	r := sampleReport()
	r.Failures, r.Comparisons = nil, r.Comparisons[1:]
	if !r.Agrees() {
		t.Error("a known difference is no disagreement")
	}
	if got, want := r.Total(), (Subject{"all", 3, 2, 1, 0}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.Failures = []Failure{{}}
	if r.Agrees() {
		t.Error("a scenario that broke off is no agreement")
	}
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	want := sampleReport()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestReportSaysWhenItCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	if err := r.WriteText(full{}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v, want that there is no room", err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	second := time.Second
	for _, tt := range []struct {
		name          string
		model, kernel any
		want          Comparison
	}{
		{"equal numbers", 3, 3, Comparison{Model: "3", Kernel: "3", Agree: true}},
		{"numbers", 3, 4, Comparison{Model: "3", Kernel: "4"}},
		{"two types", 3, "3", Comparison{Model: "3", Kernel: "3"}},
		{"no text", "", "x", Comparison{Model: "none", Kernel: "x"}},
		{"success", Errno(""), Errno("EPIPE"), Comparison{Model: "success", Kernel: "EPIPE"}},
		{"in time", second, Moment{second, second}, Comparison{Model: "1s to 1.45s", Kernel: "1s", Agree: true}},
		{"late", second, Moment{1500 * time.Millisecond, 1500 * time.Millisecond}, Comparison{Model: "1s to 1.45s", Kernel: "1.5s"}},
		{"within the tick", second, Moment{0, 990 * time.Millisecond}, Comparison{Model: "1s to 1.45s", Kernel: "0s to 990ms", Agree: true}},
		{"early", second, Moment{0, 980 * time.Millisecond}, Comparison{Model: "1s to 1.45s", Kernel: "0s to 980ms"}},
		{"seen late", second, Moment{900 * time.Millisecond, 3 * second}, Comparison{Model: "1s to 1.45s", Kernel: "900ms to 3s", Agree: true}},
		{"not at all", second, Moment{20 * second, Never}, Comparison{Model: "1s to 1.45s", Kernel: "not within 20s"}},
		{"near", Near{100, 0.1}, 91.0, Comparison{Model: "100 ±10%", Kernel: "91", Agree: true}},
		{"not near", Near{100, 0.1}, 89.0, Comparison{Model: "100 ±10%", Kernel: "89"}},
		{"small", Near{1, 0.1}, 3.0, Comparison{Model: "1 ±10%", Kernel: "3", Agree: true}},
		{"near no number", Near{1, 0.1}, "1", Comparison{Model: "1 ±10%", Kernel: "1"}},
	} {
		tt.want.What = tt.name
		if diff := cmp.Diff(tt.want, compare(tt.name, tt.model, tt.kernel)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	c := Counts{}
	if got := c.String(); got != "none" {
		t.Errorf("got %q, want none", got)
	}
	c.Add(2, model.CListenDrops, model.CListenOverflows)
	c.Add(1, model.CCurrEstabMinus)
	c.Add(3, model.CPassiveOpens, model.CCurrEstabPlus)
	if got, want := c.String(), "CurrEstab+2 PassiveOpens+3 ListenDrops+2 ListenOverflows+2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c = Counts{}
	c.Add(1, model.CCurrEstabMinus, model.CCurrEstabPlus)
	if len(c) != 0 {
		t.Errorf("got %v, want nothing that did not move", c)
	}
}
