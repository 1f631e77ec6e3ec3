package sysctl

import (
	"slices"
	"strings"
	"sync"
)

// Type is the form of a parameter's value.
type Type uint8

// The forms. A zero Type is invalid.
const (
	TypeInt    Type = iota + 1 // one integer
	TypeBool                   // an integer used as a switch; the kernel may store others than 0 and 1
	TypeVector                 // several integers, written together
	TypeString                 // text, compared as it is but for white space at its ends
	TypePorts                  // a set of ports: "1,2,10-20"
	TypeBitmap                 // one integer whose bits have meanings of their own
	TypeWords                  // a set of words, whose order does not matter
)

// String names the form as the documentation does.
func (t Type) String() string {
	return [...]string{"", "int", "bool", "vector", "string", "ports", "bitmap", "words"}[t]
}

// Unit is what a number counts. It is empty for plain numbers.
type Unit string

// The units.
const (
	None         Unit = ""
	Bytes        Unit = "bytes"
	Pages        Unit = "pages"
	Seconds      Unit = "s"
	Milliseconds Unit = "ms"
	Microseconds Unit = "µs"
	Nanoseconds  Unit = "ns"
	Percent      Unit = "%"
	Connections  Unit = "connections"
	Packets      Unit = "packets"
	Ports        Unit = "ports"
	Entries      Unit = "entries"
	Tries        Unit = "tries"
	Kibibytes    Unit = "KiB"
)

// Scope says whose parameter it is.
type Scope uint8

// The scopes.
const (
	ScopeNetns            Scope = iota + 1 // each network namespace has its own
	ScopeHost                              // one for the host; absent in other namespaces
	ScopeHostReadOnlyElse                  // one for the host; other namespaces can read it
)

// String names the scope.
func (s Scope) String() string {
	return [...]string{"", "netns", "host", "host (read-only in other namespaces)"}[s]
}

// Takes says when a new value takes effect.
type Takes uint8

// When a value takes effect.
const (
	TakesLive       Takes = iota + 1 // at once, on existing sockets too
	TakesNew                         // on connections or sockets created afterwards
	TakesListen                      // when the application calls listen() again
	TakesArm                         // when an existing socket next arms its timer
	TakesDevice                      // on network devices created afterwards
	TakesConnect                     // at the next connect()
	TakesClose                       // when a connection is next closed
	TakesSetsockopt                  // when an application next sets the socket option
	TakesRlimit                      // when a resource limit is next set
	TakesNetns                       // in network namespaces created afterwards
)

// String says it in a few words.
func (t Takes) String() string {
	return [...]string{"", "at once", "new connections", "at the next listen()", "when a timer is next armed",
		"new network devices", "at the next connect()", "when a connection is next closed",
		"at the next setsockopt()", "at the next setrlimit()", "new network namespaces"}[t]
}

// Risk says how much a change can hurt.
type Risk uint8

// The risks, from none to most.
const (
	RiskSafe      Risk = iota + 1 // no known harm within the range
	RiskCaution                   // a price that somebody may notice
	RiskDangerous                 // breaks connections, security or the host when wrong
	RiskObsolete                  // gone, or without effect
)

// String names the risk.
func (r Risk) String() string {
	return [...]string{"", "safe", "caution", "dangerous", "obsolete"}[r]
}

// Range is the closed interval of numbers that this program will write. The
// kernel often accepts more.
type Range struct {
	Min, Max int64
}

// Holds says whether n lies in the range.
func (r Range) Holds(n int64) bool { return n >= r.Min && n <= r.Max }

// Order is what the elements of a vector have to keep among themselves. The
// kernel seldom checks it.
type Order uint8

// The orders.
const (
	OrderNone        Order = iota
	OrderRising            // none is less than the one before it
	OrderLastLargest       // none is more than the last; the first is a page, so it may exceed the second
)

// Hazard is a stretch of values with a risk of their own.
type Hazard struct {
	Low, High int64
	Risk      Risk
	Why       string
}

// Spec is everything known about one parameter.
type Spec struct {
	// Key names the parameter; a catalogue key may be a pattern.
	Key Key
	// Title says in one line what it governs.
	Title string
	// Type is the form of its value.
	Type Type
	// Fields names the elements of a vector, in order.
	Fields []string
	// Order is what a vector's elements have to keep among themselves.
	Order Order
	// Unit is what its numbers count.
	Unit Unit
	// Default is the kernel's own choice.
	Default Rule
	// Range is what this program will write, element by element. It has no meaning
	// for strings and port sets.
	Range Range
	// Choice says that the numbers name alternatives: none is more than another.
	Choice bool
	// LowerIsMore names the elements, or "" for the only one, of which a lower
	// number gives more.
	LowerIsMore []string
	// TickMillis is how far the kernel may round a value up, because it keeps time in
	// timer ticks. It is in milliseconds, as the value is.
	TickMillis int64
	// KernelCheck says what the kernel does with a value it dislikes.
	KernelCheck string

	// Scope is whose parameter it is on current kernels; see [Spec.ScopeAt].
	Scope Scope
	// NetnsSince is when it became a namespace's own. Zero: as long as it exists.
	NetnsSince Bound
	// VisibleSince is when other namespaces could first read it, for
	// [ScopeHostReadOnlyElse].
	VisibleSince Bound
	// Inherits says that a new namespace copies the initial namespace's value
	// instead of starting from the built-in default.
	Inherits bool
	// Takes is when a new value takes effect, and TakesNote what is special.
	Takes     Takes
	TakesNote string

	// Risk is that of changing it at all; RiskLower and RiskRaise, where not zero,
	// replace it for one direction. Hazards name values with a risk of their own.
	Risk                 Risk
	RiskLower, RiskRaise Risk
	Hazards              []Hazard
	// Solves says which trouble it cures; SideEffects what it costs.
	Solves, SideEffects string
	// Doc is the page that documents it, Source what the statements rest on.
	Doc, Source string

	// ReadOnly says that the kernel lets nobody write it.
	ReadOnly bool
	// Secret says that its value must not be shown.
	Secret bool
	// Relevant says that the diagnosis of TCP needs it in every snapshot.
	Relevant bool
	// Module is the kernel module that brings it, where it may be missing.
	Module string
	// Added and Gone bound the kernels that have it. Zero: always, never.
	Added, Gone Bound
	// InertSince is from when on it exists but does nothing. Zero: never.
	InertSince Bound
	// Instead says what to do about a parameter that is gone or inert.
	Instead string
}

// Group is the parameters of one subject, in one file.
type Group struct {
	Name, Title string
	Specs       []Spec
}

// All returns the whole catalogue in the order of its groups.
func All() []Spec {
	var out []Spec
	for _, g := range Groups() {
		out = append(out, g.Specs...)
	}
	return out
}

// index finds a Spec by its catalogue key. It is computed once and never changes.
var index = sync.OnceValue(func() map[Key]Spec {
	specs := All()
	m := make(map[Key]Spec, len(specs))
	for _, s := range specs {
		m[s.Key] = s
	}
	return m
})

// Lookup returns what is known about a key. An interface's key is found by its
// pattern, and the Spec returned then carries the key asked for. An entry for the
// very key goes before its pattern.
func Lookup(k Key) (Spec, bool) {
	if s, ok := index()[k]; ok {
		return s, true
	}
	s, ok := index()[k.Pattern()]
	if !ok {
		return Spec{}, false
	}
	s.Key = k
	return s, true
}

// Relevant returns the keys that the diagnosis of TCP needs in a snapshot: those
// that each network namespace has of its own, and those of the host, which have
// to be read in the initial network namespace.
func Relevant() (netns, host []Key) {
	for _, s := range All() {
		switch {
		case !s.Relevant:
		case s.Scope == ScopeNetns:
			netns = append(netns, s.Key)
		default:
			host = append(host, s.Key)
		}
	}
	return netns, host
}

// Exists says whether a kernel of that release has the parameter, when the module
// that brings it is loaded.
func (s Spec) Exists(r Release) Truth {
	if s.Gone != (Bound{}) {
		switch s.Gone.At(r) {
		case Yes:
			return No
		case Unknown:
			return Unknown
		default:
		}
	}
	return s.Added.At(r)
}

// Inert says whether a kernel of that release ignores the parameter.
func (s Spec) Inert(r Release) Truth {
	if s.InertSince == (Bound{}) {
		return No
	}
	return s.InertSince.At(r)
}

// ScopeAt returns whose parameter it is on a release, and false where that is not
// known. With an unknown release it is the scope on current kernels.
func (s Spec) ScopeAt(r Release) (Scope, bool) {
	if r.IsZero() {
		return s.Scope, true
	}
	bound := s.NetnsSince
	if s.Scope == ScopeHostReadOnlyElse {
		bound = s.VisibleSince
	}
	switch bound.At(r) {
	case Yes:
		return s.Scope, true
	case No:
		return ScopeHost, true
	default:
		return 0, false
	}
}

// FieldIndex returns the position of a vector's element, named or numbered from
// zero, and whether there is one.
func (s Spec) FieldIndex(field string) (int, bool) {
	if i := slices.Index(s.Fields, field); i >= 0 {
		return i, true
	}
	if len(field) == 1 && field[0] >= '0' && int(field[0]-'0') < len(s.Fields) {
		return int(field[0] - '0'), true
	}
	return 0, false
}

// RiskOf returns the risk of changing one number from a value to another, and why
// where the value itself has a risk of its own.
func (s Spec) RiskOf(from, to int64) (Risk, string) {
	for _, h := range s.Hazards {
		if to >= h.Low && to <= h.High {
			return h.Risk, h.Why
		}
	}
	if to < from && s.RiskLower != 0 {
		return s.RiskLower, ""
	}
	if to > from && s.RiskRaise != 0 {
		return s.RiskRaise, ""
	}
	return s.Risk, ""
}

// less says whether one number of an element gives less than another.
func (s Spec) less(field string, a, b int64) bool {
	switch {
	case s.Choice:
		return false
	case slices.Contains(s.LowerIsMore, field):
		return a > b
	}
	return a < b
}

// IsNumber says whether the value is one integer.
func (t Type) IsNumber() bool { return t == TypeInt || t == TypeBool || t == TypeBitmap }

// About returns everything searchable about the parameter in one line, for lists.
func (s Spec) About() string {
	unit := ""
	if s.Unit != None {
		unit = ", " + string(s.Unit)
	}
	form := s.Type.String()
	if s.Type == TypeVector {
		form = "vector of " + strings.Join(s.Fields, ", ")
	}
	return s.Title + " (" + form + unit + ")"
}
