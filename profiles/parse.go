package profiles

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// kebab is the form of names of profiles and inputs.
var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// symbol is the form of what formulas call an input.
var symbol = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// Parse reads one profile. What is wrong with it is reported line by line, all at
// once. Inherited profiles are not looked up: [Load] does that, and compiles the
// formulas, which may use inherited inputs.
func Parse(file string, text []byte) (Profile, error) {
	d := &decoder{file: file}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Profile{}, fmt.Errorf("profiles: %s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) != 1 {
		return Profile{}, fmt.Errorf("profiles: %s: it is empty", file)
	}
	p := d.profile(root.Content[0])
	return p, errors.Join(d.errs...)
}

// decoder turns nodes into values and collects what is wrong, with the line.
type decoder struct {
	file string
	errs []error
}

func (d *decoder) place(n *yaml.Node) Place { return Place{File: d.file, Line: n.Line} }

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("profiles: %s: %w", d.place(n), fmt.Errorf(format, args...)))
}

// meant returns the node that an alias stands for.
func meant(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// fields hands each field of a mapping to the function for its name.
func (d *decoder) fields(n *yaml.Node, what string, take map[string]func(*yaml.Node)) map[string]bool {
	given := map[string]bool{}
	n = meant(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s is no mapping", what)
		return given
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		fn, ok := take[name.Value]
		switch {
		case !ok:
			d.fail(name, "%s has no field %q (there are: %s)", what, name.Value, strings.Join(slices.Sorted(maps.Keys(take)), ", "))
		case given[name.Value]:
			d.fail(name, "%s has two fields %q", what, name.Value)
		default:
			given[name.Value] = true
			fn(value)
		}
	}
	return given
}

// need reports fields that are missing.
func (d *decoder) need(n *yaml.Node, what string, given map[string]bool, names ...string) {
	for _, name := range names {
		if !given[name] {
			d.fail(n, "%s has no %s", what, name)
		}
	}
}

// text returns a taker of one text.
func (d *decoder) text(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = meant(n)
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.fail(n, "want a text")
			return
		}
		*to = strings.TrimSpace(n.Value)
	}
}

// formula returns a taker of a formula, which is compiled later.
func (d *decoder) formula(to **Formula) func(*yaml.Node) {
	return func(n *yaml.Node) {
		f := Formula{place: d.place(n)}
		d.text(&f.text)(n)
		*to = &f
	}
}

// flag returns a taker of true or false.
func (d *decoder) flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Decode(to) != nil || n.Tag != "!!bool" {
			d.fail(n, "want true or false")
		}
	}
}

// list returns a taker of a list, or of a single element.
func (d *decoder) list(each func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = meant(n)
		if n.Kind != yaml.SequenceNode {
			each(n)
			return
		}
		for _, c := range n.Content {
			each(c)
		}
	}
}

func (d *decoder) profile(n *yaml.Node) Profile {
	p := Profile{Place: d.place(n)}
	given := d.fields(n, "a profile", map[string]func(*yaml.Node){
		"name": d.text(&p.Name), "title": d.text(&p.Title), "doc": d.text(&p.Doc), "restores": d.flag(&p.Restores),
		"inherits": d.list(func(n *yaml.Node) {
			var name string
			d.text(&name)(n)
			p.Inherits = append(p.Inherits, name)
		}),
		"inputs":  d.list(func(n *yaml.Node) { p.Inputs = append(p.Inputs, d.input(n)) }),
		"entries": d.list(func(n *yaml.Node) { p.Entries = append(p.Entries, d.entry(n)) }),
		"leave":   d.list(func(n *yaml.Node) { p.Leaves = append(p.Leaves, d.leave(n)) }),
		"drop":    d.list(func(n *yaml.Node) { p.Drops = append(p.Drops, d.slot(n)) }),
	})
	d.need(n, "a profile", given, "name", "title", "doc")
	if given["name"] && !kebab.MatchString(p.Name) {
		d.fail(n, "name %q: want small letters, digits and hyphens", p.Name)
	}
	seen := map[Slot]Place{}
	for i := range p.Entries {
		e := &p.Entries[i]
		e.Profile = p.Name
		if first, twice := seen[e.Slot]; twice && e.Key != "" {
			d.errs = append(d.errs, fmt.Errorf("profiles: %s: %s is wanted twice, first in line %d", e.Place, e.Slot, first.Line))
		}
		seen[e.Slot] = e.Place
	}
	if p.Restores && len(p.Entries) > 0 {
		d.fail(n, "a profile that restores has no entries of its own")
	}
	return p
}

func (d *decoder) input(n *yaml.Node) Input {
	var in Input
	var unit, from, def string
	given := d.fields(n, "an input", map[string]func(*yaml.Node){
		"name": d.text(&in.Name), "symbol": d.text(&in.Symbol), "unit": d.text(&unit), "from": d.text(&from),
		"default": d.text(&def), "doc": d.text(&in.Doc),
	})
	d.need(n, "an input", given, "name", "unit", "from", "doc")
	in.Unit, in.From = Unit(unit), From(from)
	if in.Symbol == "" {
		in.Symbol = strings.ReplaceAll(in.Name, "-", "_")
	}
	switch {
	case given["name"] && !kebab.MatchString(in.Name):
		d.fail(n, "input %q: want small letters, digits and hyphens", in.Name)
	case !symbol.MatchString(in.Symbol) || reserved(in.Symbol):
		d.fail(n, "input %s: symbol %q cannot be used", in.Name, in.Symbol)
	}
	if given["unit"] && !slices.Contains(units(), in.Unit) {
		d.fail(n, "input %s: unit %q (there are: %s)", in.Name, unit, strings.Trim(fmt.Sprint(units()), "[]"))
	} else if given["default"] {
		v, err := in.Parse(def)
		if err != nil {
			d.fail(n, "default: %s", strings.TrimPrefix(err.Error(), "profiles: "))
		}
		v.Origin = "default"
		in.Default = &v
	}
	if given["from"] && in.From != FromMeasured && in.From != FromFlag {
		d.fail(n, "input %s: from %q (there are: %s, %s)", in.Name, from, FromMeasured, FromFlag)
	}
	return in
}

// key reads the name of a parameter that the catalogue knows.
func (d *decoder) key(n *yaml.Node) sysctl.Key {
	var text string
	d.text(&text)(n)
	k, err := sysctl.ParseKey(text)
	if err != nil {
		d.fail(n, "%s", strings.TrimPrefix(err.Error(), "sysctl: "))
		return ""
	}
	if _, ok := sysctl.Lookup(k); !ok {
		d.fail(n, "%w", unknownKey(k))
		return ""
	}
	if k.IsPattern() {
		d.fail(n, "%s stands for many parameters; name one interface, or \"all\"", k)
		return ""
	}
	return k
}

// slot reads a parameter, or an element written as "key[element]".
func (d *decoder) slot(n *yaml.Node) Slot {
	name, field, _ := strings.Cut(strings.TrimSuffix(n.Value, "]"), "[")
	bare := *n
	bare.Value = name
	return Slot{Key: d.key(&bare), Field: field}
}

func (d *decoder) leave(n *yaml.Node) Leave {
	var l Leave
	given := d.fields(n, "what is left alone", map[string]func(*yaml.Node){
		"keys":  d.list(func(n *yaml.Node) { l.Keys = append(l.Keys, d.key(n)) }),
		"value": d.text(&l.Value), "reason": d.text(&l.Reason), "owner": d.text(&l.Owner),
	})
	d.need(n, "what is left alone", given, "keys", "reason")
	return l
}

func (d *decoder) entry(n *yaml.Node) Entry {
	e := Entry{Place: d.place(n)}
	var op string
	given := d.fields(n, "an entry", map[string]func(*yaml.Node){
		"key": func(n *yaml.Node) { e.Key, e.Place = d.key(n), d.place(n) }, "field": d.text(&e.Field), "op": d.text(&op),
		"value": d.text(&e.Value), "formula": d.formula(&e.Formula), "lowers": d.flag(&e.Lowers),
		"reason": d.text(&e.Reason), "risk": d.text(&e.Risk), "source": d.text(&e.Source),
		"when": d.list(func(n *yaml.Node) { e.When = append(e.When, d.condition(n)) }),
	})
	d.need(n, "an entry", given, "key", "op", "reason", "risk", "source")
	if given["value"] == given["formula"] {
		d.fail(n, "%s: want either a value or a formula", e.Key)
	}
	if given["op"] {
		var err error
		if e.Op, err = sysctl.ParseOp(op); err != nil {
			d.fail(n, "%s", strings.TrimPrefix(err.Error(), "sysctl: "))
		}
	}
	if e.Key != "" && e.Op != 0 {
		if why := e.mistake(); why != "" {
			d.fail(n, "%s", why)
		}
	}
	return e
}

func (d *decoder) condition(n *yaml.Node) Condition {
	var c Condition
	given := d.fields(n, "a condition", map[string]func(*yaml.Node){
		"kernel": func(n *yaml.Node) {
			bound, err := parseKernel(n.Value)
			if err != nil {
				d.fail(n, "%s", strings.TrimPrefix(err.Error(), "sysctl: "))
			}
			c.Kernel = bound
		},
		"exists":  func(n *yaml.Node) { c.Exists = d.key(n) },
		"counter": d.text(&c.Counter), "input": d.text(&c.Input), "holds": d.formula(&c.Holds), "otherwise": d.text(&c.Otherwise),
	})
	delete(given, "otherwise")
	if len(given) != 1 {
		d.fail(n, "a condition is one of counter, exists, holds, input, kernel")
	}
	if given["counter"] && !strings.Contains(c.Counter, ".") {
		d.fail(n, "counter %q: want a name such as TcpExt.ListenOverflows", c.Counter)
	}
	return c
}
