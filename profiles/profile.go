package profiles

import (
	"fmt"
	"slices"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Profile is one named intent.
type Profile struct {
	// Name is how it is asked for, Title what it is for in a few words, and Doc the
	// whole story.
	Name, Title, Doc string
	// Inherits lists the profiles whose inputs and entries it takes over, in order.
	Inherits []string
	// Inputs are what its formulas and conditions ask about the load.
	Inputs []Input
	// Entries are what it wants, one parameter or element each.
	Entries []Entry
	// Leaves are what it leaves alone on purpose, and why.
	Leaves []Leave
	// Drops are inherited entries that it does without.
	Drops []Slot
	// Restores says that it wants the kernel's own values back; it has no entries, and
	// [Restore] says what that means on one host.
	Restores bool
	// Place is where it was read from.
	Place Place
}

// Place is a line of a profile file.
type Place struct {
	File string
	Line int
}

// String returns "file:line".
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Slot names a parameter, or one element of a vector.
type Slot struct {
	Key   sysctl.Key
	Field string
}

// String returns the name, with the element in brackets.
func (s Slot) String() string {
	if s.Field == "" {
		return string(s.Key)
	}
	return fmt.Sprintf("%s[%s]", s.Key, s.Field)
}

// Entry is one thing that a profile wants.
type Entry struct {
	Slot
	// Op is the relation wanted.
	Op sysctl.Op
	// Value is the other side of the relation, and Formula, if not nil, computes it.
	Value   string
	Formula *Formula
	// When are the conditions; all of them have to hold.
	When []Condition
	// Lowers allows a value that gives less than the kernel's own default.
	Lowers bool
	// Reason says what it is good for, Risk what could get worse, and Source what the
	// two rest on.
	Reason, Risk, Source string
	// Profile is the one that asks for it, which may be inherited.
	Profile string
	// Place is where it was read from.
	Place Place
}

// Wanted says in a few words what is wanted, such as "at-least 4096".
func (e Entry) Wanted() string {
	if e.Formula != nil {
		return fmt.Sprintf("%s %s", e.Op, e.Formula)
	}
	return fmt.Sprintf("%s %s", e.Op, e.Value)
}

// Leave is a group of parameters that a profile leaves alone on purpose.
type Leave struct {
	Keys []sysctl.Key
	// Value, if not empty, is the one value that is never to be set.
	Value string
	// Reason says why, and Owner who else sets them.
	Reason, Owner string
}

// Input returns the input with a name or symbol.
func (p Profile) Input(name string) (Input, bool) {
	i := slices.IndexFunc(p.Inputs, func(in Input) bool { return in.Name == name || in.Symbol == name })
	if i < 0 {
		return Input{}, false
	}
	return p.Inputs[i], true
}

// Keys returns every parameter whose value [Resolve] looks at.
func (p Profile) Keys() []sysctl.Key {
	var keys []sysctl.Key
	for _, e := range p.Entries {
		keys = append(keys, e.Key)
		if e.Key == receiveKey {
			keys = append(keys, accountKey)
		}
		if e.Formula != nil {
			keys = append(keys, e.Formula.keys...)
		}
		for _, c := range e.When {
			if c.Exists != "" {
				keys = append(keys, c.Exists)
			}
			if c.Holds != nil {
				keys = append(keys, c.Holds.keys...)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Counters returns every kernel counter that its conditions ask about.
func (p Profile) Counters() []string {
	var names []string
	for _, e := range p.Entries {
		for _, c := range e.When {
			if c.Counter != "" {
				names = append(names, c.Counter)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// over returns the profile with what a parent adds to it: the inputs and entries
// that it does not have itself, the parent's first.
func (p Profile) over(parent Profile) Profile {
	var inputs []Input
	for _, in := range parent.Inputs {
		if _, own := p.Input(in.Name); !own {
			inputs = append(inputs, in)
		}
	}
	p.Inputs = slices.Concat(inputs, p.Inputs)
	var entries []Entry
	for _, e := range parent.Entries {
		own := slices.ContainsFunc(p.Entries, func(o Entry) bool { return o.Slot == e.Slot })
		if !own && !slices.Contains(p.Drops, e.Slot) {
			entries = append(entries, e)
		}
	}
	p.Entries = slices.Concat(entries, p.Entries)
	p.Leaves = slices.Concat(parent.leavesWithout(p.Entries), p.Leaves)
	p.Restores = p.Restores || parent.Restores
	return p
}

// leavesWithout returns what the profile leaves alone but for what the entries set.
func (p Profile) leavesWithout(entries []Entry) []Leave {
	var out []Leave
	for _, l := range p.Leaves {
		l.Keys = slices.DeleteFunc(slices.Clone(l.Keys), func(k sysctl.Key) bool {
			return l.Value == "" && slices.ContainsFunc(entries, func(e Entry) bool { return e.Key == k })
		})
		if len(l.Keys) > 0 {
			out = append(out, l)
		}
	}
	return out
}
