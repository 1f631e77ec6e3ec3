package sysctl

import (
	"path"
	"strings"
)

// Assignment is one line of a configuration file, as one reader understands it.
type Assignment struct {
	// Path is the parameter's file below /proc/sys, or a pattern of such files.
	Path string
	// Value is the text to be written.
	Value string
	// Exclude says that the line has no value and takes the parameter out of
	// patterns.
	Exclude bool
	// IgnoreErrors says that the line begins with a minus sign.
	IgnoreErrors bool
	// File and Line say where it stands; Line counts from 1.
	File string
	Line int

	spelled string // the path with its repeated and leading slashes
}

// Key returns the parameter in canonical form, and false when the line names none.
func (a Assignment) Key() (Key, bool) {
	parts := strings.Split(a.Path, "/")
	if checkParts(parts) != nil {
		return "", false
	}
	return keyOf(parts), true
}

// IsPattern says whether the line is about more than one parameter.
func (a Assignment) IsPattern() bool { return strings.ContainsAny(a.Path, "*?[") }

// matches says whether a pattern covers a parameter's file. Like glob(3), a star
// stops at a slash.
func (a Assignment) matches(file string) bool {
	ok, err := path.Match(strings.ReplaceAll(a.Path, "[!", "[^"), file)
	return err == nil && ok
}

// BadLine is a line that a reader cannot make sense of.
type BadLine struct {
	File string
	Line int
	Text string
}

// Parse reads one file as a reader does.
func (r Reader) Parse(f ConfFile) ([]Assignment, []BadLine) {
	var out []Assignment
	var bad []BadLine
	for i, line := range r.lines(f.Text) {
		a, ok, isBad := r.parseLine(line)
		if isBad {
			bad = append(bad, BadLine{File: f.Path, Line: i + 1, Text: strings.TrimSpace(line)})
		}
		if ok {
			a.File, a.Line = f.Path, i+1
			out = append(out, a)
		}
	}
	return out, bad
}

// lines splits text. For systemd a carriage return ends a line as well, and the
// two together are one end.
func (r Reader) lines(text string) []string {
	if r == ReaderSystemd {
		text = strings.ReplaceAll(text, "\r\n", "\n")
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	return strings.Split(text, "\n")
}

const blanks = " \t\n\r\v\f"

// parseLine reads one line: whether it assigns, and whether it is an error.
func (r Reader) parseLine(line string) (a Assignment, ok, bad bool) {
	line = strings.Trim(line, blanks)
	if line == "" || line[0] == '#' || line[0] == ';' {
		return Assignment{}, false, false
	}
	key, value, hasValue := strings.Cut(line, "=")
	a.Value = strings.Trim(value, blanks)
	key, minus := strings.CutPrefix(key, "-")
	switch {
	case !hasValue && !minus:
		return Assignment{}, false, true
	case !hasValue:
		a.Exclude = true
	default:
		a.IgnoreErrors = minus
	}
	if r == ReaderSystemd {
		key = strings.Trim(key, blanks)
	} else {
		// A blank between the minus sign and the name becomes part of the name.
		key = strings.TrimRight(key, blanks)
	}
	a.spelled = swapSeparators(key)
	a.Path = slashed(key)
	return a, a.Path != "", a.Path == ""
}

// slashed brings a name into the form of a path: the first separator decides which
// of the two separates. Repeated and leading separators count as one.
func slashed(name string) string {
	parts := strings.FieldsFunc(swapSeparators(name), func(c rune) bool { return c == '/' })
	return strings.Join(parts, "/")
}

// swapSeparators exchanges dots and slashes where a dot comes first.
func swapSeparators(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		name = strings.Map(func(c rune) rune {
			switch c {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return c
		}, name)
	}
	return name
}

// parseCmdline reads the parameters on the kernel's command line, which the kernel
// itself sets before any reader runs (Linux 5.8 and later).
func parseCmdline(cmdline string) []Assignment {
	var out []Assignment
	for word := range strings.FieldsSeq(cmdline) {
		if word == "--" {
			break
		}
		name, value, ok := strings.Cut(word, "=")
		key, isSysctl := strings.CutPrefix(name, "sysctl.")
		if !isSysctl {
			key, isSysctl = strings.CutPrefix(name, "sysctl/")
		}
		if ok && isSysctl && slashed(key) != "" {
			out = append(out, Assignment{Path: slashed(key), Value: strings.Trim(value, `"`), File: CmdlineFile, Line: 1})
		}
	}
	return out
}

// CmdlineFile is what stands for the kernel's command line in an [Assignment].
const CmdlineFile = "/proc/cmdline"
