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
	before, after, id := original(history, k)
	if id != "" && !same(spec, raw, after) && !same(spec, raw, before) {
		return skip(SkippedForeign, "somebody else has set it to %s since; left alone", text(spec, raw))
	}
	w := sysctl.Want{Key: k, Op: sysctl.Exactly, Lower: true}
	e, sameHost := find(history, id)
	sameHost = sameHost && e.Kernel == st.Env.Kernel.String() && e.RAMBytes == st.Env.RAMBytes
	if sameHost {
		w.Value, w.Reason = text(spec, before), "profile kernel-defaults: the value before change "+id
		return w, nil
	}
	def, ok := spec.Default.At(st.Env)
	switch {
	case !ok:
		return skip(SkippedFormula, "its default cannot be told (%s); a restart brings it back", spec.Default.Text)
	case !def.Exact:
		return skip(SkippedFormula, "its default follows from memory and cannot be told exactly; a restart brings it back")
	}
	w.Value, w.Reason = def.Value, "profile kernel-defaults: the kernel's own default"
	return w, nil
}

// original returns the value from before the first change of a parameter that is
// still in force, the one that the last left, and the first one's ID.
func original(history []sysctl.Entry, k sysctl.Key) (before, after, id string) {
	for _, e := range history {
		for _, r := range e.Rows {
			if r.Key != k || r.SideEffect || !inForce(e) {
				continue
			}
			if id == "" {
				before, id = r.Before, e.ID
			}
			after = r.After
		}
	}
	return before, after, id
}

// find returns the entry with an ID.
func find(history []sysctl.Entry, id string) (sysctl.Entry, bool) {
	i := slices.IndexFunc(history, func(e sysctl.Entry) bool { return e.ID == id })
	if i < 0 {
		return sysctl.Entry{}, false
	}
	return history[i], true
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
