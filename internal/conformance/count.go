package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// Counts is by how much counters have risen, by the kernel's name. Counters that
// did not move are not in it.
type Counts map[string]int

// String lists the counters in the order of their names: "ListenDrops+2".
func (c Counts) String() string {
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := make([]string, 0, len(names))
	for _, name := range names {
		short := name[strings.IndexByte(name, '.')+1:]
		parts = append(parts, fmt.Sprintf("%s%+d", short, c[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

// Add notes that the model counts these, so many times.
func (c Counts) Add(times int, counters ...model.Counter) {
	for _, counter := range counters {
		name, by := gauge(counter)
		c[name] += by * times
		if c[name] == 0 {
			delete(c, name)
		}
	}
}

// Take notes what a step of the model counts.
func (c Counts) Take(actions []model.Action) {
	for _, a := range actions {
		if a.Kind == model.ActCount {
			c.Add(1, a.Counter)
		}
	}
}

// gauge takes the sign off a counter's name: CurrEstab moves both ways.
func gauge(c model.Counter) (name string, by int) {
	if name, ok := strings.CutSuffix(string(c), "+1"); ok {
		return name, 1
	}
	if name, ok := strings.CutSuffix(string(c), "-1"); ok {
		return name, -1
	}
	return string(c), 1
}

// tableCounters lists every counter that the model's transition table and its
// rules for queues name.
func tableCounters() []model.Counter {
	var all []model.Counter
	for _, t := range model.Transitions() {
		all = append(all, t.Count...)
	}
	for _, r := range model.SynRules() {
		all = append(all, r.Counters...)
	}
	for siblings := range 2 {
		_, _, counters := model.GroupMemberCloses(1, siblings, true)
		all = append(all, counters...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// moved is what the kernel counted between two readings, among the counters that
// the model names and the kernel has. Those left out are skipped.
func (c *Case) moved(before, after lab.Counters, leftOut ...model.Counter) Counts {
	moved := make(Counts)
	for _, counter := range tableCounters() {
		name, _ := gauge(counter)
		if slices.Contains(leftOut, counter) || !c.Dialect.HasCounter(counter) {
			continue
		}
		if by := int(after[name] - before[name]); by != 0 {
			moved[name] = by
		}
	}
	return moved
}

// countable takes out of the model's counts what this kernel has no counter for.
func (c *Case) countable(counts Counts) Counts {
	for name := range counts {
		if !c.Dialect.HasCounter(model.Counter(name)) {
			delete(counts, name)
		}
	}
	return counts
}
