package sysctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Op is the relation that a [Want] asks for between a parameter and a value.
type Op uint8

// The relations.
const (
	AtLeast  Op = iota + 1 // no less than the value
	AtMost                 // no more than the value
	Exactly                // the value
	Includes               // a set of ports with all of these in it
)

var opNames = [...]string{"", "at-least", "at-most", "exactly", "includes"}

// String returns the name that reports and profiles use.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// ParseOp reads the name of a relation.
func ParseOp(s string) (Op, error) {
	if i := slices.Index(opNames[1:], s); i >= 0 {
		return Op(i + 1), nil
	}
	return 0, fmt.Errorf("sysctl: constraint %q: want at-least, at-most, exactly or includes", s)
}

// ErrBadWant is the error for a want that cannot be meant.
var ErrBadWant = errors.New("cannot be wanted")

// Want is one thing asked of one parameter.
type Want struct {
	// Key names the parameter.
	Key Key
	// Field names one element of a vector, by its name or position; empty means the
	// whole value.
	Field string
	// Op is the relation asked for. Text can only be wanted exactly.
	Op Op
	// Value is the other side of the relation.
	Value string
	// Lower allows a value below the kernel's own default.
	Lower bool
	// Reason says who wants it and why, for people. Several reasons are lines.
	Reason string
}

// String returns a short form such as "net.core.somaxconn at-least 4096".
func (w Want) String() string {
	name := string(w.Key)
	if w.Field != "" {
		name += "[" + w.Field + "]"
	}
	return fmt.Sprintf("%s %s %s", name, w.Op, w.Value)
}

// split checks a want and returns it element by element with its value
// normalised. It needs only the catalogue, not the running kernel.
func (w Want) split() ([]Want, error) {
	s, ok := Lookup(w.Key)
	if !ok || w.Key.IsPattern() {
		return nil, fmt.Errorf("sysctl: %s: %w: not in the catalogue", w.Key, ErrBadWant)
	}
	if w.Op < AtLeast || w.Op > Includes {
		return nil, fmt.Errorf("sysctl: %s: %w: no relation", w.Key, ErrBadWant)
	}
	if w.Field != "" && s.Type != TypeVector {
		return nil, fmt.Errorf("sysctl: %s: %w: it has no elements", w.Key, ErrBadWant)
	}
	switch {
	case s.Type == TypePorts && w.Op == AtLeast:
		w.Op = Includes
	case s.Type == TypePorts && w.Op == AtMost, (s.Type == TypeString || s.Type == TypeWords) && w.Op != Exactly,
		s.Type != TypePorts && w.Op == Includes:
		return nil, fmt.Errorf("sysctl: %s: %w: %s of a %s", w.Key, ErrBadWant, w.Op, s.Type)
	}
	w.Reason = joinReasons(w.Reason)
	if s.Type == TypeVector {
		return w.splitVector(s)
	}
	value, err := s.Normalise(w.Value)
	if err != nil {
		return nil, err
	}
	w.Value = value
	return []Want{w}, nil
}

func (w Want) splitVector(s Spec) ([]Want, error) {
	words := strings.Fields(w.Value)
	fields := s.Fields
	if w.Field != "" {
		i, ok := s.FieldIndex(w.Field)
		if !ok {
			return nil, fmt.Errorf("sysctl: %s: %w: no element %q (there are: %s)", w.Key, ErrBadWant, w.Field, strings.Join(s.Fields, ", "))
		}
		fields = s.Fields[i : i+1]
	}
	if len(words) != len(fields) {
		return nil, fmt.Errorf("sysctl: %s: %w: %d numbers in %q, want %d", w.Key, ErrBadValue, len(words), w.Value, len(fields))
	}
	out := make([]Want, len(fields))
	for i, f := range fields {
		n, err := parseInt(words[i])
		if err != nil {
			return nil, fmt.Errorf("sysctl: %s: %w: %w", w.Key, ErrBadValue, err)
		}
		out[i] = w
		out[i].Field, out[i].Value = f, formatNumbers([]int64{n})
	}
	return out, nil
}

// joinReasons returns the different lines of several reasons, sorted.
func joinReasons(reasons ...string) string {
	var lines []string
	for _, r := range reasons {
		for line := range strings.SplitSeq(r, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}
