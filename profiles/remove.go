package profiles

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Removal is what it takes to undo some profiles in one namespace, as if they had
// never been applied there.
type Removal struct {
	// Wants are the values from before the profiles.
	Wants []sysctl.Want
	// Keep are lines of the file for the next boot that another profile had there
	// before, and Forget parameters whose lines go.
	Keep   []sysctl.Line
	Forget []sysctl.Key
	// Skipped are parameters that stay as they are, and why.
	Skipped []Skipped
}

// Remove works out how to undo the profiles with these names. The history is the
// journal's entries for this very namespace, the oldest first, the lines are those
// of the file for the next boot where it counts for the namespace. What another
// profile wants as well, what was changed again since, by tcpdoctor or by somebody
// else, and what the profiles only found as they wanted it, stays. The state has
// to hold what [Claimed] returns.
func Remove(names []string, history []sysctl.Entry, lines []sysctl.Line, st sysctl.State) Removal {
	r := removal{names: names, history: history, lines: lines, state: st}
	for _, k := range Claimed(names, history, lines) {
		r.remove(k)
	}
	return r.out
}

// Claimed returns the parameters that some of the profiles have set, and still
// hold as far as the journal and the file know, sorted.
func Claimed(names []string, history []sysctl.Entry, lines []sysctl.Line) []sysctl.Key {
	var keys []sysctl.Key
	for _, name := range names {
		for k, stands := range Standing(name, history, lines) {
			if stands {
				keys = append(keys, k)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Standing returns the parameters that a profile has set, as the journal's history
// of the namespace and the lines of its file for the next boot say. False means
// that they were taken back since.
func Standing(name string, history []sysctl.Entry, lines []sysctl.Line) map[sysctl.Key]bool {
	out := map[sysctl.Key]bool{}
	for _, l := range lines {
		out[l.Key] = slices.Contains(claimants(l.Reason), name)
	}
	for _, e := range history {
		if !inForce(e) {
			continue
		}
		for _, row := range e.Rows {
			switch {
			case slices.Contains(claimants(row.Reason), name):
				out[row.Key] = true
			case slices.Contains(claimants(row.Reason), restoring), strings.Contains(row.Reason, removedMark(name)):
				out[row.Key] = false
			}
		}
	}
	return out
}

// Holders returns the profiles that hold parameters of the namespace, with these.
func Holders(history []sysctl.Entry, lines []sysctl.Line) map[string][]sysctl.Key {
	out := map[string][]sysctl.Key{}
	for _, name := range Mentioned(history, lines) {
		if keys := Claimed([]string{name}, history, lines); len(keys) > 0 && name != restoring {
			out[name] = keys
		}
	}
	return out
}

// Mentioned returns every profile that the history and the lines tell of, also
// those that hold nothing any more.
func Mentioned(history []sysctl.Entry, lines []sysctl.Line) []string {
	var names []string
	for _, l := range lines {
		names = append(names, claimants(l.Reason)...)
	}
	for _, e := range history {
		for _, row := range e.Rows {
			names = append(names, claimants(row.Reason)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// restoring is the profile that takes back what all others set.
const restoring = "kernel-defaults"

// removedWord follows the name of a profile in the reason of a value that undoes it.
const removedWord = " removed: "

// removedMark begins the reason of a value that undoes a profile.
func removedMark(name string) string { return "profile " + name + removedWord }

// removedFrom returns the profiles that a reason says are undone.
func removedFrom(reason string) []string {
	var out []string
	for line := range strings.SplitSeq(reason, "\n") {
		before, _, ok := strings.Cut(line, removedWord)
		if name, is := strings.CutPrefix(before, "profile "); ok && is {
			out = append(out, name)
		}
	}
	return out
}

// claimants returns the profiles that a reason names.
func claimants(reason string) []string {
	var out []string
	for line := range strings.SplitSeq(reason, "\n") {
		rest, ok := strings.CutPrefix(line, "profile ")
		name, _, named := strings.Cut(rest, ":")
		if ok && named && kebab.MatchString(name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// removal is a removal under way.
type removal struct {
	names   []string
	history []sysctl.Entry
	lines   []sysctl.Line
	state   sysctl.State
	out     Removal
}

// holders splits who a reason names into profiles to be removed and others.
func (r *removal) holders(reason string) (ours, others []string) {
	for _, name := range claimants(reason) {
		if slices.Contains(r.names, name) {
			ours = append(ours, name)
		} else {
			others = append(others, name)
		}
	}
	return ours, others
}

// span is what the last changes of a parameter did that profiles to be removed
// wanted.
type span struct {
	original
	// ours are those profiles, others whom the changes name besides.
	ours, others []string
	// last is the last change of the parameter, and before the last one that is not
	// part of the span; their IDs are empty where there is none.
	before, last sysctl.Entry
}

// step is one change of a parameter.
type step struct {
	row   sysctl.Row
	entry sysctl.Entry
}

// steps returns the changes of a parameter that have not been taken back by a later
// one.
func (r *removal) steps(spec sysctl.Spec) []step {
	var out []step
	for _, e := range r.history {
		row, ok := rowOf(e, spec.Key)
		if !ok {
			continue
		}
		end := len(out)
		if removed := removedFrom(row.Reason); len(removed) > 0 {
			for end > 0 && within(claimants(out[end-1].row.Reason), removed) {
				end--
			}
		}
		if end < len(out) && same(spec, out[end].row.Before, row.After) {
			out = out[:end]
			continue
		}
		out = append(out, step{row, e})
	}
	return out
}

// within says whether there are names, all of them among others.
func within(names, all []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(all, n) })
}

// span finds the last changes of a parameter.
func (r *removal) span(spec sysctl.Spec) span {
	s := span{original: original{spec: spec}}
	for _, st := range r.steps(spec) {
		ours, others := r.holders(st.row.Reason)
		if ours == nil {
			s = span{original: original{spec: spec}, before: st.entry, last: st.entry}
			continue
		}
		if s.entry.ID == "" {
			s.original.before, s.entry = st.row.Before, st.entry
		}
		s.after, s.last = st.row.After, st.entry
		s.ours, s.others = append(s.ours, ours...), append(s.others, others...)
	}
	slices.Sort(s.ours)
	s.ours = slices.Compact(s.ours)
	return s
}

// remove undoes one parameter.
func (r *removal) remove(k sysctl.Key) {
	skip := func(reason SkipReason, format string, args ...any) {
		r.out.Skipped = append(r.out.Skipped, Skipped{
			Slot: Slot{Key: k}, Wanted: "its value without the profile", Reason: reason, Text: fmt.Sprintf(format, args...),
		})
	}
	spec, known := sysctl.Lookup(k)
	line := r.line(k)
	mine, others := r.holders(line.Reason)
	s := r.span(spec)
	if all := slices.Concat(others, s.others); len(all) > 0 {
		slices.Sort(all)
		skip(SkippedShared, "profile %s wants it as well; left alone", strings.Join(slices.Compact(all), ", "))
		return
	}
	if mine != nil {
		r.out.Forget = append(r.out.Forget, k)
	}
	raw, there := r.state.Raw[k]
	switch {
	case !known:
		skip(SkippedRefused, "not in the catalogue")
	case !there:
		skip(SkippedAbsent, "it is not there any more")
	case s.ours == nil && s.last.ID != "":
		skip(SkippedForeign, "change %s (%s) has set it since; left alone", s.last.ID, s.last.Title)
	case s.ours == nil:
		skip(SkippedFound, "the profile found it as it is: the running value stays, the line for the next boot goes")
	default:
		w, skipped := s.back(raw, r.state, "")
		if skipped != nil {
			r.out.Skipped = append(r.out.Skipped, *skipped)
			return
		}
		var reasons []string
		for _, name := range s.ours {
			reasons = append(reasons, removedMark(name)+w.Reason)
		}
		w.Reason = strings.Join(reasons, "\n")
		r.out.Wants = append(r.out.Wants, w)
		r.keep(s.before, w)
	}
}

// line returns the line of the file about a parameter.
func (r *removal) line(k sysctl.Key) sysctl.Line {
	i := slices.IndexFunc(r.lines, func(l sysctl.Line) bool { return l.Key == k })
	if i < 0 {
		return sysctl.Line{}
	}
	return r.lines[i]
}

// keep puts back the line of the change before, where that was another profile's
// and kept its value for the next boot.
func (r *removal) keep(before sysctl.Entry, w sysctl.Want) {
	row, ok := rowOf(before, w.Key)
	if !ok || before.File == nil || len(claimants(row.Reason)) == 0 || slices.Contains(claimants(row.Reason), restoring) {
		return
	}
	spec, _ := sysctl.Lookup(w.Key)
	if def, known := spec.Default.At(r.state.Env); known && same(spec, def.Value, w.Value) {
		return
	}
	r.out.Keep = append(r.out.Keep, sysctl.Line{Key: w.Key, Value: w.Value, Reason: row.Reason})
}
