package sysctl

import "strings"

// Step is one assignment that concerns a parameter, in the order in which a reader
// comes to it.
type Step struct {
	Assignment
	// Written says that the reader writes the value, if only for a later one to
	// replace it.
	Written bool
	// Refused says that the kernel will not take the value.
	Refused bool
}

// Expectation is what a parameter has after a reader has run.
type Expectation struct {
	Key    Key
	Reader Reader
	// Set says that some line sets the parameter. Without one it keeps what it has.
	Set bool
	// Value is the expected value in normalised form; File and Line say which line
	// set it.
	Value string
	File  string
	Line  int
	// Steps are all lines that concern the parameter, the last one last.
	Steps []Step
}

// Expect says what a parameter has after a reader has taken in the files, starting
// from a fresh boot. It does not follow what the kernel changes on its own when
// another parameter is written, such as an interface's value with the default's.
func (c Conf) Expect(r Reader, k Key) Expectation {
	e := Expectation{Key: k, Reader: r}
	file, err := k.Path()
	if err != nil {
		return e
	}
	for _, a := range parseCmdline(c.Cmdline) {
		if a.Path == file {
			e.Steps = append(e.Steps, Step{Assignment: a, Written: true})
		}
	}
	var all []Assignment
	for _, f := range c.Order(r) {
		assignments, _ := r.Parse(f)
		all = append(all, assignments...)
	}
	if r == ReaderSystemd {
		e.Steps = append(e.Steps, systemdSteps(all, file)...)
	} else {
		e.Steps = append(e.Steps, procpsSteps(all, file)...)
	}
	e.settle()
	return e
}

// systemdSteps gathers the lines about one file: only the last explicit one is
// carried out, and an exclusion counts as one; patterns are carried out only
// without any, in the order in which they last got a new value.
func systemdSteps(all []Assignment, file string) []Step {
	var out []Step
	explicit := false
	var patterns []Assignment
	for _, a := range all {
		switch {
		case a.Path == file:
			for i := range out {
				out[i].Written = false
			}
			out = append(out, Step{Assignment: a, Written: !a.Exclude})
			explicit = true
		case a.IsPattern():
			patterns = replacePattern(patterns, a)
		}
	}
	var before []Step
	for _, a := range patterns {
		if !a.Exclude && a.matches(file) {
			before = append(before, Step{Assignment: a, Written: !explicit})
		}
	}
	return append(before, out...)
}

// replacePattern keeps one line for each pattern. The same value again leaves it
// in its place, another one moves it to the end.
func replacePattern(patterns []Assignment, a Assignment) []Assignment {
	for i, p := range patterns {
		if p.Path != a.Path {
			continue
		}
		if p.Value == a.Value && p.Exclude == a.Exclude {
			patterns[i].File, patterns[i].Line = a.File, a.Line
			return patterns
		}
		patterns = append(patterns[:i:i], patterns[i+1:]...)
		break
	}
	return append(patterns, a)
}

// procpsSteps gathers the lines about one file: every explicit one is carried out
// in turn, exclusions hold back patterns only, and patterns are carried out only
// where the file is not named anywhere.
func procpsSteps(all []Assignment, file string) []Step {
	named := false
	for _, a := range all {
		// It compares spellings: one with a leading or repeated slash is another name.
		named = named || a.spelled == file
	}
	var out []Step
	for _, a := range all {
		switch {
		case a.Path == file:
			out = append(out, Step{Assignment: a, Written: !a.Exclude})
		case a.IsPattern() && !a.Exclude && a.matches(file):
			out = append(out, Step{Assignment: a, Written: !named})
		}
	}
	return out
}

// settle carries out the steps on paper.
func (e *Expectation) settle() {
	spec, known := Lookup(e.Key)
	for i := range e.Steps {
		s := &e.Steps[i]
		if !s.Written {
			continue
		}
		value := strings.Join(strings.Fields(s.Value), " ")
		if known {
			taken, ok := spec.taken(s.Value, e.Value)
			if s.Refused = !ok; taken == "" && !ok {
				continue
			}
			value = taken
		}
		e.Set, e.Value, e.File, e.Line = true, value, s.File, s.Line
	}
}

// taken returns what the kernel makes of a written text, given the value before:
// it stops reading once it has its numbers, so anything may follow a blank after
// them, and a vector that is too short changes only its beginning. Ranges are not
// looked at: they differ between kernels. False means that the text is refused,
// which for a vector comes after the numbers before the bad one were changed.
func (s Spec) taken(text, before string) (string, bool) {
	switch s.Type {
	case TypeString, TypeWords, TypePorts:
		v, err := s.Normalise(text)
		return v, err == nil && (v != "" || s.Type == TypePorts)
	default:
	}
	want := max(1, len(s.Fields))
	words := strings.Fields(text)
	var numbers []int64
	refused := false
	for _, w := range words[:min(want, len(words))] {
		n, err := parseInt(w)
		if err != nil {
			refused = true
			break
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return "", false
	}
	if old, err := s.Numbers(before); err == nil && len(numbers) < want {
		numbers = append(numbers, old[len(numbers):]...)
	}
	return formatNumbers(numbers), !refused
}
