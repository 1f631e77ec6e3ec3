// Package report turns a judged window into one document, [Report], and writes
// that document as text, JSON, YAML, HTML or a line for a monitoring plugin.
//
// The JSON form is the public interface; docs/report.schema.json describes it.
// Its names are fixed, more may be added. Every renderer is a pure function of
// the report and its options: equal windows give equal bytes.
//
// The package judges nothing, reads no clock and looks at no terminal: whoever
// calls it says how wide the text may be and whether it may be coloured.
package report

//go:generate go run ../../internal/listgen -type Format -files "format_*.go" -func Formats -doc "every form a report can be written in, by name"
