package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// usedInput is one input and where it comes from.
type usedInput struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// knowledge is what is known about the load of a namespace.
type knowledge struct {
	values   map[string]profiles.Value
	counters map[string]uint64
	used     []usedInput
	ns       *model.Namespace
}

// inputs returns what a profile gets of it.
func (k *knowledge) inputs(p profiles.Profile, standing map[sysctl.Key]bool) profiles.Inputs {
	values := map[string]profiles.Value{}
	for _, in := range p.Inputs {
		if v, ok := k.values[in.Name]; ok {
			values[in.Name] = v
		}
	}
	return profiles.Inputs{CPUs: hostCPUs(), Values: values, Counters: k.counters, Standing: standing}
}

// parseInputs reads the inputs that were given, which must be inputs of some of the
// profiles.
func (o *profileOptions) parseInputs(ps []profiles.Profile) (map[string]profiles.Value, error) {
	out := map[string]profiles.Value{}
	for _, text := range o.given {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--input %s: want NAME=VALUE, such as rtt=100ms", text)
		}
		var names []string
		found := false
		for _, p := range ps {
			for _, in := range p.Inputs {
				names = append(names, in.Name)
			}
			in, ok := p.Input(name)
			if !ok {
				continue
			}
			v, err := in.Parse(value)
			if err != nil {
				return nil, fmt.Errorf("--input %w", errors.New(strings.TrimPrefix(message(err), "input ")))
			}
			v.Origin = "given"
			out[in.Name], found = v, true
		}
		if !found {
			return nil, fmt.Errorf("--input %s: no such input of %s%s", text, namesOf(ps), suggestion(name, names))
		}
	}
	return out, nil
}

func namesOf(ps []profiles.Profile) string {
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	return "profile " + strings.Join(names, " ")
}

// know gathers what the profiles ask about: what was given, what can be measured,
// and the kernel's counters.
func (o *profileOptions) know(ctx context.Context, s *applySite, ps []profiles.Profile) (*knowledge, error) {
	k := &knowledge{}
	var err error
	if k.values, err = o.parseInputs(ps); err != nil {
		return nil, err
	}
	window, needed := time.Duration(0), false
	for _, p := range ps {
		needed = needed || len(p.Counters()) > 0
		for _, in := range p.Inputs {
			if _, given := k.values[in.Name]; given || in.From != profiles.FromMeasured {
				continue
			}
			needed = true
			if in.Unit == profiles.PerSecond {
				window = time.Duration(o.window)
			}
		}
	}
	if needed {
		if err := k.measure(ctx, o.io, s, window); err != nil {
			return nil, err
		}
	}
	for _, p := range ps {
		for _, in := range p.Inputs {
			v, ok := k.values[in.Name]
			if !ok && in.Default != nil {
				v, ok = *in.Default, true
			}
			if ok && !slices.ContainsFunc(k.used, func(u usedInput) bool { return u.Name == in.Name }) {
				k.used = append(k.used, usedInput{in.Name, in.Format(v), v.Origin})
			}
		}
	}
	return k, nil
}

// measure samples the namespace and fills in what was not given.
func (k *knowledge) measure(ctx context.Context, io streams, s *applySite, window time.Duration) error {
	bar := newProgress(io)
	w, err := sockdiag.Collect(ctx, sockdiag.Options{Window: window, Namespaces: []*netns.Handle{s.handle}, Progress: bar.update})
	bar.done()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: nothing was changed")
	case err != nil:
		return err
	}
	v := model.NewView(w)
	if len(v.Namespaces) != 1 {
		return errors.New("the namespace could not be measured")
	}
	k.ns = &v.Namespaces[0]
	k.counters = map[string]uint64{}
	for _, from := range []facts.Counters{k.ns.End.Counters, v.Window.SharedEnd.Counters} {
		maps.Copy(k.counters, from)
	}
	k.fill(w.Seconds)
	return nil
}

// fill takes what inputs ask about from a measurement.
func (k *knowledge) fill(seconds float64) {
	n := k.ns
	put := func(name string, v profiles.Value, origin string) {
		if _, given := k.values[name]; !given {
			v.Origin = origin
			k.values[name] = v
		}
	}
	now := "measured now"
	put("listeners", profiles.Value{Text: portsOf(n.End.Census.Listeners)}, now)
	put("connections", profiles.Value{Number: float64(n.End.Census.States()[facts.Established])}, now)
	for _, gauges := range []facts.Gauges{n.Shared.End.Gauges, n.End.Gauges} {
		if tracked, ok := gauges["conntrack.count"]; ok {
			put("tracked", profiles.Value{Number: float64(tracked)}, now+", which may not be the busiest time")
		}
	}
	if len(n.Listeners) > 0 {
		most := slices.MaxFunc(n.Listeners, func(a, b model.Listener) int { return cmp.Compare(a.HalfOpen.AtEnd, b.HalfOpen.AtEnd) })
		put("half-open", profiles.Value{Number: float64(most.HalfOpen.AtEnd)}, now)
		put("backlog", profiles.Value{Number: float64(most.Limit)}, now)
	}
	if seconds <= 0 {
		return
	}
	over := fmt.Sprintf("measured over %.0f s, which may not be the busiest", seconds)
	if accepts, ok := n.Rate("Tcp.PassiveOpens"); ok {
		put("accepts", profiles.Value{Number: accepts}, over)
	}
	put("closes", profiles.Value{Number: n.TimeWaitLoad().ClosesPerSecond}, over)
	var busiest *model.Destination
	for i := range n.Destinations {
		if d := &n.Destinations[i]; busiest == nil || d.InRange > busiest.InRange {
			busiest = d
		}
	}
	if busiest != nil {
		put("connects", profiles.Value{Number: n.PortLoad(busiest).ConnectsPerSecond}, over+"; to "+busiest.Dest.String())
	} else if opens, ok := n.Rate("Tcp.ActiveOpens"); ok {
		put("connects", profiles.Value{Number: opens}, over)
	}
}

// listeners returns who has to act before a new accept-queue limit counts: the
// listeners whose limit was that of the kernel.
func (k *knowledge) listeners(c sysctl.Change) string {
	if k == nil || k.ns == nil || c.Key != "net.core.somaxconn" {
		return ""
	}
	var out []string
	for i := range k.ns.Listeners {
		l := &k.ns.Listeners[i]
		if fmt.Sprint(l.Limit) != c.Before {
			continue
		}
		name := l.Local.String()
		if len(l.Owners) > 0 {
			name = fmt.Sprintf("%s[%d] %s", l.Owners[0].Comm, l.Owners[0].PID, name)
		}
		if !slices.Contains(out, name) {
			out = append(out, report.Clean(name))
		}
	}
	switch {
	case len(out) == 0:
		return ""
	case len(out) > 5:
		return fmt.Sprintf("%s and %d more", strings.Join(out[:5], ", "), len(out)-5)
	}
	return strings.Join(out, ", ")
}
