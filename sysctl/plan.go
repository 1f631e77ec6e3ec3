package sysctl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrRefused is the error for a plan with wants that cannot be carried out.
var ErrRefused = errors.New("refused")

// State is what a plan is made against: one namespace as it is now. It is plain
// data, so a plan can be made for a kernel and a machine that are not at hand.
type State struct {
	// Env is what the kernel's own defaults depend on.
	Env Env
	// Initial says that it is the host's initial network namespace, which alone may
	// change the host's own parameters.
	Initial bool
	// Raw holds values as the kernel shows them, and Err why others could not be
	// read. A key that is in neither is taken for absent.
	Raw map[Key]string
	Err map[Key]error
}

// value returns a value in normalised form.
func (s State) value(k Key) (string, bool) {
	raw, ok := s.Raw[k]
	return normalise(k, raw), ok
}

// Change is one write of a plan.
type Change struct {
	Key Key
	// Before and After are whole values in normalised form; BeforeRaw is the former
	// as the kernel showed it. They are equal where another write of the plan would
	// make the kernel change the value in between.
	Before, After string
	BeforeRaw     string
	// Wants are what asked for it, and Risk how much it can hurt, with the reason
	// where the value itself is the risk.
	Wants []Want
	Risk  Risk
	Why   string
}

// Reason says why a want was refused.
type Reason uint8

// The reasons. Those before RefusedHigher stop the whole plan, because they are
// mistakes; the others pass over one want, because the host is as it is.
const (
	RefusedUnknown     Reason = iota + 1 // no such parameter; perhaps misspelt
	RefusedObsolete                      // gone, or without effect
	RefusedReadOnly                      // nobody may write it
	RefusedValue                         // not of the type, out of range, elements out of order
	RefusedUnavailable                   // names something that the kernel does not offer
	RefusedDependency                    // does not go together with another parameter
	RefusedUnreadable                    // its present value could not be read, so it could not be restored
	RefusedHigher                        // the kernel's own default already gives more
	RefusedAbsent                        // this kernel does not have it, or its module is not loaded
	RefusedHost                          // belongs to the host, and this is another namespace
)

var reasonNames = [...]string{"", "unknown", "obsolete", "read-only", "bad-value", "unavailable", "dependency", "unreadable",
	"default-higher", "absent", "host-only"}

// String returns the name that reports use.
func (r Reason) String() string { return reasonNames[r] }

// Stops says whether the reason stops the whole plan.
func (r Reason) Stops() bool { return r < RefusedHigher }

// Refusal is a want that the plan leaves out.
type Refusal struct {
	Want   Want
	Reason Reason
	// Text says why, in one line.
	Text string
	// Nearest is the parameter that was probably meant, for [RefusedUnknown].
	Nearest Key
}

// Plan is the smallest set of writes that meets the wants.
type Plan struct {
	// Changes are in the order of writing.
	Changes []Change
	// Already are wants that hold without a write.
	Already []Want
	// Refused are wants left out; Conflicts wants that exclude each other.
	Refused   []Refusal
	Conflicts []Conflict
}

// Err says in one error why the plan may not be carried out, nil if it may.
func (p Plan) Err() error {
	var lines []string
	for _, c := range p.Conflicts {
		lines = append(lines, "conflict: "+c.String())
	}
	for _, r := range p.Refused {
		if r.Reason.Stops() {
			lines = append(lines, r.Text)
		}
	}
	if lines == nil {
		return nil
	}
	return fmt.Errorf("sysctl: plan %w: %s", ErrRefused, strings.Join(lines, "; "))
}

// Needs returns the keys that a [State] has to hold for these wants: their own,
// and those that they depend on.
func Needs(wants []Want) []Key {
	set := map[Key]bool{}
	for _, w := range wants {
		if _, ok := Lookup(w.Key); !ok || w.Key.IsPattern() {
			continue
		}
		set[w.Key] = true
		for _, r := range relations {
			if slices.Contains(r.keys, w.Key) {
				for _, k := range r.keys {
					set[k] = true
				}
			}
		}
	}
	out := make([]Key, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// NewPlan merges wants and returns the smallest set of writes that meets them.
// Where a want leaves room, the value nearest to the present one is chosen. It is
// a pure function of its arguments.
func NewPlan(wants []Want, now State) Plan {
	var p Plan
	merged, conflicts := Merge(wants...)
	p.Conflicts = conflicts
	inConflict := map[slotKey]bool{}
	for _, c := range conflicts {
		inConflict[slotKey{c.Key, c.Field}] = true
	}
	for start := 0; start < len(merged); {
		end := start + 1
		for end < len(merged) && merged[end].Key == merged[start].Key {
			end++
		}
		key := slices.DeleteFunc(slices.Clone(merged[start:end]), func(w Want) bool { return inConflict[slotKey{w.Key, w.Field}] })
		start = end
		if len(key) > 0 {
			p.add(key, now)
		}
	}
	p.keep(now)
	p.checkRelations(now)
	p.sort(now)
	return p
}

// add plans one parameter; all wants are about it, in normal form.
func (p *Plan) add(wants []Want, now State) {
	spec, reason, text := admit(wants[0], now)
	if reason != 0 {
		for _, w := range wants {
			p.Refused = append(p.Refused, Refusal{Want: w, Reason: reason, Text: text, Nearest: nearestFor(w.Key, reason)})
		}
		return
	}
	before, _ := now.value(wants[0].Key)
	c := Change{Key: wants[0].Key, Before: before, After: before, BeforeRaw: now.Raw[wants[0].Key]}
	for _, w := range wants {
		_, err := w.split()
		after := c.After
		if err == nil {
			after, err = spec.meet(w, c.After)
		}
		if err != nil {
			p.refuse(w, RefusedValue, err.Error())
			continue
		}
		if after == c.After {
			p.Already = append(p.Already, w)
			continue
		}
		if text := spec.defaultHigher(w, after, now.Env); text != "" {
			p.refuse(w, RefusedHigher, text)
			continue
		}
		c.After = after
		c.Wants = append(c.Wants, w)
	}
	if c.After == c.Before {
		return
	}
	if err := spec.Check(c.After); err != nil {
		for _, w := range c.Wants {
			p.refuse(w, RefusedValue, err.Error())
		}
		return
	}
	c.Risk, c.Why = spec.changeRisk(c.Before, c.After)
	p.Changes = append(p.Changes, c)
}

func (p *Plan) refuse(w Want, reason Reason, text string) {
	p.Refused = append(p.Refused, Refusal{Want: w, Reason: reason, Text: strings.TrimPrefix(text, "sysctl: ")})
}

// admit says whether a parameter may be changed at all on this host.
func admit(w Want, now State) (Spec, Reason, string) {
	spec, known := Lookup(w.Key)
	if !known || w.Key.IsPattern() {
		text := fmt.Sprintf("%s: not in the catalogue", w.Key)
		if k, ok := Nearest(string(w.Key)); ok {
			text += fmt.Sprintf("; %s may be meant", k)
		}
		return spec, RefusedUnknown, text
	}
	if spec.Gone != (Bound{}) || spec.Inert(now.Env.Kernel) == Yes {
		return spec, RefusedObsolete, fmt.Sprintf("%s: obsolete; %s", w.Key, spec.Instead)
	}
	if spec.ReadOnly {
		return spec, RefusedReadOnly, fmt.Sprintf("%s: can only be read", w.Key)
	}
	if scope, ok := spec.ScopeAt(now.Env.Kernel); !now.Initial && (scope == ScopeHost || scope == ScopeHostReadOnlyElse || !ok && now.Raw[w.Key] == "") {
		return spec, RefusedHost, fmt.Sprintf("%s: belongs to the host, not to a network namespace of its own", w.Key)
	}
	if _, ok := now.Raw[w.Key]; ok {
		return spec, 0, ""
	}
	err := now.Err[w.Key]
	var failed *KeyError
	if err == nil || errors.As(err, &failed) && failed.Kind == FailedAbsent {
		text := fmt.Sprintf("%s: this kernel does not have it", w.Key)
		if spec.Module != "" {
			text = fmt.Sprintf("%s: the module %s is not loaded", w.Key, spec.Module)
		} else if _, ok := w.Key.Interface(); ok {
			text = fmt.Sprintf("%s: there is no such interface", w.Key)
		}
		return spec, RefusedAbsent, text
	}
	return spec, RefusedUnreadable, strings.TrimPrefix(err.Error(), "sysctl: ")
}

// nearestFor names the parameter that was probably meant.
func nearestFor(k Key, reason Reason) Key {
	if reason != RefusedUnknown {
		return ""
	}
	near, _ := Nearest(string(k))
	return near
}

// meet returns the value nearest to now that meets one want in normal form.
func (s Spec) meet(w Want, now string) (string, error) {
	switch s.Type {
	case TypeString, TypeWords:
		return w.Value, nil
	case TypePorts:
		if w.Op == Exactly {
			return w.Value, nil
		}
		want, err := parsePorts(w.Value)
		if err != nil {
			return "", err
		}
		have, err := parsePorts(now)
		if err != nil {
			return "", err
		}
		return want.union(have).String(), nil
	default:
	}
	numbers, err := s.Numbers(now)
	if err != nil {
		return "", err
	}
	want, err := parseInt(w.Value)
	if err != nil {
		return "", err
	}
	i := 0
	if w.Field != "" {
		i, _ = s.FieldIndex(w.Field)
	}
	switch {
	case w.Op == Exactly, w.Op == AtLeast && numbers[i] < want, w.Op == AtMost && numbers[i] > want:
		numbers[i] = want
	}
	return formatNumbers(numbers), nil
}

// defaultHigher says why a value would give less than the kernel's own default,
// and nothing when it does not or when the want allows it.
func (s Spec) defaultHigher(w Want, after string, env Env) string {
	if w.Lower || !(s.Type.IsNumber() || s.Type == TypeVector) {
		return ""
	}
	def, ok := s.Default.At(env)
	if !ok {
		return ""
	}
	have, errA := s.Number(def.Value, w.Field)
	want, errB := s.Number(after, w.Field)
	if errA != nil || errB != nil || !s.less(w.Field, want, have) {
		return ""
	}
	if !def.Exact && float64(abs(have-want)) <= 0.02*float64(abs(have)) {
		return ""
	}
	name := string(w.Key)
	if w.Field != "" {
		name += "[" + w.Field + "]"
	}
	return fmt.Sprintf("%s: the kernel's own %d already gives more than %d", name, have, want)
}

func abs(n int64) int64 { return max(n, -n) }

// changeRisk is the greatest risk of any number that changes.
func (s Spec) changeRisk(before, after string) (Risk, string) {
	a, errA := s.Numbers(before)
	b, errB := s.Numbers(after)
	if errA != nil || errB != nil || len(a) != len(b) {
		return s.Risk, ""
	}
	var risk Risk
	var why string
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if r, w := s.RiskOf(a[i], b[i]); r > risk {
			risk, why = r, w
		}
	}
	return cmp.Or(risk, s.Risk), why
}
