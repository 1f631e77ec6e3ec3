package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Config says when an incident opens, is told of, and ends. Begin with
// [Defaults].
type Config struct {
	// For is how long a condition must have held before anybody is told. The
	// default, 30 s, outlasts a restart, a full garbage collection and the burst
	// behind them, and three ticks agree.
	For time.Duration
	// ForCritical is the same for what is critical. The default, 15 s, takes
	// three ticks too, the first and the last 20 s apart.
	ForCritical time.Duration
	// ResolveAfter is how long the rule must have looked and found nothing. The
	// default, 2 min, keeps a fault that pauses for breath in one piece.
	ResolveAfter time.Duration
	// DeescalateAfter is how long a critical incident must have been less than
	// that to be called less. The default is 5 min.
	DeescalateAfter time.Duration
	// Repeat is how often an alert that still fires is sent again. The default is
	// 4 h; 0 means never.
	Repeat time.Duration
	// NamespaceGrace is how long a namespace must be gone for its incidents to
	// end. The default, 1 min, bridges a container's restart.
	NamespaceGrace time.Duration
	// StaleAfter is the longest pause between two judgements that counts as
	// time. After a longer one, of the agent too, incidents are held until they
	// are judged again, and what was pending is forgotten. The default is 15 min.
	StaleAfter time.Duration
	Flap       Flap
	// MinSeverity is the least severity that anybody is told of. The default is
	// warning.
	MinSeverity rules.Severity
	// MaxIncidents bounds the incidents at a time. The default is 1,000; one
	// more says how many findings are left out.
	MaxIncidents int
	// Rules overrides some of this by the ID of a rule.
	Rules map[string]Override
}

// Flap says how incidents that come and go are damped: the time to resolve
// doubles with each time one comes back.
type Flap struct {
	// Interval is how far back endings count. The default is 1 h.
	Interval time.Duration
	// Times is how often an incident may come back within Interval before the
	// time to resolve begins to double. The default is 2.
	Times int
	// Longest bounds the doubled time. The default is 30 min.
	Longest time.Duration
}

// Override replaces parts of a [Config] for one rule. A nil field changes
// nothing.
type Override struct {
	For          *time.Duration
	ForCritical  *time.Duration
	ResolveAfter *time.Duration
	Repeat       *time.Duration
	MinSeverity  *rules.Severity
}

// Defaults returns the configuration to begin with.
func Defaults() Config {
	return Config{
		For: 30 * time.Second, ForCritical: 15 * time.Second, ResolveAfter: 2 * time.Minute,
		DeescalateAfter: 5 * time.Minute, Repeat: 4 * time.Hour, NamespaceGrace: time.Minute,
		StaleAfter:  15 * time.Minute,
		Flap:        Flap{Interval: time.Hour, Times: 2, Longest: 30 * time.Minute},
		MinSeverity: rules.Warning, MaxIncidents: 1000,
	}
}

// Validate returns everything that is wrong with the configuration. known are the
// IDs that overrides may name.
func (c Config) Validate(known []string) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("incident: "+format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"for", c.For, 0},
		{"for-critical", c.ForCritical, 0},
		{"resolve-after", c.ResolveAfter, time.Second},
		{"deescalate-after", c.DeescalateAfter, 0},
		{"repeat", c.Repeat, 0},
		{"namespace-grace", c.NamespaceGrace, 0},
		{"stale-after", c.StaleAfter, time.Minute},
		{"flap.interval", c.Flap.Interval, 0},
		{"flap.longest", c.Flap.Longest, 0},
	} {
		if d.value < d.least || d.value > 366*24*time.Hour {
			bad("%s: %v: want %v to a year", d.name, d.value, d.least)
		}
	}
	if c.Repeat > 0 && c.Repeat < time.Minute {
		bad("repeat: %v: want 0 or at least a minute", c.Repeat)
	}
	if c.Flap.Times < 1 {
		bad("flap.times: %d: want at least 1", c.Flap.Times)
	}
	if c.MinSeverity.Rank() == 0 {
		bad("min-severity: %q: want info, warning or critical", c.MinSeverity)
	}
	if c.MaxIncidents < 1 || c.MaxIncidents > 100_000 {
		bad("max-incidents: %d: want 1 to 100,000", c.MaxIncidents)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Rules)) {
		if !slices.Contains(known, id) {
			bad("rules.%s: there is no such rule", id)
			continue
		}
		errs = append(errs, c.Rules[id].validate(id)...)
	}
	return errs
}

func (o Override) validate(id string) []error {
	var errs []error
	for name, d := range map[string]*time.Duration{
		"for": o.For, "for-critical": o.ForCritical, "resolve-after": o.ResolveAfter, "repeat": o.Repeat,
	} {
		if d != nil && (*d < 0 || *d > 366*24*time.Hour) {
			errs = append(errs, fmt.Errorf("incident: rules.%s.%s: %v: want 0 to a year", id, name, *d))
		}
	}
	if o.MinSeverity != nil && o.MinSeverity.Rank() == 0 {
		errs = append(errs, fmt.Errorf("incident: rules.%s.min-severity: %q: want info, warning or critical", id, *o.MinSeverity))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// of returns the configuration in force for one rule.
func (c Config) of(id string) Config {
	o, ok := c.Rules[id]
	if !ok {
		return c
	}
	set(&c.For, o.For)
	set(&c.ForCritical, o.ForCritical)
	set(&c.ResolveAfter, o.ResolveAfter)
	set(&c.Repeat, o.Repeat)
	set(&c.MinSeverity, o.MinSeverity)
	return c
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// holdFor returns how long a condition of a severity must have held.
func (c Config) holdFor(s rules.Severity) time.Duration {
	if s == rules.Critical {
		return c.ForCritical
	}
	return c.For
}

// quietFor returns how long silence must last for an incident that came back so
// often.
func (c Config) quietFor(reopened int) time.Duration {
	quiet := c.ResolveAfter
	for i := c.Flap.Times; i <= reopened && quiet < c.Flap.Longest; i++ {
		quiet = min(2*quiet, c.Flap.Longest)
	}
	return quiet
}
