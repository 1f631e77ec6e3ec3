package profiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// ParseOverride reads a value that the operator gives in place of what profiles
// want, such as "net.core.somaxconn=8192" or, for one element of a vector,
// "net.ipv4.tcp_rmem[max]=16777216". It may give less than the kernel's own
// default. Secrets are refused: a command line shows them to everybody.
func ParseOverride(text string) (Entry, error) {
	fail := func(why string) (Entry, error) { return Entry{}, fmt.Errorf("profiles: override %s: %s", text, why) }
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fail("want KEY=VALUE, such as net.core.somaxconn=8192")
	}
	name, field, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(name), "]"), "[")
	k, err := sysctl.ParseKey(name)
	if err != nil {
		return fail(strings.TrimPrefix(err.Error(), "sysctl: "))
	}
	spec, known := sysctl.Lookup(k)
	switch {
	case !known:
		return fail(unknownKey(k).Error())
	case k.IsPattern():
		return fail("it stands for many parameters; name one interface, or \"all\"")
	case spec.Secret:
		text = name // without the value
		return fail("it is a secret, and everybody can read a command line")
	}
	if i, ok := spec.FieldIndex(field); ok && field != "" {
		field = spec.Fields[i]
	}
	e := Entry{
		Slot: Slot{k, field}, Op: sysctl.Exactly, Value: strings.TrimSpace(value), Lowers: true,
		Reason: "set by the operator", Risk: "the operator's", Source: "the operator",
	}
	if why := e.mistake(); why != "" {
		return fail(why)
	}
	return e, nil
}

// Override returns the profiles with what the operator gives in place of their
// entries. What none of them has an entry for, the first one gets. A profile that
// restores takes none.
func Override(ps []Profile, overrides []Entry) ([]Profile, error) {
	ps = slices.Clone(ps)
	for i, o := range overrides {
		if slices.ContainsFunc(overrides[:i], o.covers) {
			return nil, fmt.Errorf("profiles: override %s: it is given twice", o.Slot)
		}
		wanted := false
		for j := range ps {
			if ps[j].Restores {
				return nil, fmt.Errorf("profiles: profile %s takes no overrides: it gives back what was there before", ps[j].Name)
			}
			wanted = ps[j].overridden(o) || wanted
		}
		switch {
		case wanted:
		case len(ps) == 0:
			return nil, errors.New("profiles: overrides need a profile")
		default:
			o.Profile = ps[0].Name
			ps[0].Entries = append(slices.Clone(ps[0].Entries), o)
			ps[0].Leaves = ps[0].leavesWithout([]Entry{o})
		}
	}
	return ps, nil
}

// covers says whether an override takes the place of an entry.
func (e Entry) covers(o Entry) bool { return e.Key == o.Key && (e.Field == "" || e.Field == o.Field) }

// overridden puts an override in the place of the entries that it covers, and says
// whether there are any.
func (p *Profile) overridden(o Entry) bool {
	o.Profile = p.Name
	var out []Entry
	done := false
	for _, e := range p.Entries {
		switch {
		case !o.covers(e):
			out = append(out, e)
		case !done:
			out, done = append(out, o), true
		}
	}
	p.Entries = out
	return done
}

// mistake says what is wrong with an entry whatever the host, and nothing where
// nothing is: it is planned for a host that has nothing but its parameter.
func (e Entry) mistake() string {
	s, _ := sysctl.Lookup(e.Key)
	sample, value := "x", e.Value
	switch s.Type {
	case sysctl.TypePorts:
		sample = ""
	case sysctl.TypeString, sysctl.TypeWords:
	default:
		numbers := make([]string, max(1, len(s.Fields)))
		at, _ := s.FieldIndex(e.Field)
		for i := range numbers {
			numbers[i] = fmt.Sprint(s.Range.Max)
			if e.Field != "" && i < at {
				numbers[i] = fmt.Sprint(s.Range.Min) // elements of most vectors rise
			}
		}
		sample = strings.Join(numbers, " ")
	}
	if e.Formula != nil {
		value = sample
		if e.Field != "" {
			value = fmt.Sprint(s.Range.Max)
		}
	}
	w := sysctl.Want{Key: e.Key, Field: e.Field, Op: e.Op, Value: value, Lower: true}
	plan := sysctl.NewPlan([]sysctl.Want{w}, sysctl.State{Initial: true, Raw: map[sysctl.Key]string{e.Key: sample}})
	for _, r := range plan.Refused {
		if r.Reason.Stops() && r.Reason != sysctl.RefusedDependency {
			return r.Text
		}
	}
	return ""
}
