package sysctl

import (
	"cmp"
	"fmt"
	"slices"
)

//go:generate go run ../internal/listgen -type LintRule -func LintRules -files "lint_rule_*.go" -out lint_all.go -doc "every rule that files are checked against"

// Severity says how bad a line is.
type Severity uint8

// The severities.
const (
	SeverityInfo    Severity = iota + 1 // does nothing, or not what is hoped for
	SeverityWarning                     // costs something, or may not be read
	SeverityError                       // breaks connections, exposes the host, or is refused
)

// severityNames are the names that reports use.
var severityNames = [...]string{"", "info", "warning", "error"}

// String returns the name that reports use.
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads the name of a severity.
func ParseSeverity(text string) (Severity, error) {
	if i := slices.Index(severityNames[1:], text); i >= 0 {
		return Severity(i + 1), nil
	}
	return 0, fmt.Errorf("sysctl: severity %q: want info, warning or error", text)
}

// LintRule is one kind of mistake in a configuration file. It is a value: most
// rules are data, a test of one number and two texts.
type LintRule struct {
	// ID names the mistake in kebab-case and is never reused.
	ID string
	// Title says in a few words what is wrong, Severity how bad it is at most.
	Title    string
	Severity Severity
	// Keys are the parameters that it looks at; none means all.
	Keys []Key
	// Bad says which numbers are wrong, Message why, and Instead what to write; an
	// empty Instead means that the line goes.
	Bad     func(n int64) bool
	Message string
	Instead string

	// check judges a line, where one number does not say enough, and whole all lines
	// together.
	check func(p *lintPass, l *lintLine)
	whole func(p *lintPass)
	// general rules speak only of lines that no other rule speaks of.
	general bool
}

// Issue is one mistake in one line.
type Issue struct {
	Rule     string   `json:"rule"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Key      Key      `json:"key,omitempty"`
	Severity Severity `json:"-"`
	// Message says what is wrong and why.
	Message string `json:"message"`
	// Replacement is what the line should be; empty with Delete means that it goes, and
	// without, that there is no better line.
	Replacement string `json:"replacement,omitempty"`
	Delete      bool   `json:"delete,omitempty"`
}

// String returns the issue as compilers write theirs.
func (i Issue) String() string {
	return fmt.Sprintf("%s:%d: %s: %s [%s]", i.File, i.Line, i.Severity, i.Text(), i.Rule)
}

// Text returns the message with the parameter that it is about.
func (i Issue) Text() string {
	if i.Key == "" {
		return i.Message
	}
	return string(i.Key) + ": " + i.Message
}

// LintOptions says what the files are for. The zero value judges them without a
// host: what depends on one is then left out, and defaults are those of a present
// kernel with 8 GiB of memory.
type LintOptions struct {
	// Env is the kernel and the machine.
	Env Env
	// Child says that the files are for a container or another namespace of its own.
	Child bool
	// Running are the host's present values, as far as they are known.
	Running map[Key]string
	// Exists says whether the host has a parameter; nil when there is no host to ask.
	Exists func(Key) bool
	// Listeners are the ports that services listen on, written as in
	// ip_local_reserved_ports. NodePorts says that Kubernetes publishes services.
	Listeners string
	NodePorts bool
	// Containers says whether the host forwards for containers, SeveralUplinks whether
	// answers may leave another way than questions came.
	Containers, SeveralUplinks Truth
	// Stray are files in the configuration folders that no reader takes in, as
	// [StrayFiles] finds them.
	Stray []string
	// Least leaves out what is less severe; zero means nothing.
	Least Severity
}

// assumedEnv is what files are judged for when there is no host.
func assumedEnv() Env {
	return Env{Kernel: Release{Major: 6, Minor: 12}, RAMBytes: 8 << 30, PageBytes: 4096}
}

// Lint judges files as if a reader took them in, in this order, and nothing else.
func Lint(files []ConfFile, o LintOptions) []Issue {
	return lint(&lintPass{o: o}, files)
}

// Lint judges all configuration files of a host, as the reader at boot takes them
// in.
func (c Conf) Lint(o LintOptions) []Issue {
	files := c.Order(ReaderSystemd)
	for _, f := range c.Order(ReaderProcps) {
		if !slices.ContainsFunc(files, func(o ConfFile) bool { return o.Path == f.Path }) {
			files = append(files, f)
		}
	}
	return lint(&lintPass{o: o, conf: &c}, files)
}

// lint runs all rules over the files.
func lint(p *lintPass, files []ConfFile) []Issue {
	if p.o.Env == (Env{}) {
		p.o.Env = assumedEnv()
	}
	p.take(files)
	for _, general := range []bool{false, true} {
		for _, r := range LintRules() {
			if r.general == general {
				p.run(r)
			}
		}
	}
	order := map[string]int{}
	for i, f := range files {
		order[f.Path] = i
	}
	slices.SortStableFunc(p.issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), -cmp.Compare(a.Severity, b.Severity))
	})
	return slices.DeleteFunc(p.issues, func(i Issue) bool { return i.Severity < p.o.Least })
}

// Worst returns the highest severity among issues, 0 when there are none.
func Worst(issues []Issue) Severity {
	var worst Severity
	for _, i := range issues {
		worst = max(worst, i.Severity)
	}
	return worst
}
