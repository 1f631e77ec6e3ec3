package sysctl

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// WhyInput is everything that [Explain] looks at. It is plain data, so a value can
// be explained for a host that is not at hand.
type WhyInput struct {
	// Conf are the configuration files. They count only where KeepsFiles says that a
	// reader applies them to the namespace.
	Conf       Conf
	KeepsFiles bool
	// Running is the value of the namespace as the kernel shows it, and Err why it
	// could not be read.
	Running string
	Err     error
	// Env is what the kernel's own default depends on, and Initial says that it is the
	// initial namespace.
	Env     Env
	Initial bool
	// Journal are the changes made to the namespace, the oldest first.
	Journal []Entry
	// Others are other programs on the host that set parameters.
	Others []Other
}

// Why says where a parameter's value comes from and what would win at the next
// boot.
type Why struct {
	Key Key
	// Spec is what the catalogue knows, if Known.
	Spec  Spec
	Known bool
	// Running is the present value in normalised form, and Err why there is none.
	Running string
	Err     error
	// Default is the kernel's own choice, if HasDefault.
	Default    Default
	HasDefault bool
	// Boot and ByHand are what the two readers would do.
	Boot, ByHand Expectation
	// Hidden are lines in files that another of the same name hides.
	Hidden []HiddenLine
	// Claims are what other programs have to do with the parameter.
	Claims []Claim
	// Changes are ours, the oldest first.
	Changes []WhyChange
	// Origin is who most probably set the running value.
	Origin Origin
	// Drift is what does not fit together.
	Drift []Drift
}

// HiddenLine is a line that no reader sees.
type HiddenLine struct {
	Assignment
	// By is the file that hides it.
	By string
}

// WhyChange is what one of our changes did to the parameter.
type WhyChange struct {
	ID, Title string
	Phase     Phase
	Created   time.Time
	// Before and After are the values, in normalised form.
	Before, After string
	Reason        string
	// SideEffect says that the kernel changed it because another was written.
	SideEffect bool
}

// OriginKind says who set a value.
type OriginKind string

// Who may have set a value.
const (
	OriginUs      OriginKind = "tcpdoctor"   // a change in our journal
	OriginWriter  OriginKind = "program"     // another program that says so
	OriginFile    OriginKind = "file"        // a file, at boot
	OriginByHand  OriginKind = "by-hand"     // a file that only sysctl --system reads
	OriginDefault OriginKind = "kernel"      // the kernel's own default
	OriginInherit OriginKind = "inherited"   // the initial namespace, when this one was made
	OriginUnknown OriginKind = "unknown"     // none of these
	OriginAbsent  OriginKind = "not-present" // there is no value
)

// Origin is who most probably set the running value: the latest of those who set
// just this value. The kernel keeps no record of it.
type Origin struct {
	Kind OriginKind
	// Name is the change, program or file; Line the line of the file.
	Name string
	Line int
}

// Explain says where the value of a parameter comes from. It is a pure function of
// its arguments.
func Explain(k Key, in WhyInput) Why {
	w := Why{Key: k, Err: in.Err}
	w.Spec, w.Known = Lookup(k)
	if in.Err == nil {
		w.Running = normalise(k, in.Running)
	}
	if w.Known {
		w.Default, w.HasDefault = w.Spec.Default.At(in.Env)
	}
	w.Boot, w.ByHand = Expectation{Key: k, Reader: ReaderSystemd}, Expectation{Key: k, Reader: ReaderProcps}
	if in.KeepsFiles {
		w.Boot, w.ByHand = in.Conf.Expect(ReaderSystemd, k), in.Conf.Expect(ReaderProcps, k)
		w.Hidden = in.Conf.hiddenLines(k)
	}
	for _, o := range in.Others {
		if claim, ok := o.Claim(k); ok {
			w.Claims = append(w.Claims, claim)
		}
	}
	for _, e := range in.Journal {
		if r, ok := e.row(k); ok {
			w.Changes = append(w.Changes, WhyChange{
				ID: e.ID, Title: e.Title, Phase: e.Phase, Created: e.Created, Reason: r.Reason, SideEffect: r.SideEffect,
				Before: Shown(k, normalise(k, r.Before)), After: Shown(k, r.After),
			})
		}
	}
	w.Origin = w.origin(in)
	w.Drift = w.drift(in)
	return w.redacted()
}

// redacted hides what is secret.
func (w Why) redacted() Why {
	if !w.Known || !w.Spec.Secret {
		return w
	}
	w.Running = Shown(w.Key, w.Running)
	for _, e := range []*Expectation{&w.Boot, &w.ByHand} {
		e.Value = Shown(w.Key, e.Value)
		e.Steps = slices.Clone(e.Steps)
		for i := range e.Steps {
			e.Steps[i].Value = Shown(w.Key, e.Steps[i].Value)
		}
	}
	for i := range w.Hidden {
		w.Hidden[i].Value = Shown(w.Key, w.Hidden[i].Value)
	}
	for i := range w.Claims {
		w.Claims[i].Value = Shown(w.Key, w.Claims[i].Value)
	}
	return w
}

// hiddenLines returns the lines about a parameter in files that another one hides.
func (c Conf) hiddenLines(k Key) []HiddenLine {
	file, err := k.Path()
	if err != nil {
		return nil
	}
	var out []HiddenLine
	by := ""
	for _, f := range c.Files {
		if !f.Hidden {
			by = f.Path
			continue
		}
		lines, _ := ReaderSystemd.Parse(f)
		for _, a := range lines {
			if a.Path == file || a.IsPattern() && a.matches(file) {
				out = append(out, HiddenLine{Assignment: a, By: by})
			}
		}
	}
	return out
}

// lastChange returns the last change of ours that is in force.
func (w Why) lastChange() (WhyChange, bool) {
	for _, c := range slices.Backward(w.Changes) {
		if c.Phase == PhaseApplied || c.Phase == PhasePending {
			return c, true
		}
	}
	return WhyChange{}, false
}

// is says whether a value is the running one.
func (w Why) is(value string) bool {
	if !w.Known {
		return strings.Join(strings.Fields(value), " ") == w.Running
	}
	return w.Spec.becomes(value, w.Running)
}

// origin finds the latest of those who set just the running value.
func (w Why) origin(in WhyInput) Origin {
	if w.Err != nil {
		return Origin{Kind: OriginAbsent}
	}
	if c, ok := w.lastChange(); ok && w.is(normalise(w.Key, c.After)) && (!w.Known || !w.Spec.Secret) {
		return Origin{Kind: OriginUs, Name: c.ID}
	}
	for _, o := range w.Claims {
		if o.Value != "" && o.Active && w.is(o.Value) {
			return Origin{Kind: OriginWriter, Name: o.Name, Line: o.Line}
		}
	}
	if w.Boot.Set && w.reached(w.Boot) {
		return Origin{Kind: OriginFile, Name: w.Boot.File, Line: w.Boot.Line}
	}
	if w.ByHand.Set && w.reached(w.ByHand) {
		return Origin{Kind: OriginByHand, Name: w.ByHand.File, Line: w.ByHand.Line}
	}
	switch {
	case w.HasDefault && w.isDefault():
		return Origin{Kind: OriginDefault}
	case !in.Initial && w.Known && w.Spec.Inherits:
		return Origin{Kind: OriginInherit}
	}
	return Origin{Kind: OriginUnknown}
}

// isDefault says whether the running value is the kernel's own, as far as that can
// be told.
func (w Why) isDefault() bool {
	if w.is(w.Default.Value) {
		return true
	}
	if w.Default.Exact {
		return false
	}
	have, errA := w.Spec.Numbers(w.Running)
	own, errB := w.Spec.Numbers(w.Default.Value)
	if errA != nil || errB != nil || len(have) != len(own) {
		return false
	}
	for i := range have {
		// See Default.Exact: what follows from memory is known to about two percent.
		if abs(have[i]-own[i]) > own[i]/50+1 {
			return false
		}
	}
	return true
}

// reached says whether the running value is what a reader leaves. Where only the
// beginning of a vector is set, the rest has to be the kernel's own.
func (w Why) reached(e Expectation) bool {
	if !w.Known || w.Spec.Type != TypeVector {
		return w.is(e.Value)
	}
	full, ok := w.Spec.taken(e.Value, w.Running)
	if !ok || !w.is(full) {
		return false
	}
	set := len(strings.Fields(e.Value))
	if set == len(w.Spec.Fields) || !w.HasDefault {
		return true
	}
	words := strings.Fields(w.Running)
	copy(words, strings.Fields(w.Default.Value)[:set])
	w.Running = strings.Join(words, " ")
	return w.isDefault()
}

// Lines returns the lines that concern the parameter, those of both readers
// together, in the order of the reader at boot and then of what only the other one
// sees.
func (w Why) Lines() []WhyLine {
	var out []WhyLine
	add := func(e Expectation, boot bool) {
		for _, s := range e.Steps {
			i := slices.IndexFunc(out, func(l WhyLine) bool { return l.File == s.File && l.Line == s.Line })
			if i < 0 {
				out = append(out, WhyLine{Assignment: s.Assignment, Refused: s.Refused})
				i = len(out) - 1
			}
			l := &out[i]
			use := UsedOverridden
			switch {
			case e.Set && s.File == e.File && s.Line == e.Line:
				use = UsedCounts
			case s.Refused:
				use = UsedRefused
			case s.Exclude, !s.Written && s.IsPattern():
				use = UsedPassedOver
			}
			if boot {
				l.Boot = use
			} else {
				l.ByHand = use
			}
		}
	}
	add(w.Boot, true)
	add(w.ByHand, false)
	return out
}

// Used says what a reader makes of a line.
type Used string

// What a reader makes of a line. Empty: it does not see it.
const (
	UsedCounts     Used = "counts"
	UsedOverridden Used = "overridden"
	UsedRefused    Used = "refused"     // the kernel does not take the value
	UsedPassedOver Used = "passed over" // an exclusion, or a pattern that gives way to a line about the very parameter
)

// WhyLine is one line of a file that concerns the parameter.
type WhyLine struct {
	Assignment
	Refused      bool
	Boot, ByHand Used
}

// Compare orders lines by file and number.
func (l WhyLine) Compare(o WhyLine) int {
	return cmp.Or(strings.Compare(l.File, o.File), cmp.Compare(l.Line, o.Line))
}
