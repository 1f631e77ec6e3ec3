package sysctl

import (
	"fmt"
	"strings"
)

var lintNotAssignment = LintRule{
	ID: "not-an-assignment", Title: "a line that is neither a comment nor an assignment", Severity: SeverityError,
	whole: func(p *lintPass) {
		for _, f := range p.files {
			_, bad := ReaderProcps.Parse(f)
			for _, b := range bad {
				i := Issue{File: f.Path, Line: b.Line, Message: fmt.Sprintf("%q assigns nothing and is passed over: want \"key = value\"", b.Text)}
				// People write "key value", as some other configuration files have it.
				if name, value, ok := strings.Cut(b.Text, " "); ok {
					if k, err := ParseKey(name); err == nil {
						i.Key, i.Replacement = k, string(k)+" = "+strings.TrimSpace(value)
					}
				}
				p.put(i)
			}
		}
	},
}

var lintBlankAfterMinus = LintRule{
	ID: "readers-disagree", Title: "a line that the two readers understand differently", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		other, ok, _ := ReaderProcps.parseLine(l.raw)
		if !ok || other.Path == l.Path {
			return
		}
		i := l.put(l.Value)
		i.Replacement = "-" + i.Replacement
		i.Message = "a blank after the minus sign: systemd-sysctl passes over it, for sysctl(8) it is part of the name, which then does not exist"
		p.add(l, i)
	},
}

var lintEmptyValue = LintRule{
	ID: "empty-value", Title: "an assignment without a value", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if l.Value != "" || l.known && l.spec.Type == TypePorts {
			return
		}
		i := drop()
		i.Message = "there is no value: sysctl(8) calls the line malformed, and the kernel ignores an empty write or refuses it"
		p.add(l, i)
	},
}

var lintQuoted = LintRule{
	ID: "quoted-value", Title: "a value in quotes", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if bare := strings.Trim(l.Value, `"'`); bare != l.Value {
			i := l.put(bare)
			i.Message = "the quotes are handed to the kernel, which refuses them"
			p.add(l, i)
		}
	},
}

var lintSuffix = LintRule{
	ID: "not-a-number", Title: "a suffix, a comma or a sign that the kernel does not take", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if !l.known || !l.spec.Type.IsNumber() && l.spec.Type != TypeVector || l.Value == "" || strings.ContainsAny(l.Value, `"'`) {
			return
		}
		want := max(1, len(l.spec.Fields))
		if len(l.numbers) >= want {
			return
		}
		words := strings.Fields(l.Value)
		if len(words) <= len(l.numbers) {
			return // too short, which is another mistake
		}
		i := Issue{Message: fmt.Sprintf("%q is no number to the kernel, which refuses it", words[len(l.numbers)])}
		if len(l.numbers) > 0 {
			i.Message = fmt.Sprintf("%q is no number to the kernel, which takes the numbers before it and then refuses the line", words[len(l.numbers)])
		}
		if better, ok := l.spec.repaired(l.Value); ok {
			i.Replacement = string(l.key) + " = " + better
		}
		p.add(l, i)
	},
}

// repaired returns the numbers that somebody may have meant by a text that the
// kernel does not take.
func (s Spec) repaired(text string) (string, bool) {
	text = strings.NewReplacer(",", " ", ";", " ", "+", "", "_", "").Replace(text)
	var out []string
	for w := range strings.FieldsSeq(text) {
		scale := map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}[w[len(w)-1]|0x20]
		if scale != 0 {
			w = w[:len(w)-1]
		}
		n, err := parseInt(w)
		if err != nil {
			return "", false
		}
		out = append(out, fmt.Sprint(n*max(scale, 1)))
	}
	value := strings.Join(out, " ")
	return value, s.Check(value) == nil
}

var lintOctal = LintRule{
	ID: "octal-number", Title: "a leading zero, which makes a number octal", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		for w := range strings.FieldsSeq(l.Value) {
			n, err := parseInt(w)
			digits := strings.TrimPrefix(w, "-")
			if !l.known || len(l.numbers) == 0 || err != nil || len(digits) < 2 || digits[0] != '0' || strings.ContainsAny(digits, "xX") {
				continue
			}
			i := l.put(strings.ReplaceAll(l.Value, w, strings.TrimLeft(digits[:len(digits)-1], "0")+digits[len(digits)-1:]))
			i.Message = fmt.Sprintf("the leading zero makes %s an octal number: the kernel takes it for %d", w, n)
			p.add(l, i)
			return
		}
	},
}

var lintShortVector = LintRule{
	ID: "short-vector", Title: "a vector with too few numbers", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if !l.known || l.spec.Type != TypeVector || len(l.numbers) != len(strings.Fields(l.Value)) || len(l.numbers) == 0 || len(l.numbers) >= len(l.spec.Fields) {
			return
		}
		i := Issue{Message: fmt.Sprintf("%d of %d numbers (%s): the rest keeps what it happens to be",
			len(l.numbers), len(l.spec.Fields), strings.Join(l.spec.Fields, ", "))}
		if rest, err := l.spec.Numbers(p.before(l.key)); err == nil {
			i.Replacement = string(l.key) + " = " + formatNumbers(append(append([]int64{}, l.numbers...), rest[len(l.numbers):]...))
		}
		p.add(l, i)
	},
}

// before returns what a parameter has without the files.
func (p *lintPass) before(k Key) string {
	if v, ok := p.o.Running[k]; ok {
		return v
	}
	s, _ := Lookup(k)
	d, _ := s.Default.At(p.o.Env)
	return d.Value
}

var lintTrailingText = LintRule{
	ID: "trailing-text", Title: "text after the value", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		words := strings.Fields(l.Value)
		if !l.known || len(words) < 2 {
			return
		}
		want := max(1, len(l.spec.Fields))
		switch {
		case len(l.numbers) == want && len(words) > want:
			i := l.put(strings.Join(words[:want], " "))
			i.Message = fmt.Sprintf("%q is handed to the kernel, which happens to ignore it; a comment needs a line of its own", strings.Join(words[want:], " "))
			p.add(l, i)
		case l.spec.Type == TypeString || l.spec.Type == TypePorts:
			i := l.put(words[0])
			i.Severity = SeverityError
			i.Message = fmt.Sprintf("%q is handed to the kernel as part of the value; a comment needs a line of its own", strings.Join(words[1:], " "))
			p.add(l, i)
		}
	},
}

var lintCarriageReturn = LintRule{
	ID: "carriage-return", Title: "lines that end as on Windows", Severity: SeverityWarning,
	whole: func(p *lintPass) {
		for _, f := range p.files {
			for n, line := range strings.Split(f.Text, "\n") {
				body, _ := strings.CutSuffix(line, "\r")
				if body == line && !strings.Contains(line, "\r") || !p.once(f.Path) {
					continue
				}
				i := Issue{File: f.Path, Line: n + 1, Replacement: body, Severity: SeverityInfo,
					Message: "a carriage return at the end of the line: today's readers strip it, others hand it to the kernel, which refuses it in names and lists"}
				if strings.Contains(body, "\r") {
					// systemd-sysctl ends a line there, sysctl(8) does not (measured, 252 and 4.0.2).
					i.Severity, i.Replacement = SeverityWarning, ""
					i.Message = "a carriage return within the line: systemd-sysctl takes it for the end of the line, sysctl(8) does not"
				}
				p.put(i)
			}
		}
	},
}

var lintOutOfRange = LintRule{
	ID: "out-of-range", Title: "a number that makes no sense, whether or not the kernel takes it", Severity: SeverityError,
	general: true,
	check: func(p *lintPass, l *lintLine) {
		if !l.known || len(l.numbers) < max(1, len(l.spec.Fields)) {
			return
		}
		if err := l.spec.Check(formatNumbers(l.numbers)); err != nil {
			p.add(l, Issue{Message: fmt.Sprintf("%s; the kernel: %s", strings.TrimPrefix(err.Error(), "sysctl: "), l.spec.KernelCheck)})
		}
	},
}

var lintBadPorts = LintRule{
	ID: "bad-ports", Title: "what is no list of ports", Severity: SeverityError, Keys: []Key{"net.ipv4.ip_local_reserved_ports"},
	check: func(p *lintPass, l *lintLine) {
		if _, err := parsePorts(l.Value); err != nil && len(strings.Fields(l.Value)) < 2 {
			p.add(l, Issue{Message: strings.TrimPrefix(err.Error(), "sysctl: ") + "; the kernel refuses it"})
		}
	},
}
