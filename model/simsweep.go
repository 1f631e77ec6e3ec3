package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SweepPoint is one value of a swept parameter and what came of it.
type SweepPoint struct {
	Value  int
	Result SimResult
}

// SweepNames returns the parameters that [Sweep] can vary.
func SweepNames() []string {
	names := make([]string, len(sweepParameters))
	for i, p := range sweepParameters {
		names[i] = p.name
	}
	return names
}

var sweepParameters = []struct {
	name string
	set  func(*SimConfig, int)
}{
	{"backlog", func(c *SimConfig, v int) { c.Backlog = v }},
	{"somaxconn", func(c *SimConfig, v int) { c.Somaxconn = v }},
	{"tcp_max_syn_backlog", func(c *SimConfig, v int) { c.MaxSynBacklog = v }},
	{"tcp_syncookies", func(c *SimConfig, v int) { c.Syncookies = v }},
	{"tcp_synack_retries", func(c *SimConfig, v int) { c.SynackRetries = v }},
	{"service", func(c *SimConfig, v int) { c.Service.PerSecond = float64(v) }},
	{"flood", func(c *SimConfig, v int) { c.FloodPerSecond = float64(v) }},
}

// ParseSweep reads "somaxconn=128..8192", which doubles, "backlog=1,5,128", or
// "service=100..400/50", which goes in steps.
func ParseSweep(spec string) (name string, values []int, err error) {
	name, list, ok := strings.Cut(spec, "=")
	if !ok {
		return "", nil, fmt.Errorf("model: sweep %q: want name=from..to or name=value,value", spec)
	}
	known := false
	for _, p := range sweepParameters {
		known = known || p.name == name
	}
	if !known {
		return "", nil, fmt.Errorf("model: sweep %q: unknown parameter (there are: %s)", spec, strings.Join(SweepNames(), ", "))
	}
	if values, err = sweepValues(list); err != nil {
		return "", nil, fmt.Errorf("model: sweep %q: %w", spec, err)
	}
	return name, values, nil
}

// sweepMost is the largest number of points of a sweep.
const sweepMost = 64

func sweepValues(list string) ([]int, error) {
	from, to, isRange := strings.Cut(list, "..")
	if !isRange {
		var values []int
		for item := range strings.SplitSeq(list, ",") {
			v, err := sweepNumber(item)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return values, nil
	}
	to, stepText, stepped := strings.Cut(to, "/")
	low, err := sweepNumber(from)
	if err != nil {
		return nil, err
	}
	high, err := sweepNumber(to)
	if err != nil {
		return nil, err
	}
	step := 0
	if stepped {
		if step, err = sweepNumber(stepText); err != nil || step == 0 {
			return nil, fmt.Errorf("%q is not a step", stepText)
		}
	}
	if low > high {
		return nil, fmt.Errorf("%d is above %d", low, high)
	}
	var values []int
	for v := low; v <= high; {
		if values = append(values, v); len(values) > sweepMost {
			return nil, fmt.Errorf("more than %d points", sweepMost)
		}
		if stepped {
			v += step
		} else {
			v = max(1, 2*v)
		}
	}
	return values, nil
}

func sweepNumber(s string) (int, error) {
	v, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || v < 0 {
		return 0, fmt.Errorf("%q is not a whole number of 0 or more", s)
	}
	return v, nil
}

// Sweep runs the same load under each value of one parameter.
func Sweep(c SimConfig, name string, values []int) ([]SweepPoint, error) {
	for _, p := range sweepParameters {
		if p.name != name {
			continue
		}
		points := make([]SweepPoint, 0, len(values))
		for _, v := range values {
			p.set(&c, v)
			r, err := Simulate(c)
			if err != nil {
				return nil, err
			}
			points = append(points, SweepPoint{Value: v, Result: r})
		}
		return points, nil
	}
	return nil, fmt.Errorf("model: sweep: unknown parameter %q (there are: %s)", name, strings.Join(SweepNames(), ", "))
}

// Knee returns the index of the first point behind which nothing is gained:
// no later one refuses noticeably less (a twentieth of what the worst does).
// It is -1 without points.
func Knee(points []SweepPoint) int {
	if len(points) == 0 {
		return -1
	}
	best, worst := points[0].Result.Counters.ListenDrops, points[0].Result.Counters.ListenDrops
	for _, p := range points {
		best, worst = min(best, p.Result.Counters.ListenDrops), max(worst, p.Result.Counters.ListenDrops)
	}
	return slices.IndexFunc(points, func(p SweepPoint) bool {
		return p.Result.Counters.ListenDrops-best <= (worst-best)/20
	})
}
