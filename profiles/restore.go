package profiles

import (
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Restore returns what a profile that restores wants of one namespace: for each
// key, and each parameter that a change of the history has set, the value from
// before the first of these changes. The history is the journal's entries for this
// very namespace, the oldest first; changes that were undone or ended by a restart
// do not count. Where the original is not known, or was recorded on another kernel
// or with other memory, it is the kernel's own default. A value that somebody else
// has changed since, and a default that cannot be told exactly, are left out.
func Restore(history []sysctl.Entry, keys []sysctl.Key, st sysctl.State) ([]sysctl.Want, []Skipped) {
	var wants []sysctl.Want
	var skipped []Skipped
	for _, k := range Touched(history, keys) {
		w, s := restoreOne(history, k, st)
		if s != nil {
			skipped = append(skipped, *s)
		} else {
			wants = append(wants, w)
		}
	}
	return wants, skipped
}

// Touched returns the keys given and those that a change of the history has set,
// sorted.
func Touched(history []sysctl.Entry, keys []sysctl.Key) []sysctl.Key {
	all := slices.Clone(keys)
	for _, e := range history {
		if !inForce(e) {
			continue
		}
		for _, r := range e.Rows {
			if !r.SideEffect {
				all = append(all, r.Key)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inForce says whether a change still holds.
func inForce(e sysctl.Entry) bool {
	return e.Phase == sysctl.PhaseApplied || e.Phase == sysctl.PhasePending
}

// restoreOne finds the original of one parameter.
func restoreOne(history []sysctl.Entry, k sysctl.Key, st sysctl.State) (sysctl.Want, *Skipped) {
	skip := func(reason SkipReason, format string, args ...any) (sysctl.Want, *Skipped) {
		return sysctl.Want{}, &Skipped{Slot: Slot{Key: k}, Wanted: "its original value", Reason: reason, Text: fmt.Sprintf(format, args...)}
	}
	raw, ok := st.Raw[k]
	if !ok {
		return skip(SkippedAbsent, "it is not there any more")
	}
	spec, known := sysctl.Lookup(k)
	if !known {
		return skip(SkippedRefused, "not in the catalogue")
	}
	return recorded(history, spec).back(raw, st, "profile kernel-defaults: ")
}

// original is what the journal says about a parameter before some of its changes.
type original struct {
	spec          sysctl.Spec
	before, after string
	// entry is the first of the changes; its ID is empty where there is none.
	entry sysctl.Entry
}

// back returns what gives the original back. who begins the reason.
func (o original) back(raw string, st sysctl.State, who string) (sysctl.Want, *Skipped) {
	s := o.spec
	skip := func(reason SkipReason, format string, args ...any) (sysctl.Want, *Skipped) {
		return sysctl.Want{}, &Skipped{Slot: Slot{Key: s.Key}, Wanted: "its original value", Reason: reason, Text: fmt.Sprintf(format, args...)}
	}
	if o.entry.ID != "" && !same(s, raw, o.after) && !same(s, raw, o.before) {
		return skip(SkippedForeign, "somebody else has set it to %s since; left alone", text(s, raw))
	}
	w := sysctl.Want{Key: s.Key, Op: sysctl.Exactly, Lower: true}
	if e := o.entry; e.ID != "" && e.Kernel == st.Env.Kernel.String() && e.RAMBytes == st.Env.RAMBytes {
		w.Value, w.Reason = text(s, o.before), who+"the value before change "+e.ID
		return w, nil
	}
	def, ok := s.Default.At(st.Env)
	switch {
	case !ok:
		return skip(SkippedFormula, "its default cannot be told (%s); a restart brings it back", s.Default.Text)
	case !def.Exact:
		return skip(SkippedFormula, "its default follows from memory and cannot be told exactly; a restart brings it back")
	}
	w.Value, w.Reason = def.Value, who+"the kernel's own default"
	return w, nil
}

// recorded returns the value from before the first change of a parameter that is
// still in force, and the one that the last left.
func recorded(history []sysctl.Entry, s sysctl.Spec) original {
	o := original{spec: s}
	for _, e := range history {
		r, ok := rowOf(e, s.Key)
		if !ok {
			continue
		}
		if o.entry.ID == "" {
			o.before, o.entry = r.Before, e
		}
		o.after = r.After
	}
	return o
}

// rowOf returns what a change that is in force did to a parameter.
func rowOf(e sysctl.Entry, k sysctl.Key) (sysctl.Row, bool) {
	i := slices.IndexFunc(e.Rows, func(r sysctl.Row) bool { return r.Key == k && !r.SideEffect })
	if i < 0 || !inForce(e) {
		return sysctl.Row{}, false
	}
	return e.Rows[i], true
}

// text returns a value in normalised form, or as it is.
func text(s sysctl.Spec, raw string) string {
	if v, err := s.Normalise(raw); err == nil {
		return v
	}
	return raw
}

// same compares two values in normalised form.
func same(s sysctl.Spec, a, b string) bool { return text(s, a) == text(s, b) }
