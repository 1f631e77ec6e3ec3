package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
)

// DriftClass is a way in which running and configured values do not fit together.
type DriftClass string

// The classes.
const (
	// DriftPersisted: the files say one value, and another is running.
	DriftPersisted DriftClass = "persisted-differs"
	// DriftRunningOnly: the running value is nobody's default and in no file, so it is
	// lost at the next boot.
	DriftRunningOnly DriftClass = "running-only"
	// DriftShadowed: a line of the administrator's is overridden by another file.
	DriftShadowed DriftClass = "shadowed"
	// DriftReader: the reader at boot and the one by hand leave different values.
	DriftReader DriftClass = "reader-dependent"
	// DriftAbsent: files set a parameter that is not there.
	DriftAbsent DriftClass = "absent"
	// DriftForeign: somebody else has changed what we set, or another program sets it
	// as well.
	DriftForeign DriftClass = "foreign-writer"
	// DriftRefused: a file sets a value that the kernel does not take.
	DriftRefused DriftClass = "refused"
)

// Drift is one thing that does not fit together.
type Drift struct {
	Class DriftClass
	// Text says it in one line.
	Text string
}

// drift finds what does not fit together.
func (w Why) drift(in WhyInput) []Drift {
	var out []Drift
	add := func(class DriftClass, format string, args ...any) {
		out = append(out, Drift{class, fmt.Sprintf(format, args...)})
	}
	show := func(v string) string { return Shown(w.Key, v) }
	if errors.Is(w.Err, fs.ErrNotExist) {
		if w.Boot.Set || w.ByHand.Set {
			e := w.Boot
			if !e.Set {
				e = w.ByHand
			}
			add(DriftAbsent, "%s line %d sets it, and it is not there: the line is passed over, at boot in silence", e.File, e.Line)
		}
		return out
	}
	boot, bootKnown := w.left(w.Boot)
	hand, handKnown := w.left(w.ByHand)
	if bootKnown && handKnown && !w.equal(boot, hand) {
		add(DriftReader, "at boot it becomes %s, and %s whenever somebody runs sysctl --system", show(boot), show(hand))
	}
	for _, l := range w.Lines() {
		if l.Boot == UsedOverridden && w.Boot.Set && !isVendor(l.File) && l.File != CmdlineFile && !w.equal(normalise(w.Key, l.Value), w.Boot.Value) {
			add(DriftShadowed, "%s line %d does not count at boot: %s line %d comes later", l.File, l.Line, w.Boot.File, w.Boot.Line)
		}
		if l.Refused {
			add(DriftRefused, "%s line %d sets %q, which the kernel does not take", l.File, l.Line, show(l.Value))
		}
	}
	if w.Err != nil {
		return out
	}
	if w.Boot.Set && !w.reached(w.Boot) {
		add(DriftPersisted, "%s line %d sets it to %s at boot, and %s is running", w.Boot.File, w.Boot.Line, show(w.Boot.Value), show(w.Running))
	}
	return append(out, w.driftOfOthers(in)...)
}

// driftOfOthers finds what our changes and other programs have to do with it.
func (w Why) driftOfOthers(in WhyInput) []Drift {
	var out []Drift
	add := func(class DriftClass, format string, args ...any) {
		out = append(out, Drift{class, fmt.Sprintf(format, args...)})
	}
	show := func(v string) string { return Shown(w.Key, v) }
	claimed := false
	for _, o := range w.Claims {
		claimed = claimed || o.Active
		if o.Active && o.Value != "" && w.Boot.Set && !w.equal(normalise(w.Key, o.Value), w.Boot.Value) {
			add(DriftForeign, "%s sets it to %s, and %s line %d to %s", o.Name, show(o.Value), w.Boot.File, w.Boot.Line, show(w.Boot.Value))
		}
	}
	c, ours := w.lastChange()
	secret := w.Known && w.Spec.Secret
	if ours && !secret && !w.is(normalise(w.Key, c.After)) {
		add(DriftForeign, "change %s set it to %s, and somebody has set it to %s since", c.ID, c.After, show(w.Running))
	}
	if w.Boot.Set || claimed || !in.KeepsFiles || secret || !w.HasDefault || w.isDefault() {
		return out
	}
	add(DriftRunningOnly, "%s is running, no file sets it, and the kernel's own is %s: the next boot loses it", show(w.Running), show(w.Default.Value))
	return out
}

// left returns the value that a reader leaves after a fresh boot, and whether it is
// known.
func (w Why) left(e Expectation) (string, bool) {
	switch {
	case !e.Set:
		return w.Default.Value, w.HasDefault
	case w.Known && w.Spec.Type == TypeVector:
		return w.Spec.taken(e.Value, w.Default.Value)
	}
	return e.Value, true
}

// equal compares two values.
func (w Why) equal(a, b string) bool {
	if !w.Known {
		return a == b
	}
	return w.Spec.equalValues(a, b)
}
