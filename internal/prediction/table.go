package prediction

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// Summary counts the results of a run.
type Summary struct {
	// Trials is how many there were, and Right how many verdicts were
	// predicted as they were observed.
	Trials, Right int
	// Observed counts the trials by the verdict observed.
	Observed map[model.Verdict]int
	// Numbers is how many figures were measured, Within how many of them lie
	// within the usual tolerance, Allowed how many more within one that the
	// trial widens and gives a reason for.
	Numbers, Within, Allowed int
}

// Summarize counts results. One that broke off counts as a wrong verdict.
func Summarize(results []Result) Summary {
	s := Summary{Observed: make(map[model.Verdict]int)}
	for _, r := range results {
		s.Trials++
		if r.Right() {
			s.Right++
		}
		if r.Err == nil {
			s.Observed[r.Observed]++
		}
		for _, n := range r.Numbers {
			s.Numbers++
			switch {
			case n.Strict():
				s.Within++
			case n.Agrees():
				s.Allowed++
			}
		}
	}
	return s
}

// tableText is what stands above the table.
const tableText = `# Predictions and what came of them

Written by ` + "`go run ./internal/prediction/table > docs/predictions.md`" + `; do not edit.

Each row is one change under one load, made for real between two network namespaces on
Linux %s. The model predicted from one window, of three seconds unless the load says otherwise,
taken as ` + "`tcpdoctor diagnose`" + ` takes it. Then the change was made on the running kernel and,
when it had had time to take effect, another window taken. Where nothing got better or worse,
the application was restarted (it called listen() again, or connected anew) and a third window
taken. %d trials go on at a time, each in namespaces of its own.

**The verdict observed** is computed from the harms of the load, by one rule for all. A harm got
better or worse if it changed by a fifth at least and by more than noise.

- *harmful*: after the change, or after the restart that followed it, something is worse;
- *helps*: after the change something is better;
- *needs-restart*: nothing moved before the restart, and after it something is better;
- *no-effect*: nothing moved.

**Numbers** are predicted / measured, "was" for the time before the change. They agree within
±25 %% of the prediction, or within the noise of the quantity: 3/s of what is refused, 4 of
connections in a state, 6 of an accept queue's peak, 1 s of a life. Values before the change that
the model merely reads off the window are not compared. † marks a wider tolerance and ‡ a verdict
known to be wrong, each with its reason below the table; ✗ a number that is off.

%d trials: **%d verdicts right (%.1f %%)**; observed %s.
%d numbers: **%d within the tolerance (%.1f %%)**, %d more allowed for a reason.
`

// WriteTable writes the results as Markdown.
func WriteTable(w io.Writer, results []Result) error {
	var b strings.Builder
	s := Summarize(results)
	var counts []string
	for _, v := range []model.Verdict{model.Helps, model.NoEffect, model.NeedsRestart, model.Harmful} {
		counts = append(counts, fmt.Sprintf("%s %d", v, s.Observed[v]))
	}
	fmt.Fprintf(&b, tableText, kernel(results), parallelDefault, s.Trials, s.Right, percent(s.Right, s.Trials), strings.Join(counts, ", "),
		s.Numbers, s.Within, percent(s.Within, s.Numbers), s.Allowed)
	for _, subject := range subjects(results) {
		writeSubject(&b, subject, slices.DeleteFunc(slices.Clone(results), func(r Result) bool {
			return r.Trial.Load.Subject.Name != subject.Name
		}))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("prediction: write table: %w", err)
	}
	return nil
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(1, of)) }

// kernel is the version that the trials ran on, without what a builder appended.
func kernel(results []Result) string {
	for _, r := range results {
		if version, _, _ := strings.Cut(r.Kernel, "-"); version != "" {
			return version
		}
	}
	return "(unknown)"
}

// subjects lists the kinds of load in the order of their first result.
func subjects(results []Result) []Subject {
	var out []Subject
	for _, r := range results {
		s := r.Trial.Load.Subject
		if !slices.ContainsFunc(out, func(o Subject) bool { return o.Name == s.Name }) {
			out = append(out, s)
		}
	}
	return out
}

// writeSubject writes the table of one kind of load and the reasons below it.
func writeSubject(b *strings.Builder, s Subject, results []Result) {
	fmt.Fprintf(b, "\n## %s\n\nHarms: %s.\n\n", s.Name, strings.Join(harmNames(s), "; "))
	b.WriteString("| load | change | IP | predicted | observed | harms | numbers | agree |\n|---|---|---|---|---|---|---|---|\n")
	var reasons []string
	for _, r := range results {
		if r.Err != nil {
			fmt.Fprintf(b, "| %s | %s | %s | – | broke off: %v | – | – | no |\n",
				r.Trial.Load.Text, r.Trial.Change, r.Family, r.Err)
			continue
		}
		agree := "yes"
		if !r.Right() {
			agree = "**no**"
			if r.Trial.Differs != "" {
				agree = "**no** ‡"
				reasons = append(reasons, fmt.Sprintf("‡ %s, %s: %s", r.Trial.Load.Text, r.Trial.Change, r.Trial.Differs))
			}
		}
		for _, n := range r.Numbers {
			if n.Agrees() && !n.Strict() {
				reasons = append(reasons, fmt.Sprintf("† %s, %s, %s: %s", r.Trial.Load.Text, r.Trial.Change, n.Name, n.Reason))
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Trial.Load.Text, r.Trial.Change, r.Family,
			r.Predicted.Verdict, r.Observed, joined(r.harmTexts()), joined(r.numberTexts()), agree)
	}
	for _, reason := range slices.Compact(reasons) {
		fmt.Fprintf(b, "\n%s\n", reason)
	}
}

// joined puts parts into one cell.
func joined(parts []string) string {
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, "; ")
}

func harmNames(s Subject) []string {
	var out []string
	for _, m := range s.Harms {
		name := m.Name
		if m.MoreIsBetter {
			name += " (the more the better)"
		}
		out = append(out, name)
	}
	return out
}

// harmTexts words the harms that were there at any time: before, after the change
// and, where there was one, after the restart.
func (r Result) harmTexts() []string {
	var out []string
	for _, h := range r.Harms {
		if plain(h.Before) == "0" && plain(h.After) == "0" && plain(h.Restarted) == "0" {
			continue
		}
		text := fmt.Sprintf("%s %s → %s", h.Name, plain(h.Before), plain(h.After))
		if r.Restarted {
			text += " → " + plain(h.Restarted)
		}
		out = append(out, strings.TrimSpace(text+unit(h.Unit)))
	}
	return out
}

// numberTexts words the numbers: predicted / measured.
func (r Result) numberTexts() []string {
	var out []string
	for _, n := range r.Numbers {
		was, mark := "", ""
		if n.Before {
			was = " was"
		}
		switch {
		case n.Strict():
		case n.Agrees():
			mark = " †"
		default:
			mark = " ✗"
		}
		out = append(out, fmt.Sprintf("%s%s %s / %s%s%s", strings.ReplaceAll(n.Name, "-", " "), was,
			plain(n.Predicted), plain(n.Measured), unit(n.Unit), mark))
	}
	return out
}

// unit sets off a unit that is a word.
func unit(u string) string {
	switch {
	case u == "s":
		return " s"
	case strings.HasPrefix(u, "/"):
		return u
	default:
		return ""
	}
}

// plain prints a number with at most three significant digits below a hundred.
func plain(v float64) string {
	v = math.Max(v, 0) + 0 // a difference of two counts may be a little below
	switch {
	case v >= 9.95:
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	case math.Abs(v-math.Round(v)) < 0.05:
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	default:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
}

// Text puts a result into a few lines, for progress and for tests.
func (r Result) Text() string {
	if r.Err != nil {
		return fmt.Sprintf("%s: broke off after %.0f s: %v", r.Name(), r.Took.Seconds(), r.Err)
	}
	verdict := "as observed"
	if !r.Right() {
		verdict = "but observed " + string(r.Observed)
	}
	return fmt.Sprintf("%s: predicted %s, %s (%.0f s, late by %v, try %d)\n    %s\n    harms: %s\n    numbers: %s", r.Name(), r.Predicted.Verdict,
		verdict, r.Took.Seconds(), r.Late.Round(time.Millisecond), r.Tries, r.Predicted.Reason, joined(r.harmTexts()), joined(r.numberTexts()))
}
