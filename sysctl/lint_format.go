package sysctl

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// LintSchema names the form of the JSON that [WriteLintJSON] writes.
const LintSchema = "tcpdoctor.lint/v1"

// MarshalJSON writes the severity by its name.
func (i Issue) MarshalJSON() ([]byte, error) {
	type plain Issue
	return json.Marshal(struct {
		Severity string `json:"severity"`
		plain
	}{i.Severity.String(), plain(i)})
}

// LintReport is what was judged and what came of it.
type LintReport struct {
	// Files are the paths judged, in the order in which they count.
	Files  []string
	Issues []Issue
	// Version is that of the program.
	Version string
}

// WriteLintText writes issues as compilers do, with the better line below each.
func WriteLintText(w io.Writer, r LintReport) error {
	for _, i := range r.Issues {
		fmt.Fprintln(w, i)
		switch {
		case i.Delete:
			fmt.Fprintln(w, "\tremove the line")
		case i.Replacement != "":
			fmt.Fprintf(w, "\twrite: %s\n", i.Replacement)
		}
	}
	return nil
}

// WriteLintJSON writes one JSON document.
func WriteLintJSON(w io.Writer, r LintReport) error {
	counts := map[string]int{"info": 0, "warning": 0, "error": 0}
	for _, i := range r.Issues {
		counts[i.Severity.String()]++
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Schema string         `json:"schema"`
		Files  []string       `json:"files"`
		Issues []Issue        `json:"issues"`
		Counts map[string]int `json:"counts"`
	}{LintSchema, notNil(r.Files), notNil(r.Issues), counts})
}

// notNil makes an empty list of a missing one.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// The parts of a SARIF 2.1.0 log that are used here.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string    `json:"id"`
		Short   sarifText `json:"shortDescription"`
		Default struct {
			Level string `json:"level"`
		} `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion `json:"deletedRegion"`
		Inserted *sarifText  `json:"insertedContent,omitempty"`
	}
)

// sarifSchema is where the schema of SARIF 2.1.0 lives.
const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

// WriteLintSARIF writes a SARIF 2.1.0 log, with the better line of each issue as a
// fix.
func WriteLintSARIF(w io.Writer, r LintReport) error {
	rules := LintRules()
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "tcpdoctor", Version: r.Version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, rule := range rules {
		s := sarifRule{ID: rule.ID, Short: sarifText{rule.Title}}
		s.Default.Level = sarifLevel(rule.Severity)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, s)
	}
	for _, i := range r.Issues {
		at := sarifArtifact{URI: sarifURI(i.File)}
		run.Results = append(run.Results, sarifResult{
			RuleID: i.Rule, RuleIndex: slices.IndexFunc(rules, func(r LintRule) bool { return r.ID == i.Rule }),
			Level: sarifLevel(i.Severity), Message: sarifText{i.Text()},
			Locations: []sarifLocation{{sarifPhysical{at, &sarifRegion{StartLine: max(i.Line, 1)}}}},
			Fixes:     sarifFixes(i, at),
		})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// sarifFixes returns the better line as SARIF has it: the whole line is replaced,
// up to the beginning of the next.
func sarifFixes(i Issue, at sarifArtifact) []sarifFix {
	if !i.Delete && i.Replacement == "" {
		return nil
	}
	fix := sarifFix{Description: sarifText{"remove the line"}}
	change := sarifReplacement{Deleted: sarifRegion{StartLine: i.Line, StartColumn: 1, EndLine: i.Line + 1, EndColumn: 1}}
	if !i.Delete {
		fix.Description.Text = "write: " + i.Replacement
		change.Inserted = &sarifText{i.Replacement + "\n"}
	}
	fix.Changes = []sarifChange{{at, []sarifReplacement{change}}}
	return []sarifFix{fix}
}

// sarifLevel translates a severity.
func sarifLevel(s Severity) string {
	switch s {
	case SeverityError:
		return "error"
	case SeverityWarning:
		return "warning"
	case SeverityInfo:
	}
	return "note"
}

// sarifURI writes a path as a URI.
func sarifURI(path string) string {
	escaped := strings.NewReplacer("%", "%25", " ", "%20", "#", "%23", "?", "%3F", `\`, "/").Replace(path)
	if strings.HasPrefix(escaped, "/") {
		return "file://" + escaped
	}
	return escaped
}
