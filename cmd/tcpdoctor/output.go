package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// writeJSON writes a document for programs, in one piece.
func writeJSON(w io.Writer, document any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return writeText(w, b.String())
}

// writeText writes a finished text.
func writeText(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// toolName is what made a document.
type toolName struct {
	Version string `json:"version"`
}

// ink paints text where the terminal may be coloured. Only the basic colours
// are used, which every terminal maps to its own theme.
type ink bool

func (i ink) paint(code, s string) string {
	if !i || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[m"
}

func (i ink) strong(s string) string { return i.paint("1", s) }
func (i ink) faint(s string) string  { return i.paint("2", s) }
func (i ink) good(s string) string   { return i.paint("1;32", s) }
func (i ink) warn(s string) string   { return i.paint("1;33", s) }
func (i ink) bad(s string) string    { return i.paint("1;31", s) }

// columns is the width of text on a terminal, without escape sequences in it.
func columns(s string) int { return utf8.RuneCountInString(s) }

// leastWidth is how narrow text gets; below it lines break by themselves.
const leastWidth = 40

// folded breaks text at white space into lines of at most width columns. A
// longer word has a line of its own.
func folded(text string, width int) []string {
	return filled(strings.Fields(report.Clean(text)), width)
}

// foldedItems is folded for a list, whose items are better not broken.
func foldedItems(items []string, width int) []string {
	var words []string
	for i, item := range items {
		item = report.Clean(item)
		if i < len(items)-1 {
			item += " ·"
		}
		if columns(item) <= width {
			words = append(words, item)
		} else {
			words = append(words, strings.Fields(item)...)
		}
	}
	return filled(words, width)
}

// filled puts words into lines.
func filled(words []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// padded fills text up with spaces.
func padded(s string, width int) string { return s + strings.Repeat(" ", max(0, width-columns(s))) }

// grouped prints a whole number with separators: 15,000.
func grouped[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
