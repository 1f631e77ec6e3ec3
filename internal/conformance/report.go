package conformance

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Report is what the suite found on one kernel. It may be written as JSON.
type Report struct {
	// Kernel is the release as `uname -r` gives it, and Dialect what the model
	// made of it.
	Kernel  string        `json:"kernel"`
	Dialect model.Dialect `json:"dialect"`
	// WallSeconds is how long the suite took.
	WallSeconds float64 `json:"wall_seconds"`
	// Subjects sum up the comparisons, by name.
	Subjects []Subject `json:"subjects"`
	// Comparisons are all of them, by subject, scenario, variant and family.
	Comparisons []Comparison `json:"comparisons"`
	// Skipped are the scenarios that this kernel cannot run.
	Skipped []Skipped `json:"skipped,omitempty"`
	// Repeated are the scenarios that did not agree at once and were run again,
	// beside fewer others. Their comparisons are those of the second time.
	Repeated []Repeated `json:"repeated,omitempty"`
	// Failures are the scenarios that could not be brought to their end.
	Failures []Failure `json:"failures,omitempty"`
}

// Subject counts the comparisons of one subject.
type Subject struct {
	Name        string `json:"name"`
	Comparisons int    `json:"comparisons"`
	Agree       int    `json:"agree"`
	Listed      int    `json:"listed"`   // differ for a known reason
	Unlisted    int    `json:"unlisted"` // differ, and nobody knows why
}

// Skipped is a scenario, or one variant of it, that was not run.
type Skipped struct {
	Subject  string `json:"subject"`
	Scenario string `json:"scenario"`
	Variant  string `json:"variant,omitempty"` // empty: all of them
	Reason   string `json:"reason"`
}

// Repeated is a scenario that was run twice.
type Repeated struct {
	Subject  string `json:"subject"`
	Scenario string `json:"scenario"`
	Variant  string `json:"variant,omitempty"`
	Family   string `json:"family"`
	// Why is what did not agree at first.
	Why string `json:"why"`
}

// Failure is a scenario that broke off. What it compared before stays in the
// report.
type Failure struct {
	Subject  string `json:"subject"`
	Scenario string `json:"scenario"`
	Variant  string `json:"variant,omitempty"`
	Family   string `json:"family"`
	Error    string `json:"error"`
}

// Agrees reports whether every scenario came to its end without a difference
// that is not listed.
func (r *Report) Agrees() bool {
	return len(r.Failures) == 0 && !slices.ContainsFunc(r.Comparisons, Comparison.Unlisted)
}

// finish sorts what was collected and counts it.
func (r *Report) finish() {
	slices.SortStableFunc(r.Comparisons, func(a, b Comparison) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Scenario, b.Scenario),
			cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Family, b.Family))
	})
	slices.SortFunc(r.Skipped, func(a, b Skipped) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Variant, b.Variant))
	})
	slices.SortFunc(r.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Variant, b.Variant))
	})
	r.Subjects = nil
	for _, c := range r.Comparisons {
		if n := len(r.Subjects); n == 0 || r.Subjects[n-1].Name != c.Subject {
			r.Subjects = append(r.Subjects, Subject{Name: c.Subject})
		}
		r.Subjects[len(r.Subjects)-1].count(c)
	}
}

func (s *Subject) count(c Comparison) {
	s.Comparisons++
	switch {
	case c.Agree:
		s.Agree++
	case c.Listed():
		s.Listed++
	default:
		s.Unlisted++
	}
}

// Total counts the comparisons of all subjects.
func (r *Report) Total() Subject {
	total := Subject{Name: "all"}
	for _, c := range r.Comparisons {
		total.count(c)
	}
	return total
}

// WriteText writes the counts of each subject, and then every difference, every
// scenario that was skipped and every one that failed.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Linux %s: model and kernel compared %d times in %.0f s\n\n",
		r.Kernel, len(r.Comparisons), r.WallSeconds)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "subject\tcompared\tagree\tknown\tdiffer\t")
	for _, s := range append(slices.Clone(r.Subjects), r.Total()) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t\n", s.Name, s.Comparisons, s.Agree, s.Listed, s.Unlisted)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("conformance: write report: %w", err)
	}
	for _, c := range r.Comparisons {
		if !c.Agree {
			writeDifference(&b, c)
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\nskipped  %s: %s\n", join(s.Subject, s.Scenario, s.Variant), s.Reason)
	}
	for _, f := range r.Repeated {
		fmt.Fprintf(&b, "\nrepeated %s: at first %s\n", join(f.Subject, f.Scenario, f.Variant, f.Family), f.Why)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "\nfailed   %s: %s\n", f.where(), f.Error)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("conformance: write report: %w", err)
	}
	return nil
}

func (f Failure) where() string { return join(f.Subject, f.Scenario, f.Variant, f.Family) }

// writeDifference writes a comparison whose sides differ.
func writeDifference(b *strings.Builder, c Comparison) {
	verdict := "differs "
	if c.Listed() {
		verdict = "known   "
	}
	fmt.Fprintf(b, "\n%s %s: %s\n  model   %s\n  kernel  %s\n", verdict, c.Where(), c.What, c.Model, c.Kernel)
	if c.Reason != "" {
		fmt.Fprintf(b, "  because %s\n", c.Reason)
	}
}
