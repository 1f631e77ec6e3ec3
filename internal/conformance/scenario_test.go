package conformance

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// TestScenariosAreComplete checks what every scenario owes its readers.
func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := make(map[string]bool)
	for _, s := range All() {
		name := s.Subject + "/" + s.Name
		if !kebab.MatchString(s.Subject) || !kebab.MatchString(s.Name) || seen[name] {
			t.Errorf("%s: not two words in kebab-case, or not the only one", name)
		}
		seen[name] = true
		if len(s.Doc) < 40 || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: got the documentation %q, want a sentence", name, s.Doc)
		}
		if len(s.Variants) == 0 {
			t.Errorf("%s: has no variants", name)
		}
		variants := make(map[string]bool)
		for _, v := range s.Variants {
			if v.Run == nil || v.Takes <= 0 || v.Takes > 2*time.Minute || variants[v.Name] || v.Name == "" && len(s.Variants) > 1 {
				t.Errorf("%s: variant %q is not complete, or not the only one of its name", name, v.Name)
			}
			variants[v.Name] = true
		}
		for _, d := range s.Deviations {
			if d.What == "" || !strings.HasSuffix(d.Reason, ".") {
				t.Errorf("%s: got the deviation %+v, want what differs, and why", name, d)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	never := func(model.Dialect) (bool, string) { return false, "too old" }
	all := []Scenario{
		{Subject: "a", Name: "short", Variants: []Variant{{Takes: time.Second}}},
		{Subject: "a", Name: "long", Variants: []Variant{{Name: "x", Takes: time.Minute}, {Name: "y", Takes: 2 * time.Second}}},
		{Subject: "b", Name: "both", Families: bothFamilies(), Variants: []Variant{{Takes: 3 * time.Second}}},
		{Subject: "b", Name: "skipped", Needs: never, Variants: []Variant{{Takes: time.Second}}},
	}
	for _, tt := range []struct {
		name    string
		options Options
		want    string
		skipped int
	}{
		{"all", Options{}, "long x ipv4, both  ipv4, both  ipv6, long y ipv4, short  ipv4", 1},
		{"one subject", Options{Only: "a/"}, "long x ipv4, long y ipv4, short  ipv4", 0},
		{"one scenario", Options{Only: "b/both"}, "both  ipv4, both  ipv6", 0},
		{"short ones", Options{Longest: 2 * time.Second}, "long y ipv4, short  ipv4", 3},
		{"none", Options{Only: "nosuch"}, "", 0},
	} {
		r := &runner{options: tt.options, ipv6: true}
		var got []string
		for _, j := range r.choose(all) {
			got = append(got, strings.Join([]string{j.scenario.Name, j.variant.Name, j.family.String()}, " "))
		}
		if text := strings.Join(got, ", "); text != tt.want || len(r.report.Skipped) != tt.skipped {
			t.Errorf("%s: got %q, %d skipped, want %q, %d", tt.name, text, len(r.report.Skipped), tt.want, tt.skipped)
		}
	}
}

func TestChooseWithoutIPv6(t *testing.T) {
	t.Parallel()
	all := []Scenario{{Subject: "a", Name: "both", Families: bothFamilies(), Variants: []Variant{{Takes: time.Second}}}}
	r := &runner{}
	if got := r.choose(all); len(got) != 1 || got[0].family != lab.IPv4 || len(r.report.Skipped) != 1 {
		t.Errorf("got %d variants, %d skipped, want the one over IPv4 and a word about IPv6", len(got), len(r.report.Skipped))
	}
}

// TestCompareKeeps checks what a case keeps of its comparisons.
func TestCompareKeeps(t *testing.T) {
	t.Parallel()
	c := &Case{
		cancel: func() {}, known: []Deviation{{What: "known", Reason: "it is so."}},
		label: Comparison{Subject: "s", Scenario: "n", Variant: "v", Family: lab.IPv6.String()},
	}
	c.Prepare(func() {
		c.Compare("on the way", 1, 1)
		c.Compare("wrong on the way", 1, 2)
	})
	c.Compare("known", 1, 2)
	c.Compare("equal", 1, 1)
	c.Fail(nil)
	if c.Failed() {
		t.Error("no error is no failure")
	}
	c.Fail(errTooLong)
	c.Compare("too late", 1, 1)
	var got []string
	for _, k := range c.comparisons {
		got = append(got, k.Where()+" "+k.What)
	}
	const at = "s / n / v / ipv6 "
	if want := at + "wrong on the way," + at + "known," + at + "equal"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if k := c.comparisons; !k[0].Unlisted() || !k[1].Listed() || k[1].Reason != "it is so." || !k[2].Agree {
		t.Errorf("got %+v", k)
	}
}

// TestCohort plays the half-open queue of the model by hand.
func TestCohort(t *testing.T) {
	t.Parallel()
	q := &cohort{limit: 16, retries: 5, rtoMax: rtoMaxDefault}
	q.arrive(0, 12)
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{6 * time.Second, 12}, {7 * time.Second, 8}, {62 * time.Second, 8}, {63 * time.Second, 0}} {
		q.playUntil(tt.at)
		if got := q.alive(12); got != tt.want {
			t.Errorf("after %v: got %d, want %d", tt.at, got, tt.want)
		}
	}
	if q.young() != 0 {
		t.Error("the dead are not young")
	}
}
