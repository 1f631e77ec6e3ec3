package profiles

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// UserDir is where users' own profiles are.
const UserDir = "/etc/tcpdoctor/profiles.d"

//go:embed *.yaml
var builtin embed.FS

// Set is the profiles that can be asked for, by name.
type Set struct {
	profiles []Profile
}

// Load reads the built-in profiles and those in a folder of the user, whose *.yaml
// files are taken in the order of their names; an empty name means no folder, and
// one that does not exist is empty. A user's profile replaces the built-in one of
// its name; it may inherit from that and change single entries. Profiles that are
// given besides, with [Parse], do the same to the user's.
func Load(dir string, given ...Profile) (Set, error) {
	vendor, err := read(builtin, ".", "built-in ")
	if err != nil {
		return Set{}, err
	}
	var own []Profile
	if dir != "" {
		if _, err := os.Stat(dir); err == nil {
			if own, err = read(os.DirFS(dir), ".", dir+string(filepath.Separator)); err != nil {
				return Set{}, err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return Set{}, fmt.Errorf("profiles: %w", err)
		}
	}
	for i, p := range given {
		if slices.ContainsFunc(given[:i], func(o Profile) bool { return o.Name == p.Name }) {
			return Set{}, fmt.Errorf("profiles: %s: profile %s is given twice", p.Place, p.Name)
		}
		own = slices.DeleteFunc(own, func(o Profile) bool { return o.Name == p.Name })
	}
	own = append(own, given...)
	l := &loader{vendor: vendor, own: own}
	var out Set
	var errs []error
	for _, p := range slices.Concat(vendor, own) {
		if l.replaced(p) {
			continue
		}
		flat, err := l.flatten(p, nil)
		if err == nil {
			err = flat.compile()
		}
		errs = append(errs, err)
		out.profiles = append(out.profiles, flat)
	}
	slices.SortFunc(out.profiles, func(a, b Profile) int { return cmp.Compare(a.Name, b.Name) })
	return out, errors.Join(errs...)
}

// read parses every profile in a folder.
func read(fsys fs.FS, dir, prefix string) ([]Profile, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("profiles: %s: %w", dir, err)
	}
	var out []Profile
	var errs []error
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("profiles: %w", err))
			continue
		}
		p, err := Parse(prefix+name, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		i := slices.IndexFunc(out, func(o Profile) bool { return o.Name == p.Name })
		if i >= 0 {
			errs = append(errs, fmt.Errorf("profiles: %s: profile %s is in %s already", p.Place, p.Name, out[i].Place.File))
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// All returns every profile, by name, with what it inherits.
func (s Set) All() []Profile { return slices.Clone(s.profiles) }

// Get returns one profile with what it inherits.
func (s Set) Get(name string) (Profile, error) {
	var names []string
	for _, p := range s.profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("profiles: no profile named %q (there are: %s)", name, strings.Join(names, ", "))
}

// loader puts profiles together.
type loader struct {
	vendor, own []Profile
}

// replaced says whether a user's profile has taken the place of a built-in one.
func (l *loader) replaced(p Profile) bool {
	i := slices.IndexFunc(l.own, func(o Profile) bool { return o.Name == p.Name })
	return i >= 0 && l.own[i].Place != p.Place
}

// find returns a profile for one that inherits from it: a profile that names
// itself means the built-in one.
func (l *loader) find(name string, heir Profile) (Profile, bool) {
	lists := [][]Profile{l.own, l.vendor}
	if name == heir.Name {
		lists = lists[1:]
	}
	for _, list := range lists {
		for _, p := range list {
			if p.Name == name && p.Place != heir.Place {
				return p, true
			}
		}
	}
	return Profile{}, false
}

// flatten returns a profile with everything that it inherits. path is what led to
// it.
func (l *loader) flatten(p Profile, path []Place) (Profile, error) {
	if slices.Contains(path, p.Place) {
		return p, fmt.Errorf("profiles: %s: profile %s inherits from itself", p.Place, p.Name)
	}
	path = append(path, p.Place)
	out := p
	for _, name := range slices.Backward(p.Inherits) {
		parent, ok := l.find(name, p)
		if !ok {
			return p, fmt.Errorf("profiles: %s: profile %s inherits from %q, which does not exist", p.Place, p.Name, name)
		}
		flat, err := l.flatten(parent, path)
		if err != nil {
			return p, err
		}
		out = out.over(flat)
	}
	return out, nil
}

// compile compiles the profile's formulas against its inputs.
func (p *Profile) compile() error {
	var errs []error
	for i, in := range p.Inputs {
		twin := func(o Input) bool { return o.Symbol == in.Symbol }
		if slices.IndexFunc(p.Inputs, twin) != i {
			errs = append(errs, fmt.Errorf("profiles: %s: two inputs have the symbol %s", p.Place, in.Symbol))
		}
	}
	p.Entries = slices.Clone(p.Entries)
	for i := range p.Entries {
		e := &p.Entries[i]
		var err error
		if e.Formula != nil {
			e.Formula, err = e.Formula.compile(p.Inputs)
			errs = append(errs, err)
		}
		e.When = slices.Clone(e.When)
		for j := range e.When {
			c := &e.When[j]
			if c.Holds != nil {
				c.Holds, err = c.Holds.compile(p.Inputs)
				errs = append(errs, err)
			}
			if _, ok := p.Input(c.Input); c.Input != "" && !ok {
				errs = append(errs, fmt.Errorf("profiles: %s: no input %q", e.Place, c.Input))
			}
		}
	}
	return errors.Join(errs...)
}
