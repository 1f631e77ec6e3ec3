package profiles

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unit is what an input counts.
type Unit string

// The units, and how a value is written in each.
const (
	Bytes         Unit = "bytes"  // 65536, 512MiB, 64GiB
	BitsPerSecond Unit = "bit/s"  // 1e9, 10Gbit/s
	Seconds       Unit = "s"      // 0.1, 100ms
	PerSecond     Unit = "1/s"    // a rate
	Count         Unit = "count"  // a plain number
	YesNo         Unit = "yes-no" // yes or no
	PortSet       Unit = "ports"  // 80,8000-8080
)

// From says where an input's value usually comes from.
type From string

// The origins.
const (
	FromMeasured From = "measured" // the caller measures it; a flag goes before it
	FromFlag     From = "flag"     // only the operator knows
)

// Input is something that a profile needs to know about the load.
type Input struct {
	// Name is how the operator gives it, Symbol what formulas call it.
	Name, Symbol string
	// Unit is what it counts; its formulas see bytes, bits per second, seconds.
	Unit Unit
	// From says where its value usually comes from.
	From From
	// Default is its value where nothing else is known, nil for none.
	Default *Value
	// Doc says what it is.
	Doc string
}

// Value is what is known of one input.
type Value struct {
	// Number is the value of every unit but ports; yes is 1.
	Number float64
	// Text is a set of ports.
	Text string
	// Origin says where it comes from, such as "measured over 5 s".
	Origin string
}

// units lists the units.
func units() []Unit { return []Unit{Bytes, BitsPerSecond, Seconds, PerSecond, Count, YesNo, PortSet} }

// Example returns a value as it could be written.
func (in Input) Example() string {
	switch in.Unit {
	case Bytes:
		return "512MiB"
	case BitsPerSecond:
		return "10Gbit/s"
	case Seconds:
		return "100ms"
	case YesNo:
		return "yes"
	case PortSet:
		return "30000-32767"
	default:
		return "2000"
	}
}

// Parse reads a value as people write it. Negative numbers are no value of any
// input.
func (in Input) Parse(text string) (Value, error) {
	text = strings.TrimSpace(text)
	bad := func() (Value, error) {
		return Value{}, fmt.Errorf("profiles: input %s: %q: want %s, such as %s", in.Name, text, in.Unit, in.Example())
	}
	switch in.Unit {
	case YesNo:
		if i := slices.Index([]string{"no", "yes", "false", "true"}, strings.ToLower(text)); i >= 0 {
			return Value{Number: float64(i % 2)}, nil
		}
		return bad()
	case PortSet:
		if _, err := parsePorts(text); err != nil {
			return bad()
		}
		return Value{Text: text}, nil
	case Seconds:
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			return Value{Number: d.Seconds()}, nil
		}
	default:
	}
	number, scale, ok := cutScale(text, in.Unit)
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return bad()
	}
	return Value{Number: n * scale}, nil
}

// cutScale splits "10Gbit/s" into its number and what it is multiplied with.
func cutScale(text string, unit Unit) (string, float64, bool) {
	end := strings.LastIndexAny(text, "0123456789.") + 1
	suffix := strings.TrimSpace(text[end:])
	decimal := map[string]float64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
	switch unit {
	case Bytes:
		binary := map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
		scale, ok := binary[strings.TrimSuffix(strings.TrimSuffix(suffix, "B"), "i")]
		return text[:end], scale, ok
	case BitsPerSecond:
		for _, tail := range []string{"bit/s", "bps", "b/s", "bit"} {
			suffix = strings.TrimSuffix(suffix, tail)
		}
	case Seconds:
		suffix = strings.TrimSuffix(suffix, "s")
	default:
		suffix = strings.TrimSuffix(suffix, "/s")
	}
	scale, ok := decimal[strings.TrimSpace(suffix)]
	return text[:end], scale, ok
}

// variable returns the value as formulas see it.
func (in Input) variable(v Value) any {
	switch in.Unit {
	case YesNo:
		return v.Number != 0
	case PortSet:
		return v.Text
	default:
		return v.Number
	}
}

// Format writes a value as people do.
func (in Input) Format(v Value) string {
	switch in.Unit {
	case YesNo:
		if v.Number != 0 {
			return "yes"
		}
		return "no"
	case PortSet:
		if v.Text == "" {
			return "none"
		}
		return v.Text
	case Seconds:
		return time.Duration(v.Number * float64(time.Second)).String()
	case BitsPerSecond:
		return scaled(v.Number, 1000, []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"})
	case Bytes:
		return scaled(v.Number, 1024, binarySuffixes())
	case PerSecond:
		return strconv.FormatFloat(v.Number, 'f', -1, 64) + "/s"
	default:
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	}
}

// binarySuffixes are those of bytes.
func binarySuffixes() []string { return []string{"B", "KiB", "MiB", "GiB", "TiB"} }

// scaled writes a number with the largest suffix that leaves at least one.
func scaled(n, step float64, suffixes []string) string {
	i := 0
	for n >= step && i < len(suffixes)-1 {
		n /= step
		i++
	}
	return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) + " " + suffixes[i]
}

// portRange is a stretch of ports.
type portRange struct{ low, high int }

// parsePorts reads a list such as "80,8000-8080"; empty text is no port.
func parsePorts(text string) ([]portRange, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var out []portRange
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		a, errLow := strconv.ParseUint(low, 10, 16)
		b, errHigh := strconv.ParseUint(high, 10, 16)
		if errLow != nil || errHigh != nil || a > b {
			return nil, fmt.Errorf("profiles: %q is no port and no range of ports", part)
		}
		out = append(out, portRange{int(a), int(b)})
	}
	return out, nil
}

// portsFrom returns the ports of a set that are at least low.
func portsFrom(text string, low int) (string, error) {
	ranges, err := parsePorts(text)
	if err != nil {
		return "", err
	}
	var out []string
	for _, r := range ranges {
		r.low = max(r.low, low)
		switch {
		case r.low > r.high:
		case r.low == r.high:
			out = append(out, strconv.Itoa(r.low))
		default:
			out = append(out, fmt.Sprintf("%d-%d", r.low, r.high))
		}
	}
	return strings.Join(out, ","), nil
}
