package sysctl

import (
	"fmt"
	"path"
	"strings"
)

var lintDuplicate = LintRule{
	ID: "duplicate", Title: "a parameter set twice in one file", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		if l.key == "" || l.written != "" || l.IsPattern() {
			return
		}
		for _, o := range p.lines {
			if o.File != l.File || o.key != l.key || o.written != "" || o.Line <= l.Line || o.Exclude {
				continue
			}
			i := drop()
			i.Message = fmt.Sprintf("line %d sets %s again, and the last line counts", o.Line, l.key)
			if normalise(o.key, o.Value) == normalise(l.key, l.Value) {
				i.Severity, i.Message = SeverityInfo, fmt.Sprintf("line %d says the same", o.Line)
			}
			p.add(l, i)
			return
		}
	},
}

var lintShadowed = LintRule{
	ID: "shadowed", Title: "a line that another file overrides", Severity: SeverityWarning,
	check: func(p *lintPass, l *lintLine) {
		if l.key == "" || l.written != "" || l.IsPattern() || isVendor(l.File) {
			return // to override the vendor is what the folders are for
		}
		readers := Readers()
		winner := map[Reader]*Expectation{}
		for _, r := range readers {
			if p.conf == nil {
				continue
			}
			e := p.conf.Expect(r, l.key)
			reads := p.reads(r, l.File)
			if reads && (e.File != l.File) && e.File != "" {
				winner[r] = &e
			}
		}
		switch a, b := winner[ReaderSystemd], winner[ReaderProcps]; {
		case a != nil && b != nil && a.File == b.File:
			p.shadow(l, a.File, a.Line, a.Value, "")
		case a != nil:
			p.shadow(l, a.File, a.Line, a.Value, " at boot")
		case b != nil:
			p.shadow(l, b.File, b.Line, b.Value, " whenever somebody runs sysctl --system")
		case p.conf == nil:
			if o := p.final[l.key]; o != nil && o.File != l.File {
				p.shadow(l, o.File, o.Line, normalise(o.key, o.Value), "")
			}
		}
	},
}

// shadow reports a line that another one overrides.
func (p *lintPass) shadow(l *lintLine, file string, line int, value, when string) {
	i := Issue{Message: fmt.Sprintf("%s line %d overrides it%s with %s", file, line, when, value)}
	if value == normalise(l.key, l.Value) {
		i.Severity, i.Message = SeverityInfo, fmt.Sprintf("%s line %d says the same%s", file, line, when)
	}
	p.add(l, i)
}

// isVendor says whether a file belongs to a package and not to the administrator.
func isVendor(file string) bool {
	return strings.HasPrefix(file, "/usr/lib/") || strings.HasPrefix(file, "/lib/")
}

// reads says whether a reader takes in a file.
func (p *lintPass) reads(r Reader, file string) bool {
	for _, f := range p.conf.Order(r) {
		if f.Path == file {
			return true
		}
	}
	return false
}

var lintPlainFile = LintRule{
	ID: "not-read-at-boot", Title: "a line of /etc/sysctl.conf that the reader at boot never sees", Severity: SeverityError,
	check: func(p *lintPass, l *lintLine) {
		if p.conf == nil || l.File != plainFile || l.key == "" || l.written != "" || l.IsPattern() {
			return
		}
		e := p.conf.Expect(ReaderSystemd, l.key)
		switch {
		case e.Set && e.Value == normalise(l.key, l.Value):
			return // a link, or the same line elsewhere
		case e.Set:
			p.add(l, Issue{Message: fmt.Sprintf("systemd does not read /etc/sysctl.conf: at boot %s line %d sets %s; move the line to /etc/sysctl.d", e.File, e.Line, e.Value)})
		default:
			p.add(l, Issue{Message: "systemd does not read /etc/sysctl.conf: the line does not count at boot; move it to /etc/sysctl.d"})
		}
	},
}

var lintFileName = LintRule{
	ID: "file-name", Title: "a file that is not read, or not where it seems to be", Severity: SeverityWarning,
	whole: func(p *lintPass) {
		for _, f := range p.files {
			dir, name := path.Split(f.Path)
			if path.Base(dir) != "sysctl.d" {
				continue
			}
			digits := len(name) - len(strings.TrimLeft(name, "0123456789"))
			i := Issue{File: f.Path, Line: 1}
			switch {
			case strings.HasPrefix(name, "."):
				i.Message = "systemd-sysctl passes over files whose name begins with a dot; sysctl --system 4.0.2 reads them"
			case digits == 1 && name[1] == '-':
				i.Message = "names are compared byte by byte, so it comes after 10-….conf to 89-….conf; use two digits"
			case digits > 2 && name[digits] == '-':
				i.Message = fmt.Sprintf("names are compared byte by byte, so it comes before %s-….conf; use two digits", name[:2])
			default:
				continue
			}
			p.put(i)
		}
		for _, f := range p.o.Stray {
			p.put(Issue{File: f, Line: 1, Message: "the name does not end in .conf, so nobody reads the file"})
		}
	},
}

var lintUnreadable = LintRule{
	ID: "unreadable", Title: "a file that cannot be read", Severity: SeverityError,
	whole: func(p *lintPass) {
		for _, f := range p.files {
			if f.Err != nil {
				p.put(Issue{File: f.Path, Line: 1, Message: f.Err.Error()})
			}
		}
	},
}
