package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Format is one form a report can be written in.
type Format struct {
	// Name is what the user asks for.
	Name string
	// Doc says in a few words what it is for.
	Doc string
	// Render writes the report.
	Render func(io.Writer, *Report, Options) error
}

// Options say how to write a report. The zero value is plain text as wide as
// it comes, with every finding.
type Options struct {
	// Width is the number of columns that text may take; 0 means 80.
	Width int
	// Color allows escape sequences in text.
	Color bool
	// MinSeverity leaves out findings below it; "" leaves out none. What is
	// left out still counts: the verdict is that of the whole report.
	MinSeverity rules.Severity
}

// ParseFormat finds a format by its name.
func ParseFormat(name string) (Format, error) {
	all := Formats()
	for _, f := range all {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("no format %q (there are: %s)", name, strings.Join(FormatNames(), ", "))
}

// FormatNames returns the names of all formats.
func FormatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// filtered returns the report without the findings below a severity.
func (r *Report) filtered(o Options) *Report {
	if o.MinSeverity.Rank() <= rules.Info.Rank() {
		return r
	}
	out := *r
	out.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f rules.Finding) bool {
		return f.Severity.Rank() < o.MinSeverity.Rank()
	})
	if out.Findings == nil {
		out.Findings = []rules.Finding{}
	}
	return &out
}
