package profiles

import (
	"fmt"
	"maps"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Inputs is what is known about the load and the history of one host. The zero
// value knows nothing.
type Inputs struct {
	// CPUs is the number of processors.
	CPUs int
	// Values are those of the profile's inputs, by name. Those that are missing get
	// the input's default, if it has one.
	Values map[string]Value
	// Counters are the kernel's counters since the namespace began, such as
	// "TcpExt.ListenOverflows". One that is missing could not be read.
	Counters map[string]uint64
	// Standing are the parameters that the profile has already set on this host. A
	// counter need not have grown for these: it stops growing because they are set.
	Standing map[sysctl.Key]bool
	// Assume takes every counter for grown. It is for documents about hosts whose
	// counters are not at hand.
	Assume bool
}

// SkipReason says why an entry does not count on a host.
type SkipReason uint8

// The reasons.
const (
	SkippedAbsent    SkipReason = iota + 1 // the host does not have the parameter
	SkippedHigher                          // the kernel's own default already gives more
	SkippedHost                            // belongs to the host, and this is another namespace
	SkippedCondition                       // a condition does not hold
	SkippedEvidence                        // nothing shows that it is needed
	SkippedInput                           // an input is not known
	SkippedFormula                         // its formula has no value here
	SkippedRefused                         // it cannot be planned: out of range, unavailable, in the way of another
	SkippedForeign                         // somebody else has changed it since
	SkippedShared                          // another profile wants it as well
	SkippedFound                           // the profile found it as it wanted it
)

// String returns the name that reports use.
func (s SkipReason) String() string {
	return [...]string{"", "absent", "default-higher", "host-only", "condition", "no-evidence", "input-missing", "formula",
		"refused", "foreign", "shared", "found"}[s]
}

// Skipped is an entry that does not count on a host.
type Skipped struct {
	Slot
	// Wanted says what the entry asks for.
	Wanted string
	Reason SkipReason
	// Text says why, in one line.
	Text string
}

// Resolve returns what a profile wants of one namespace, and what it leaves out
// there with the reason. It is a pure function of its arguments. Every want that
// it returns can be planned against the state, and none lowers a parameter below
// the kernel's own default unless the profile says that it does.
func Resolve(p Profile, in Inputs, st sysctl.State) ([]sysctl.Want, []Skipped) {
	r := &resolver{in: in, state: st, after: map[sysctl.Key]string{}}
	r.scope = scope{
		inputs: p.Inputs, values: p.values(in), cpus: in.CPUs, env: st.Env,
		current: r.valueOf(r.now), standard: r.valueOf(r.own), after: r.valueOf(r.then),
	}
	for _, e := range p.Entries {
		r.add(p, e)
	}
	return r.together()
}

// values returns the inputs' values with defaults filled in.
func (p Profile) values(in Inputs) map[string]Value {
	out := maps.Clone(in.Values)
	if out == nil {
		out = map[string]Value{}
	}
	for _, i := range p.Inputs {
		if _, ok := out[i.Name]; !ok && i.Default != nil {
			out[i.Name] = *i.Default
		}
	}
	return out
}

// resolver is a resolution under way.
type resolver struct {
	in    Inputs
	state sysctl.State
	scope scope

	after   map[sysctl.Key]string // values once the wants so far are met
	wants   []sysctl.Want
	skipped []Skipped
}

// add resolves one entry.
func (r *resolver) add(p Profile, e Entry) {
	skip := func(reason SkipReason, text string) {
		r.skipped = append(r.skipped, Skipped{Slot: e.Slot, Wanted: e.Wanted(), Reason: reason, Text: text})
	}
	w := sysctl.Want{Key: e.Key, Field: e.Field, Op: e.Op, Value: e.Value, Lower: e.Lowers, Reason: "profile " + p.Name + ": " + e.Reason}
	alone := r.state
	alone.Raw = map[sysctl.Key]string{}
	if raw, ok := r.state.Raw[e.Key]; ok {
		alone.Raw[e.Key] = raw
	} else {
		// What is not there needs no further reason.
		w.Value = ""
		refused := sysctl.NewPlan([]sysctl.Want{w}, alone).Refused
		skip(reasonOf(refused[0].Reason), bare(refused[0].Text, e.Key))
		return
	}
	for _, c := range e.When {
		if reason, text := c.fails(r, e); reason != 0 {
			skip(reason, text)
			return
		}
	}
	if e.Formula != nil {
		if name := e.Formula.missing(r.scope); name != "" {
			skip(r.lacks(name))
			return
		}
		value, err := e.Formula.value(r.scope, e.Op)
		if err != nil {
			skip(SkippedFormula, err.Error())
			return
		}
		w.Value = value
	}
	// Alone, the parameter's relations with others are not judged: they may hold only
	// once all entries are met.
	plan := sysctl.NewPlan([]sysctl.Want{w}, alone)
	if len(plan.Refused) > 0 {
		skip(reasonOf(plan.Refused[0].Reason), bare(plan.Refused[0].Text, e.Key))
		return
	}
	for _, c := range plan.Changes {
		r.after[c.Key] = c.After
	}
	r.wants = append(r.wants, w)
}

// together takes out the wants that the rest stands in the way of.
func (r *resolver) together() ([]sysctl.Want, []Skipped) {
	refused := map[Slot]sysctl.Refusal{}
	for _, f := range sysctl.NewPlan(r.wants, r.state).Refused {
		refused[Slot{f.Want.Key, f.Want.Field}] = f
		refused[Slot{Key: f.Want.Key}] = f
	}
	var wants []sysctl.Want
	for _, w := range r.wants {
		f, bad := refused[Slot{w.Key, w.Field}]
		if !bad {
			wants = append(wants, w)
			continue
		}
		r.skipped = append(r.skipped, Skipped{
			Slot: Slot{w.Key, w.Field}, Wanted: w.Op.String() + " " + w.Value, Reason: reasonOf(f.Reason), Text: bare(f.Text, w.Key),
		})
	}
	return wants, r.skipped
}

// reasonOf translates why a plan refuses.
func reasonOf(r sysctl.Reason) SkipReason {
	switch r {
	case sysctl.RefusedAbsent, sysctl.RefusedUnreadable:
		return SkippedAbsent
	case sysctl.RefusedHigher:
		return SkippedHigher
	case sysctl.RefusedHost:
		return SkippedHost
	default:
		return SkippedRefused
	}
}

// bare takes the name of the parameter off a message that begins with it.
func bare(text string, k sysctl.Key) string {
	rest, ok := strings.CutPrefix(text, string(k))
	if !ok {
		return text
	}
	if before, after, ok := strings.Cut(rest, ": "); ok && !strings.Contains(before, " ") {
		return after
	}
	return text
}

// lacks says that an input is not known, and how to give it; nothing when it is
// known.
func (r *resolver) lacks(name string) (SkipReason, string) {
	for _, in := range r.scope.inputs {
		if in.Name != name && in.Symbol != name {
			continue
		}
		if _, ok := r.scope.values[in.Name]; ok {
			return 0, ""
		}
		return SkippedInput, fmt.Sprintf("%s is not known: %s (--input %s=%s)", in.Name, in.Doc, in.Name, in.Example())
	}
	if r.scope.knows(name) {
		return 0, ""
	}
	return SkippedInput, name + " is not known"
}

// now returns a parameter's present value.
func (r *resolver) now(k sysctl.Key) (string, bool) {
	raw, ok := r.state.Raw[k]
	return raw, ok
}

// own returns the value that the kernel would choose itself.
func (r *resolver) own(k sysctl.Key) (string, bool) {
	s, _ := sysctl.Lookup(k)
	def, ok := s.Default.At(r.state.Env)
	return def.Value, ok
}

// then returns a parameter's value once the wants so far are met.
func (r *resolver) then(k sysctl.Key) (string, bool) {
	if v, ok := r.after[k]; ok {
		return v, true
	}
	return r.now(k)
}

// valueOf makes a function for formulas of one that finds a value.
func (r *resolver) valueOf(find func(sysctl.Key) (string, bool)) func(string, ...string) (any, error) {
	return func(name string, field ...string) (any, error) {
		k := sysctl.Key(name)
		s, ok := sysctl.Lookup(k)
		if !ok {
			return nil, unknownKey(k)
		}
		text, ok := find(k)
		if !ok {
			return nil, nil // equal to nothing; arithmetic with it is an error
		}
		if !s.Type.IsNumber() && s.Type != sysctl.TypeVector {
			return strings.TrimSpace(text), nil
		}
		element := ""
		if len(field) > 0 {
			element = field[0]
		}
		n, err := s.Number(text, element)
		return float64(n), err
	}
}

// unknownKey is the error for a parameter that the catalogue does not have.
func unknownKey(k sysctl.Key) error {
	if near, ok := sysctl.Nearest(string(k)); ok {
		return fmt.Errorf("%s is not in the catalogue; %s may be meant", k, near)
	}
	return fmt.Errorf("%s is not in the catalogue", k)
}
