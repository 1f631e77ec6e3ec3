package prediction

import (
	"fmt"
	"io"
	"strings"
)

// Line puts a result into one line.
func (r Result) Line() string {
	if r.Err != nil {
		return fmt.Sprintf("BROKE %s: %v", r.Name(), r.Err)
	}
	mark := "ok   "
	if !r.Right() {
		mark = "WRONG"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: predicted %s, observed %s [%.0f s] (%s)", mark, r.Name(), r.Predicted.Verdict, r.Observed, r.Took.Seconds(), r.Predicted.Reason)
	for _, h := range r.Harms {
		fmt.Fprintf(&b, "\n      %s %.1f -> %.1f -> %.1f", h.Name, h.Before, h.After, h.Restarted)
	}
	for _, n := range r.Numbers {
		mark := " "
		if !n.Agrees() {
			mark = "!"
		}
		fmt.Fprintf(&b, "\n    %s %s (before %v): predicted %.2f measured %.2f", mark, n.Name, n.Before, n.Predicted, n.Measured)
	}
	return b.String()
}

// WriteTable writes the results as Markdown.
func WriteTable(w io.Writer, results []Result) error {
	for _, r := range results {
		if _, err := fmt.Fprintln(w, r.Line()); err != nil {
			return err
		}
	}
	return nil
}
