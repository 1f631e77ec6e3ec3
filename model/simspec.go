package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// maxRate is the highest rate a simulation takes, per second.
const maxRate = 1e7

// maxDuration is the longest simulation.
const maxDuration = 24 * time.Hour

// ArrivalKind is how clients come.
type ArrivalKind string

// The arrival processes.
const (
	ConstantArrivals ArrivalKind = "constant" // evenly spaced
	PoissonArrivals  ArrivalKind = "poisson"  // independent of each other
	BurstArrivals    ArrivalKind = "burst"    // many at once, again and again
)

// Arrivals is one process by which clients come.
type Arrivals struct {
	Kind      ArrivalKind
	PerSecond float64       // of constant and poisson
	Size      int           // of a burst
	Every     time.Duration // between bursts
}

// ParseArrivals reads processes that add up:
//
//	constant:400/s   poisson:400/s   burst:500/10s   poisson:300/s+burst:200/5s
//
// A bare rate is a Poisson process. The first burst comes after half of its
// interval.
func ParseArrivals(spec string) ([]Arrivals, error) {
	var out []Arrivals
	for part := range strings.SplitSeq(spec, "+") {
		kind, rest, named := strings.Cut(strings.TrimSpace(part), ":")
		if !named {
			kind, rest = string(PoissonArrivals), kind
		}
		a := Arrivals{Kind: ArrivalKind(kind)}
		var err error
		switch a.Kind {
		case ConstantArrivals, PoissonArrivals:
			a.PerSecond, err = ParseRate(rest)
		case BurstArrivals:
			a.Size, a.Every, err = parseBurst(rest)
		default:
			err = fmt.Errorf("unknown kind %q (there are: constant, poisson, burst)", kind)
		}
		if err != nil {
			return nil, fmt.Errorf("model: arrivals %q: %w", part, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// ParseRate reads a rate per second: "400/s", "24000/m", "400".
func ParseRate(spec string) (float64, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(spec), "/")
	per := 1.0
	switch unit {
	case "", "s", "sec", "second":
	case "m", "min", "minute":
		per = 60
	case "h", "hour":
		per = 3600
	default:
		return 0, fmt.Errorf("unknown unit %q of a rate (there are: /s, /m, /h)", unit)
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(v) {
		return 0, fmt.Errorf("%q is not a rate such as 400/s", spec)
	}
	v /= per
	if v <= 0 || v > maxRate {
		return 0, fmt.Errorf("a rate of %s: want more than 0 and at most %d/s", spec, int(maxRate))
	}
	return v, nil
}

func parseBurst(spec string) (size int, every time.Duration, err error) {
	n, interval, ok := strings.Cut(spec, "/")
	if !ok {
		return 0, 0, fmt.Errorf("a burst is written size/interval, such as burst:500/10s")
	}
	size, err = strconv.Atoi(n)
	if err != nil || size <= 0 || size > 1e6 {
		return 0, 0, fmt.Errorf("a burst of %q: want 1 to 1000000 clients", n)
	}
	every, err = parseTime(interval)
	return size, every, err
}

// parseTime reads a duration above zero.
func parseTime(spec string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(spec))
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 500ms or 10s", spec)
	}
	if d <= 0 {
		return 0, fmt.Errorf("a duration of %s: want more than 0", spec)
	}
	return d, nil
}

func (a Arrivals) validate() error {
	switch a.Kind {
	case ConstantArrivals, PoissonArrivals:
		if a.PerSecond > 0 && a.PerSecond <= maxRate {
			return nil
		}
	case BurstArrivals:
		if a.Size > 0 && a.Every > 0 {
			return nil
		}
	}
	return fmt.Errorf("arrivals %+v make no sense", a)
}

// size returns how many clients come at once.
func (a Arrivals) size() int {
	if a.Kind == BurstArrivals {
		return a.Size
	}
	return 1
}

// first returns when the first comes, gap how long until the next, both in
// nanoseconds.
func (a Arrivals) first(r *rand.Rand) int64 {
	if a.Kind == BurstArrivals {
		return int64(a.Every / 2)
	}
	return a.gap(r)
}

func (a Arrivals) gap(r *rand.Rand) int64 {
	switch a.Kind {
	case BurstArrivals:
		return int64(a.Every)
	case ConstantArrivals:
		return int64(1e9 / a.PerSecond)
	default:
		return exponential(r, a.PerSecond)
	}
}

// exponential returns the time to the next event of a Poisson process, in
// nanoseconds.
func exponential(r *rand.Rand, perSecond float64) int64 {
	return int64(r.ExpFloat64() / perSecond * 1e9)
}

// Service is how the application accepts.
type Service struct {
	PerSecond float64
	Poisson   bool // the time for each varies as that of a Poisson process
	Batch     int  // how many it takes at once; 0 means 1
	Never     bool // it accepts nothing
}

// ParseService reads how the application accepts: "350/s", "poisson:350/s",
// "350/s,batch=32", "never".
func ParseService(spec string) (Service, error) {
	var s Service
	first, options, _ := strings.Cut(strings.TrimSpace(spec), ",")
	if first == "never" {
		return Service{Never: true}, nil
	}
	rate := first
	if kind, rest, named := strings.Cut(first, ":"); named {
		if kind != string(PoissonArrivals) && kind != string(ConstantArrivals) {
			return s, fmt.Errorf("model: service %q: unknown kind %q (there are: constant, poisson)", spec, kind)
		}
		s.Poisson, rate = kind == string(PoissonArrivals), rest
	}
	var err error
	if s.PerSecond, err = ParseRate(rate); err != nil {
		return s, fmt.Errorf("model: service %q: %w", spec, err)
	}
	if options == "" {
		return s, nil
	}
	n, ok := strings.CutPrefix(options, "batch=")
	if s.Batch, err = strconv.Atoi(n); !ok || err != nil || s.Batch <= 0 {
		return s, fmt.Errorf("model: service %q: %q is not batch=N", spec, options)
	}
	return s, nil
}

func (s Service) validate() error {
	if s.Never || s.PerSecond > 0 && s.PerSecond <= maxRate && s.Batch >= 0 {
		return nil
	}
	return fmt.Errorf("a service of %v/s in batches of %d makes no sense", s.PerSecond, s.Batch)
}

func (s Service) batch() int { return max(1, s.Batch) }

// gap returns how long the application works on n connections, in nanoseconds.
func (s Service) gap(r *rand.Rand, n int) int64 {
	if s.Poisson {
		var sum int64
		for range n {
			sum += exponential(r, s.PerSecond)
		}
		return sum
	}
	return int64(float64(n) / s.PerSecond * 1e9)
}

// Stall is a time in which the application accepts nothing.
type Stall struct {
	At, Length time.Duration
	Every      time.Duration // 0 means once
}

// ParseStalls reads stalls: "2s@10s" is two seconds long and begins ten
// seconds after the start; "100ms/5s" comes every five seconds. Several are
// separated by commas.
func ParseStalls(spec string) ([]Stall, error) {
	var out []Stall
	for part := range strings.SplitSeq(spec, ",") {
		s, err := parseStall(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("model: stall %q: %w", part, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func parseStall(spec string) (s Stall, err error) {
	length, at, once := strings.Cut(spec, "@")
	if !once {
		var every string
		var again bool
		if length, every, again = strings.Cut(spec, "/"); !again {
			return s, fmt.Errorf("a stall is written length@start or length/interval, such as 2s@10s or 100ms/5s")
		}
		if s.Every, err = parseTime(every); err != nil {
			return s, err
		}
		s.At = s.Every
	} else if s.At, err = time.ParseDuration(at); err != nil || s.At < 0 {
		return s, fmt.Errorf("%q is not a start such as 10s", at)
	}
	if s.Length, err = parseTime(length); err != nil {
		return s, err
	}
	return s, s.validate()
}

func (s Stall) validate() error {
	if s.At < 0 || s.Length <= 0 || s.Every < 0 {
		return fmt.Errorf("a stall of %v at %v makes no sense", s.Length, s.At)
	}
	if s.Every > 0 && s.Length >= s.Every {
		return fmt.Errorf("a stall of %v every %v never ends", s.Length, s.Every)
	}
	return nil
}

// stallCursor finds the end of the stall that a moment falls into.
type stallCursor struct{ stalls []Stall }

func newStallCursor(stalls []Stall) stallCursor { return stallCursor{stalls} }

// after returns the first moment from at on that no stall covers.
// Stalls that cover all time between them end where the longest
// simulation does.
func (c stallCursor) after(at int64) int64 {
	for moved := true; moved && at < int64(maxDuration); {
		moved = false
		for _, s := range c.stalls {
			if end := s.endFor(at); end > at {
				at, moved = end, true
			}
		}
	}
	return at
}

// endFor returns when the stall that covers a moment ends, else 0.
func (s Stall) endFor(at int64) int64 {
	start, length := int64(s.At), int64(s.Length)
	if at < start {
		return 0
	}
	if s.Every > 0 {
		start += (at - start) / int64(s.Every) * int64(s.Every)
	}
	if at < start+length {
		return start + length
	}
	return 0
}
