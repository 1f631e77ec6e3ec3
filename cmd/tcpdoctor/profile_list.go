package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

func newProfileListCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, output: "text"}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "the profiles there are",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runProfileList(&o)
		},
	}
	cmd.Flags().VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
	return cmd
}

// profileLine is one profile in a list.
type profileLine struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	File  string `json:"file"`
}

func runProfileList(o *profileOptions) error {
	set, err := o.load()
	if err != nil {
		return err
	}
	lines := []profileLine{}
	wide := 0
	for _, p := range set.All() {
		lines = append(lines, profileLine{p.Name, p.Title, p.Place.File})
		wide = max(wide, columns(p.Name))
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, struct {
			Schema   string        `json:"schema"`
			Profiles []profileLine `json:"profiles"`
		}{"tcpdoctor.profiles/v1", lines})
	}
	paint := ink(o.io.Color)
	var b strings.Builder
	for _, l := range lines {
		text := l.Title
		if !strings.HasPrefix(l.File, "built-in") {
			text += "  (" + l.File + ")"
		}
		fmt.Fprintf(&b, "%s  %s\n", paint.strong(padded(l.Name, wide)), report.Clean(text))
	}
	return writeText(o.io.Out, b.String())
}

func newProfileShowCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, output: "text"}}
	cmd := &cobra.Command{
		Use:   "show PROFILE...",
		Short: "what a profile wants, why, at what risk, and what it asks about",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = args
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runProfileShow(&o)
		},
	}
	cmd.Flags().VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
	takesProfiles(cmd, &o)
	return cmd
}

func runProfileShow(o *profileOptions) error {
	ps, err := o.chosen()
	if err != nil {
		return err
	}
	docs := []profileDocument{}
	for _, p := range ps {
		docs = append(docs, newProfileDocument(p))
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, struct {
			Schema   string            `json:"schema"`
			Profiles []profileDocument `json:"profiles"`
		}{"tcpdoctor.profiles/v1", docs})
	}
	var b strings.Builder
	for i, d := range docs {
		if i > 0 {
			b.WriteString("\n")
		}
		d.text(&b, o.io)
	}
	return writeText(o.io.Out, b.String())
}

// profileDocument is a profile as `profile show -o json` writes it.
type profileDocument struct {
	profileLine
	Doc      string         `json:"doc"`
	Inherits []string       `json:"inherits"`
	Restores bool           `json:"restores,omitempty"`
	Inputs   []profileInput `json:"inputs"`
	Entries  []profileEntry `json:"entries"`
	Leaves   []profileLeave `json:"leave"`
}

type profileInput struct {
	Name    string `json:"name"`
	Symbol  string `json:"symbol"`
	Unit    string `json:"unit"`
	From    string `json:"from"`
	Default string `json:"default,omitempty"`
	Doc     string `json:"doc"`
	Example string `json:"example"`
}

type profileEntry struct {
	Key     sysctl.Key `json:"key"`
	Field   string     `json:"field,omitempty"`
	Op      string     `json:"constraint"`
	Value   string     `json:"value,omitempty"`
	Formula string     `json:"formula,omitempty"`
	When    []string   `json:"when,omitempty"`
	Lowers  bool       `json:"lowers,omitempty"`
	Reason  string     `json:"reason"`
	Risk    string     `json:"risk"`
	Source  string     `json:"source"`
	Profile string     `json:"profile"`
}

type profileLeave struct {
	Keys   []sysctl.Key `json:"keys"`
	Value  string       `json:"value,omitempty"`
	Reason string       `json:"reason"`
	Owner  string       `json:"owner,omitempty"`
}

func newProfileDocument(p profiles.Profile) profileDocument {
	d := profileDocument{
		profileLine: profileLine{p.Name, p.Title, p.Place.File}, Doc: p.Doc, Inherits: p.Inherits, Restores: p.Restores,
		Inputs: []profileInput{}, Entries: []profileEntry{}, Leaves: []profileLeave{},
	}
	if d.Inherits == nil {
		d.Inherits = []string{}
	}
	for _, in := range p.Inputs {
		line := profileInput{Name: in.Name, Symbol: in.Symbol, Unit: string(in.Unit), From: string(in.From), Doc: in.Doc, Example: in.Example()}
		if in.Default != nil {
			line.Default = in.Format(*in.Default)
		}
		d.Inputs = append(d.Inputs, line)
	}
	for _, e := range p.Entries {
		line := profileEntry{
			Key: e.Key, Field: e.Field, Op: e.Op.String(), Value: e.Value, Lowers: e.Lowers, Reason: e.Reason, Risk: e.Risk, Source: e.Source, Profile: e.Profile,
		}
		if e.Formula != nil {
			line.Formula = e.Formula.String()
		}
		for _, c := range e.When {
			line.When = append(line.When, c.String())
		}
		d.Entries = append(d.Entries, line)
	}
	for _, l := range p.Leaves {
		d.Leaves = append(d.Leaves, profileLeave{l.Keys, l.Value, l.Reason, l.Owner})
	}
	return d
}

// String says the input in a line.
func (in profileInput) String() string {
	name := in.Name
	if in.Symbol != in.Name {
		name += ", in formulas " + in.Symbol
	}
	text := fmt.Sprintf("%s (%s, %s): %s", name, in.Unit, in.From, in.Doc)
	if in.Default != "" {
		text += "; default " + in.Default
	}
	return text
}

// text writes the profile for people.
func (d profileDocument) text(b *strings.Builder, io streams) {
	paint := ink(io.Color)
	width := max(io.Width, leastWidth)
	para := func(indent int, text string) {
		for _, line := range folded(strings.Join(strings.Fields(text), " "), width-indent) {
			fmt.Fprintf(b, "%s%s\n", strings.Repeat(" ", indent), line)
		}
	}
	fmt.Fprintf(b, "%s  %s\n", paint.strong(report.Clean(d.Name)), report.Clean(d.Title))
	if len(d.Inherits) > 0 {
		para(2, "with everything of "+strings.Join(d.Inherits, ", "))
	}
	b.WriteString("\n")
	para(2, d.Doc)
	if len(d.Inputs) > 0 {
		fmt.Fprintf(b, "\n%s\n", paint.strong("inputs"))
	}
	for _, in := range d.Inputs {
		para(2, in.String())
	}
	if len(d.Entries) > 0 {
		fmt.Fprintf(b, "\n%s\n", paint.strong("wants"))
	}
	for _, e := range d.Entries {
		name := string(e.Key)
		if e.Field != "" {
			name += "[" + e.Field + "]"
		}
		mark := ""
		if e.Lowers {
			mark = " ↓"
		}
		fmt.Fprintf(b, "  %s\n", paint.strong(name))
		para(4, e.Op+" "+e.Value+e.Formula+mark)
		for _, w := range e.When {
			para(4, "when "+w)
		}
		para(4, "reason: "+e.Reason)
		para(4, "risk: "+e.Risk)
		para(4, "source: "+e.Source)
	}
	if len(d.Leaves) > 0 {
		fmt.Fprintf(b, "\n%s\n", paint.strong("leaves alone"))
	}
	for _, l := range d.Leaves {
		text := strings.Trim(fmt.Sprint(l.Keys), "[]")
		if l.Value != "" {
			text += " = " + l.Value
		}
		if l.Owner != "" {
			text += " (" + l.Owner + ")"
		}
		para(2, text+": "+l.Reason)
	}
}
