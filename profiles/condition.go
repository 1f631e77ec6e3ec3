package profiles

import (
	"fmt"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Condition is what has to hold for an entry to count. Exactly one of its fields
// but Otherwise is set.
type Condition struct {
	// Kernel is a bound of the release: "AtLeast" or "before".
	Kernel *KernelBound
	// Exists names a parameter that the host must have.
	Exists sysctl.Key
	// Counter names a kernel counter that must have grown since the namespace began:
	// the evidence that the entry cures something.
	Counter string
	// Input names an input that must be known.
	Input string
	// Holds is a formula that must be true.
	Holds *Formula
	// Otherwise says in words why the entry does not count when the condition does
	// not hold.
	Otherwise string
}

// KernelBound is one bound of a kernel release.
type KernelBound struct {
	// Before says that the release must be older; otherwise it must be the release
	// or newer.
	Before  bool
	Release sysctl.Release
}

// String returns the bound as it is written.
func (b KernelBound) String() string {
	if b.Before {
		return "< " + b.Release.String()
	}
	return ">= " + b.Release.String()
}

// parseKernel reads ">= 6.12" or "< 4.14".
func parseKernel(text string) (*KernelBound, error) {
	text = strings.TrimSpace(text)
	rest, before := strings.CutPrefix(text, "<")
	if !before {
		var ok bool
		if rest, ok = strings.CutPrefix(text, ">="); !ok {
			return nil, fmt.Errorf("kernel %q: want \">= 6.12\" or \"< 6.12\"", text)
		}
	}
	release, err := sysctl.ParseRelease(strings.TrimSpace(rest))
	if err != nil {
		return nil, fmt.Errorf("kernel %q: %w", text, err)
	}
	return &KernelBound{Before: before, Release: release}, nil
}

// String says the condition in a few words.
func (c Condition) String() string {
	switch {
	case c.Kernel != nil:
		return "kernel " + c.Kernel.String()
	case c.Exists != "":
		return string(c.Exists) + " exists"
	case c.Counter != "":
		return c.Counter + " has grown"
	case c.Input != "":
		return c.Input + " is known"
	case c.Holds != nil:
		return c.Holds.String()
	}
	return "always"
}

// fails says why the condition does not hold, and nothing when it does.
func (c Condition) fails(r *resolver, e Entry) (SkipReason, string) {
	words := func(text string) string {
		if c.Otherwise != "" {
			return c.Otherwise
		}
		return text
	}
	switch {
	case c.Kernel != nil:
		if r.state.Env.Kernel.IsZero() || r.state.Env.Kernel.AtLeast(c.Kernel.Release) == c.Kernel.Before {
			return SkippedCondition, words(fmt.Sprintf("only for Linux %s", c.Kernel))
		}
	case c.Exists != "":
		if _, ok := r.state.Raw[c.Exists]; !ok {
			return SkippedCondition, words(fmt.Sprintf("%s is not there", c.Exists))
		}
	case c.Counter != "":
		if r.in.Assume || r.in.Standing[e.Key] {
			return 0, ""
		}
		n, known := r.in.Counters[c.Counter]
		switch {
		case !known:
			return SkippedEvidence, fmt.Sprintf("no evidence that it is needed: %s could not be read", c.Counter)
		case n == 0:
			return SkippedEvidence, words(fmt.Sprintf("no evidence that it is needed: %s is 0", c.Counter))
		}
	case c.Input != "":
		return r.lacks(c.Input)
	case c.Holds != nil:
		if name := c.Holds.missing(r.scope); name != "" {
			return r.lacks(name)
		}
		yes, err := c.Holds.holds(r.scope)
		switch {
		case err != nil:
			return SkippedFormula, err.Error()
		case !yes:
			return SkippedCondition, words(fmt.Sprintf("only when %s", c.Holds))
		}
	}
	return 0, ""
}
