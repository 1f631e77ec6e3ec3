package sysctl

import (
	"fmt"
	"slices"
	"strings"
)

// lintLine is one line that assigns, with all that rules ask about it.
type lintLine struct {
	Assignment
	key     Key // what is meant
	written Key // what stands there, where it is another
	spec    Spec
	known   bool    // to the catalogue
	numbers []int64 // as far as the value has any
	raw     string  // the line as it stands
	comment string  // the comment lines just before it
	ours    bool    // it stands in the file that this program writes
}

// first returns the value's first number.
func (l *lintLine) first() (int64, bool) {
	if len(l.numbers) == 0 {
		return 0, false
	}
	return l.numbers[0], true
}

// element returns the number of one element of a vector.
func (l *lintLine) element(field string) (int64, bool) {
	i, ok := l.spec.FieldIndex(field)
	if !ok || i >= len(l.numbers) {
		return 0, false
	}
	return l.numbers[i], true
}

// put returns the line with another value.
func (l *lintLine) put(value string) Issue {
	return Issue{Replacement: string(l.key) + " = " + value}
}

// drop is the issue of a line that should go.
func drop() Issue { return Issue{Delete: true} }

// lintPass is one run of all rules.
type lintPass struct {
	o     LintOptions
	conf  *Conf // nil for files on their own
	files []ConfFile
	lines []*lintLine
	final map[Key]*lintLine // the line that counts in the end
	rule  LintRule

	issues  []Issue
	spoken  map[string]bool // places of which some rule has spoken
	notices map[string]bool // what is said once in a file
}

// take reads the files.
func (p *lintPass) take(files []ConfFile) {
	p.files = files
	p.final, p.spoken, p.notices = map[Key]*lintLine{}, map[string]bool{}, map[string]bool{}
	for _, f := range files {
		ours := strings.HasPrefix(f.Text, persistHeader)
		var comment []string
		for i, raw := range strings.Split(f.Text, "\n") {
			text := strings.TrimSpace(raw)
			if strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
				comment = append(comment, strings.TrimSpace(strings.TrimLeft(text, "#;")))
				continue
			}
			a, ok, _ := ReaderSystemd.parseLine(raw)
			if ok {
				a.File, a.Line = f.Path, i+1
				l := &lintLine{Assignment: a, raw: strings.TrimSuffix(raw, "\r"), comment: strings.Join(comment, " "), ours: ours}
				p.read(l)
				p.lines = append(p.lines, l)
				if l.key != "" && l.written == "" && !a.Exclude {
					p.final[l.key] = l
				}
			}
			comment = nil
		}
	}
}

// read finds out what the line is about. A misspelt parameter is judged as the one
// that is meant, besides being named as misspelt.
func (p *lintPass) read(l *lintLine) {
	k, ok := l.Key()
	if !ok {
		return
	}
	l.key = k
	l.spec, l.known = Lookup(k)
	if !l.known && !l.IsPattern() && !isOther(k) && (p.o.Exists == nil || !p.o.Exists(k)) {
		near, ok := Nearest(string(k))
		if !ok {
			near, ok = Nearest("net." + string(k))
		}
		if ok {
			l.key, l.written = near, k
			l.spec, l.known = Lookup(near)
		}
	}
	if !l.known || !l.spec.Type.IsNumber() && l.spec.Type != TypeVector {
		return
	}
	for w := range strings.FieldsSeq(l.Value) {
		n, err := parseInt(w)
		if err != nil || len(l.numbers) == max(1, len(l.spec.Fields)) {
			return
		}
		l.numbers = append(l.numbers, n)
	}
}

// run applies one rule.
func (p *lintPass) run(r LintRule) {
	p.rule = r
	for _, l := range p.lines {
		if l.Exclude || len(r.Keys) > 0 && !slices.Contains(r.Keys, l.key) && !slices.Contains(r.Keys, l.key.Pattern()) {
			continue
		}
		if r.general && p.spoken[place(l.File, l.Line)] {
			continue
		}
		if r.check != nil {
			r.check(p, l)
		}
		if n, ok := l.first(); ok && r.Bad != nil && r.Bad(n) {
			i := drop()
			if r.Instead != "" {
				i = l.put(r.Instead)
			}
			i.Message = r.Message
			p.add(l, i)
		}
	}
	if r.whole != nil {
		r.whole(p)
	}
}

func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// add reports an issue of a line with the severity of the rule, unless the issue has
// its own.
func (p *lintPass) add(l *lintLine, i Issue) {
	if i.Severity == 0 {
		i.Severity = p.rule.Severity
	}
	// This program's own lines give their reasons; remarks about them help nobody.
	if l.ours && i.Severity == SeverityInfo {
		return
	}
	i.File, i.Line = l.File, l.Line
	if i.Key == "" {
		i.Key = l.key
	}
	p.put(i)
}

// put reports an issue whose place is filled in.
func (p *lintPass) put(i Issue) {
	i.Rule = p.rule.ID
	if i.Severity == 0 {
		i.Severity = p.rule.Severity
	}
	p.issues = append(p.issues, i)
	p.spoken[place(i.File, i.Line)] = true
}

// once says whether this is the first time in a file.
func (p *lintPass) once(file string) bool {
	id := p.rule.ID + " " + file
	first := !p.notices[id]
	p.notices[id] = true
	return first
}

// value returns what a parameter will have: from the files, else from the running
// host, else the kernel's own default.
func (p *lintPass) value(k Key) (string, bool) {
	if l, ok := p.final[k]; ok {
		return l.Value, true
	}
	if v, ok := p.o.Running[k]; ok {
		return v, true
	}
	s, ok := Lookup(k)
	if !ok {
		return "", false
	}
	d, ok := s.Default.At(p.o.Env)
	return d.Value, ok
}

// number returns one number of what a parameter will have.
func (p *lintPass) number(k Key, field string) (int64, bool) {
	text, ok := p.value(k)
	s, known := Lookup(k)
	if !ok || !known {
		return 0, false
	}
	n, err := s.Number(text, field)
	return n, err == nil
}

// own returns one number of the kernel's own default.
func (p *lintPass) own(k Key, field string) (int64, bool) {
	s, known := Lookup(k)
	d, ok := s.Default.At(p.o.Env)
	if !known || !ok {
		return 0, false
	}
	n, err := s.Number(d.Value, field)
	if !d.Exact {
		n -= n / 50
	}
	return n, err == nil
}

// mentions says whether the comment before the line has one of the words.
func (l *lintLine) mentions(words ...string) bool {
	text := strings.ToLower(l.comment)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// equals is the test for one number, or one of several.
func equals(bad ...int64) func(int64) bool {
	return func(n int64) bool { return slices.Contains(bad, n) }
}

// nonZero is the test for a switch that is on.
func nonZero(n int64) bool { return n != 0 }

// between is the test for a stretch of numbers.
func between(low, high int64) func(int64) bool {
	return func(n int64) bool { return n >= low && n <= high }
}
