package sysctl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Conflict is wants that cannot all be met.
type Conflict struct {
	Key   Key
	Field string
	Wants []Want
}

// String names the parameter and what is asked of it.
func (c Conflict) String() string {
	parts := make([]string, len(c.Wants))
	for i, w := range c.Wants {
		parts[i] = fmt.Sprintf("%s %s", w.Op, w.Value)
		if w.Reason != "" {
			parts[i] += " (" + strings.ReplaceAll(w.Reason, "\n", "; ") + ")"
		}
	}
	name := string(c.Key)
	if c.Field != "" {
		name += "[" + c.Field + "]"
	}
	return name + ": " + strings.Join(parts, " against ")
}

// Merge brings wants into their normal form: for each parameter, or element of a
// vector, only the tightest bounds remain, with everybody's reasons. The order and
// grouping of the wants do not matter, nor does repeating them; merging a result
// again changes nothing. Wants that cannot all be met are reported and stay in the
// result. A want that the catalogue cannot make sense of is passed on unchanged,
// for [NewPlan] to refuse.
func Merge(wants ...Want) ([]Want, []Conflict) {
	slots := map[slotKey]*slot{}
	odd := map[Want]bool{}
	for _, w := range wants {
		parts, err := w.split()
		if err != nil {
			odd[w] = true
			continue
		}
		for _, p := range parts {
			k := slotKey{p.Key, p.Field}
			if slots[k] == nil {
				slots[k] = &slot{}
			}
			slots[k].add(p)
		}
	}
	out := slices.Collect(maps.Keys(odd))
	var conflicts []Conflict
	for k, s := range slots {
		normal := s.wants(k)
		out = append(out, normal...)
		if s.conflict() {
			conflicts = append(conflicts, Conflict{Key: k.key, Field: k.field, Wants: normal})
		}
	}
	slices.SortFunc(out, compareWants)
	slices.SortFunc(conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(fieldOrder(a.Key, a.Field), fieldOrder(b.Key, b.Field)))
	})
	return out, conflicts
}

// compareWants orders wants by key, element, relation, value and the rest.
func compareWants(a, b Want) int {
	lower := func(w Want) int {
		if w.Lower {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(fieldOrder(a.Key, a.Field), fieldOrder(b.Key, b.Field)),
		cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Op, b.Op),
		cmp.Compare(a.Value, b.Value),
		cmp.Compare(lower(a), lower(b)),
		cmp.Compare(a.Reason, b.Reason),
	)
}

// fieldOrder is an element's position, for sorting.
func fieldOrder(k Key, field string) int {
	if s, ok := Lookup(k); ok {
		if i, ok := s.FieldIndex(field); ok {
			return i
		}
	}
	return -1
}

// slotKey names what can be wanted independently.
type slotKey struct {
	key   Key
	field string
}

// bound is one side of an interval, with who asked for it.
type bound struct {
	set    bool
	value  int64
	lower  bool
	reason string
}

// tighten keeps the tighter of two bounds; of equal ones it joins the reasons.
func (b bound) tighten(o bound, tighter func(a, b int64) bool) bound {
	switch {
	case !b.set || o.set && tighter(o.value, b.value):
		return o
	case !o.set || tighter(b.value, o.value):
		return b
	}
	b.lower = b.lower || o.lower
	b.reason = joinReasons(b.reason, o.reason)
	return b
}

// slot is everything wanted of one number, one text or one set of ports.
type slot struct {
	low, high bound
	exact     map[string]Want // text, and port sets wanted exactly
	ports     *portSet        // ports to be included
	included  Want            // Lower and Reason of those
}

// add takes in one want that split has checked.
func (s *slot) add(w Want) {
	spec, _ := Lookup(w.Key)
	switch {
	case w.Op == Includes:
		set, _ := parsePorts(w.Value)
		if s.ports != nil {
			set = set.union(*s.ports)
		}
		s.ports = &set
		s.included.Lower = s.included.Lower || w.Lower
		s.included.Reason = joinReasons(s.included.Reason, w.Reason)
	case spec.Type == TypeString || spec.Type == TypePorts || spec.Type == TypeWords:
		if s.exact == nil {
			s.exact = map[string]Want{}
		}
		old := s.exact[w.Value]
		w.Lower = w.Lower || old.Lower
		w.Reason = joinReasons(w.Reason, old.Reason)
		s.exact[w.Value] = w
	default:
		n, _ := strconv.ParseInt(w.Value, 10, 64)
		b := bound{set: true, value: n, lower: w.Lower, reason: w.Reason}
		if w.Op != AtMost {
			s.low = s.low.tighten(b, func(a, b int64) bool { return a > b })
		}
		if w.Op != AtLeast {
			s.high = s.high.tighten(b, func(a, b int64) bool { return a < b })
		}
	}
}

// wants returns the normal form. Two bounds become one exact want only when they
// agree in everything, or merging the result again could tell them apart.
func (s *slot) wants(k slotKey) []Want {
	var out []Want
	bounded := func(op Op, b bound) {
		out = append(out, Want{Key: k.key, Field: k.field, Op: op, Value: strconv.FormatInt(b.value, 10), Lower: b.lower, Reason: b.reason})
	}
	switch {
	case s.low.set && s.low == s.high:
		bounded(Exactly, s.low)
	default:
		if s.low.set {
			bounded(AtLeast, s.low)
		}
		if s.high.set {
			bounded(AtMost, s.high)
		}
	}
	for _, w := range s.exact {
		out = append(out, w)
	}
	if s.ports != nil {
		w := s.included
		w.Key, w.Op, w.Value = k.key, Includes, s.ports.String()
		out = append(out, w)
	}
	slices.SortFunc(out, compareWants)
	return out
}

// conflict says whether no value meets everything.
func (s *slot) conflict() bool {
	if s.low.set && s.high.set && s.low.value > s.high.value || len(s.exact) > 1 {
		return true
	}
	if s.ports == nil {
		return false
	}
	for text := range s.exact {
		if set, _ := parsePorts(text); set.union(*s.ports) != set {
			return true
		}
	}
	return false
}
