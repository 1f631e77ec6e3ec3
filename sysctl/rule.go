package sysctl

import "strings"

// Default is a value that the kernel itself would have chosen.
type Default struct {
	// Value is in the normalised form that [Spec.Normalise] returns.
	Value string
	// Exact is false when the value follows from an amount of memory that cannot
	// be seen exactly after boot; the true one is then within about two percent.
	Exact bool
}

// Rule says how the kernel chooses a parameter's default. The zero Rule is a
// default that cannot be computed.
type Rule struct {
	// Text says the rule in words.
	Text string

	value func(Env) (Default, bool)
}

// At returns the default on a kernel and machine, and false where it cannot be
// told.
func (r Rule) At(e Env) (Default, bool) {
	if r.value == nil {
		return Default{}, false
	}
	return r.value(e)
}

// always is the rule of a default that no kernel version changed.
func always(value string) Rule {
	text := value
	if text == "" {
		text = "empty"
	}
	return Rule{Text: text, value: func(Env) (Default, bool) { return Default{value, true}, true }}
}

// step is a change of a default.
type step struct {
	when  Bound
	value string
}

// stepped is the rule of a default that changed from first, in the order of the
// steps given.
func stepped(first string, steps ...step) Rule {
	var text strings.Builder
	text.WriteString(first)
	for _, s := range steps {
		text.WriteString("; " + s.value + " " + s.when.String())
	}
	return Rule{Text: text.String(), value: func(e Env) (Default, bool) {
		value := first
		for _, s := range steps {
			switch s.when.At(e.Kernel) {
			case Unknown:
				return Default{}, false
			case Yes:
				value = s.value
			default:
			}
		}
		return Default{value, true}, true
	}}
}

// computed is the rule of a default that depends on the machine.
func computed(text string, value func(Env) (Default, bool)) Rule {
	return Rule{Text: text, value: value}
}

// untold is the rule of a default that nothing visible determines.
func untold(text string) Rule { return Rule{Text: text} }
