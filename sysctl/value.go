package sysctl

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// ErrBadValue is the error for text that is no value of a parameter's type.
var ErrBadValue = errors.New("not a value of this parameter")

// ErrRange is the error for a number outside the range that this program writes.
var ErrRange = errors.New("out of range")

// Normalise returns the one form of a value that can be compared: numbers in
// decimal, vector elements separated by one space, port sets as sorted ranges
// without overlap, words sorted, text with single spaces. It is an error wrapping [ErrBadValue]
// when the text is not of the parameter's type; numbers out of range pass, since
// the kernel may hold them.
func (s Spec) Normalise(raw string) (string, error) {
	switch s.Type {
	case TypeString:
		return strings.Join(strings.Fields(raw), " "), nil
	case TypeWords:
		words := strings.Fields(raw)
		slices.Sort(words)
		return strings.Join(slices.Compact(words), " "), nil
	case TypePorts:
		set, err := parsePorts(raw)
		if err != nil {
			return "", fmt.Errorf("sysctl: %s: %w", s.Key, err)
		}
		return set.String(), nil
	default:
	}
	n, err := s.Numbers(raw)
	if err != nil {
		return "", err
	}
	return formatNumbers(n), nil
}

// Numbers returns the integers of a value: one, or a vector's elements. It is an
// error for strings and port sets.
func (s Spec) Numbers(raw string) ([]int64, error) {
	want := 1
	switch {
	case s.Type == TypeVector:
		want = len(s.Fields)
	case !s.Type.IsNumber():
		return nil, fmt.Errorf("sysctl: %s: %w: a %s has no numbers", s.Key, ErrBadValue, s.Type)
	}
	words := strings.Fields(raw)
	if len(words) != want {
		return nil, fmt.Errorf("sysctl: %s: %w: %d numbers in %q, want %d", s.Key, ErrBadValue, len(words), raw, want)
	}
	out := make([]int64, want)
	for i, w := range words {
		n, err := parseInt(w)
		if err != nil {
			return nil, fmt.Errorf("sysctl: %s: %w: %w", s.Key, ErrBadValue, err)
		}
		out[i] = n
	}
	return out, nil
}

// Number returns one integer of a value: the element that field names, or the
// only one when field is empty.
func (s Spec) Number(raw, field string) (int64, error) {
	n, err := s.Numbers(raw)
	if err != nil {
		return 0, err
	}
	if field == "" && len(n) == 1 {
		return n[0], nil
	}
	i, ok := s.FieldIndex(field)
	if !ok || i >= len(n) {
		return 0, fmt.Errorf("sysctl: %s: no element %q", s.Key, field)
	}
	return n[i], nil
}

// Check says whether this program would write the value: of the right type,
// within the range, a vector's elements in order where that matters.
func (s Spec) Check(value string) error {
	switch s.Type {
	case TypeString, TypeWords:
		if strings.TrimSpace(value) == "" || strings.ContainsAny(value, "\n\x00") {
			return fmt.Errorf("sysctl: %s: %w: %q", s.Key, ErrBadValue, value)
		}
		return nil
	case TypePorts:
		_, err := s.Normalise(value)
		return err
	default:
	}
	n, err := s.Numbers(value)
	if err != nil {
		return err
	}
	for i, v := range n {
		if !s.Range.Holds(v) {
			return fmt.Errorf("sysctl: %s: %d is %w (%d to %d)", s.element(i), v, ErrRange, s.Range.Min, s.Range.Max)
		}
	}
	return s.checkOrder(n)
}

// checkOrder says whether a vector's elements keep their order.
func (s Spec) checkOrder(n []int64) error {
	for i := 1; i < len(n); i++ {
		low, high := i-1, i
		if s.Order == OrderLastLargest {
			high = len(n) - 1
		}
		if s.Order != OrderNone && n[low] > n[high] {
			return fmt.Errorf("sysctl: %s: %w: %s (%d) is less than %s (%d)",
				s.Key, ErrRange, s.Fields[high], n[high], s.Fields[low], n[low])
		}
	}
	return nil
}

// element names one element for messages.
func (s Spec) element(i int) string {
	if s.Type != TypeVector {
		return string(s.Key)
	}
	return fmt.Sprintf("%s[%d] (%s)", s.Key, i, s.Fields[i])
}

// parseInt reads an integer as the kernel does: decimal, octal after a leading
// zero, hexadecimal after 0x; no plus sign, no suffix.
func parseInt(w string) (int64, error) {
	digits := strings.TrimPrefix(w, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		return 0, fmt.Errorf("%q is no integer", w)
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base, digits = 8, digits[1:]
	}
	if digits == "" || digits[0] == '-' || digits[0] == '+' {
		return 0, fmt.Errorf("%q is no integer", w)
	}
	if w[0] == '-' {
		digits = "-" + digits
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no integer of 64 bits", w)
	}
	return n, nil
}

func formatNumbers(n []int64) string {
	words := make([]string, len(n))
	for i, v := range n {
		words[i] = strconv.FormatInt(v, 10)
	}
	return strings.Join(words, " ")
}

// portSet is a set of port numbers, one bit for each.
type portSet [65536 / 64]uint64

// parsePorts reads a list such as "80,8000-8080". Empty text is the empty set.
func parsePorts(raw string) (portSet, error) {
	var set portSet
	text := strings.TrimSpace(raw)
	if text == "" {
		return set, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		a, errLow := parseInt(low)
		b, errHigh := parseInt(high)
		if err := errors.Join(errLow, errHigh); err != nil || a < 0 || a > b || b > 65535 {
			return portSet{}, fmt.Errorf("%w: port or range %q", ErrBadValue, part)
		}
		for p := a; p <= b; p++ {
			set[p/64] |= 1 << (p % 64)
		}
	}
	return set, nil
}

// union returns the ports of both.
func (p portSet) union(o portSet) portSet {
	for i := range p {
		p[i] |= o[i]
	}
	return p
}

// has says whether one port is in the set.
func (p *portSet) has(port int) bool { return p[port/64]&(1<<(port%64)) != 0 }

// size returns the number of ports.
func (p *portSet) size() int {
	n := 0
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// String writes the set as the kernel does: ranges where ports adjoin.
func (p portSet) String() string {
	var out []string
	for port := 0; port < 65536; port++ {
		if !p.has(port) {
			continue
		}
		last := port
		for last < 65535 && p.has(last+1) {
			last++
		}
		if last == port {
			out = append(out, strconv.Itoa(port))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", port, last))
		}
		port = last
	}
	return strings.Join(out, ",")
}

// Shown returns a value for people and reports: a secret is not shown.
func Shown(k Key, value string) string {
	if s, ok := Lookup(k); ok && s.Secret && value != "" {
		return "(secret)"
	}
	return value
}

// equalValues compares two values in normalised form; text of the wrong type is
// compared as it is.
func (s Spec) equalValues(a, b string) bool {
	na, errA := s.Normalise(a)
	nb, errB := s.Normalise(b)
	if errA != nil || errB != nil {
		return slices.Equal(strings.Fields(a), strings.Fields(b))
	}
	return na == nb
}
