package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// ownersSchema names the form of [ownersDocument].
const ownersSchema = "tcpdoctor.owners/v1"

// ownersDocument is what `why -o json` writes without a parameter: who sets what.
type ownersDocument struct {
	Schema     string      `json:"schema"`
	Netns      rules.Netns `json:"netns"`
	FilesCount bool        `json:"files_count"` // whether files are applied to this namespace
	// Lines are those of the files that the readers read, in their order.
	Lines  []ownedLine `json:"lines"`
	Others []ownerDoc  `json:"others"`
}

// ownedLine is one line that sets a parameter, or all that a pattern stands for.
type ownedLine struct {
	Key   sysctl.Key `json:"key,omitempty"`
	Name  string     `json:"pattern,omitempty"`
	Value string     `json:"value"`
	File  string     `json:"file"`
	Line  int        `json:"line"`
	// Hidden is the file of the same name that is read instead.
	Hidden string `json:"hidden_by,omitempty"`
}

// ownerDoc is another program that sets parameters.
type ownerDoc struct {
	Name     string       `json:"name"`
	Active   bool         `json:"active"`
	Evidence string       `json:"evidence"`
	Note     string       `json:"note"`
	Sets     []ownedLine  `json:"sets"`
	May      []sysctl.Key `json:"may,omitempty"`
}

// runOwners says who sets parameters on this host, and which.
func runOwners(o whyOptions, s *applySite) error {
	conf, err := sysctl.LoadConf(o.root)
	if err != nil {
		return err
	}
	id := s.handle.ID()
	d := ownersDocument{
		Schema: ownersSchema, FilesCount: s.keepsFiles, Others: []ownerDoc{}, Lines: ownedFiles(conf),
		Netns: rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: s.handle.Name()},
	}
	for _, other := range sysctl.LoadOthers(o.root) {
		d.Others = append(d.Others, ownerDoc{
			Name: other.Name, Active: other.Active, Evidence: other.Evidence, Note: other.Note, May: other.May, Sets: ownedLines(other.Sets, ""),
		})
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, d)
	}
	return writeText(o.io.Out, d.text())
}

// ownedFiles lists the lines of the files. A file that is read under two names
// stands there twice, as the readers see it.
func ownedFiles(conf sysctl.Conf) []ownedLine {
	out := []ownedLine{}
	by := ""
	for _, f := range conf.Files {
		hidden := ""
		if f.Hidden {
			hidden = by
		} else {
			by = f.Path
		}
		lines, _ := sysctl.ReaderSystemd.Parse(f)
		out = append(out, ownedLines(lines, hidden)...)
	}
	if conf.Plain != nil {
		lines, _ := sysctl.ReaderProcps.Parse(*conf.Plain)
		out = append(out, ownedLines(lines, "")...)
	}
	return out
}

// ownedLines lists lines under the names of their parameters.
func ownedLines(all []sysctl.Assignment, hidden string) []ownedLine {
	out := []ownedLine{}
	for _, a := range all {
		k, ok := a.Key()
		if a.Exclude || !ok && !a.IsPattern() {
			continue
		}
		l := ownedLine{Key: k, Name: patternOf(a), Value: sysctl.Shown(k, a.Value), File: a.File, Line: a.Line, Hidden: hidden}
		if a.IsPattern() {
			l.Key = ""
		}
		out = append(out, l)
	}
	return out
}

// text writes the document for people.
func (d ownersDocument) text() string {
	var b strings.Builder
	line := func(l ownedLine) {
		note := ""
		if l.Hidden != "" {
			note = "  (hidden by " + l.Hidden + ")"
		}
		fmt.Fprintln(&b, report.Clean(fmt.Sprintf("  %s:%d  %s = %s%s", l.File, l.Line, cmp.Or(string(l.Key), l.Name), quotedIfEmpty(l.Value), note)))
	}
	fmt.Fprintln(&b, "files, in the order in which they count")
	if !d.FilesCount {
		fmt.Fprintln(&b, "  (they are not read for this namespace)")
	}
	for _, l := range d.Lines {
		line(l)
	}
	if len(d.Lines) == 0 {
		fmt.Fprintln(&b, "  none sets anything")
	}
	for _, o := range d.Others {
		fmt.Fprintln(&b, report.Clean(fmt.Sprintf("%s (%s) %s", o.Name, o.Evidence, o.Note)))
		for _, l := range o.Sets {
			line(l)
		}
		if may := slices.Clone(o.May); len(may) > 0 {
			fmt.Fprintf(&b, "  may set %s\n", strings.Trim(fmt.Sprint(may), "[]"))
		}
	}
	return b.String()
}
