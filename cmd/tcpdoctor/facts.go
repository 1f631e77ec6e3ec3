package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

func newFactsCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor facts", netns: "self", output: "text", dryRun: true}}
	values := true
	cmd := &cobra.Command{
		Use:   "facts",
		Short: "what inventories ask for: version, kernel, profiles, changes in force, parameter values",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runFacts(cmd.Context(), &o, values)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.netns, "netns", o.netns, "network `namespace`: self, or a name, a process ID, a path")
	f.BoolVar(&values, "values", values, "also the values of all parameters that the catalogue knows")
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
	return cmd
}

// factsDocument is what `facts -o json` writes. Nothing of it takes a measurement.
type factsDocument struct {
	Schema   string        `json:"schema"`
	Tool     toolName      `json:"tool"`
	Kernel   string        `json:"kernel"`
	RAMBytes uint64        `json:"ram_bytes"`
	CPUs     int           `json:"cpus"`
	Netns    rules.Netns   `json:"netns"`
	Initial  bool          `json:"initial_netns"`
	Persists bool          `json:"persists"` // whether files count for this namespace
	Profiles []profileLine `json:"profiles"`
	// Applied are the profiles that hold parameters of the namespace, with these.
	Applied map[string][]sysctl.Key `json:"applied"`
	// InForce are the changes of the namespace that hold, the oldest first, and
	// Pending those that wait for confirmation.
	InForce []factsChange   `json:"in_force"`
	Pending []pendingChange `json:"pending"`
	// Values are parameters as they are, in normal form.
	Values map[sysctl.Key]string `json:"values,omitempty"`
}

// factsChange is a change in force.
type factsChange struct {
	ID    string       `json:"id"`
	Title string       `json:"title"`
	Phase sysctl.Phase `json:"phase"`
	Keys  []sysctl.Key `json:"keys"`
}

func runFacts(ctx context.Context, o *profileOptions, values bool) error {
	set, err := o.load()
	if err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	id, env := s.handle.ID(), s.target.Env()
	d := factsDocument{
		Schema: "tcpdoctor.facts/v1", Tool: toolName{version()}, Kernel: env.Kernel.String(), RAMBytes: env.RAMBytes, CPUs: hostCPUs(),
		Netns:   rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: s.handle.Name()},
		Initial: s.target.Identity().Initial, Persists: s.keepsFiles,
		Profiles: []profileLine{}, InForce: []factsChange{}, Pending: []pendingChange{},
	}
	for _, p := range set.All() {
		d.Profiles = append(d.Profiles, profileLine{p.Name, p.Title, p.Place.File})
	}
	d.Applied = profiles.Holders(s.history(), s.lines())
	for _, e := range s.history() {
		if !inForce(e) {
			continue
		}
		c := factsChange{ID: e.ID, Title: e.Title, Phase: e.Phase, Keys: []sysctl.Key{}}
		for _, r := range e.Rows {
			if !r.SideEffect {
				c.Keys = append(c.Keys, r.Key)
			}
		}
		d.InForce = append(d.InForce, c)
	}
	d.Pending = append(d.Pending, pendingOf(s.waiting())...)
	if values {
		if d.Values, err = s.values(); err != nil {
			return err
		}
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, d)
	}
	return writeText(o.io.Out, d.text())
}

// values reads every parameter of the catalogue that the namespace has, but for
// secrets and those of single interfaces.
func (s *applySite) values() (map[sysctl.Key]string, error) {
	var keys []sysctl.Key
	for _, spec := range sysctl.All() {
		if !spec.Secret && !spec.Key.IsPattern() {
			keys = append(keys, spec.Key)
		}
	}
	st, err := s.target.State(asWants(keys))
	if err != nil {
		return nil, err
	}
	out := map[sysctl.Key]string{}
	for k, raw := range st.Raw {
		spec, _ := sysctl.Lookup(k)
		if spec.Secret {
			continue
		}
		v, err := spec.Normalise(raw)
		if err != nil {
			v = strings.Join(strings.Fields(raw), " ")
		}
		out[k] = v
	}
	return out, nil
}

// text writes the facts for people.
func (d factsDocument) text() string {
	var b strings.Builder
	line := func(name, text string) { fmt.Fprintf(&b, "%-9s %s\n", name, report.Clean(text)) }
	line("version", d.Tool.Version)
	line("kernel", d.Kernel)
	var names []string
	for _, p := range d.Profiles {
		names = append(names, p.Name)
	}
	line("profiles", strings.Join(names, " "))
	for _, name := range slices.Sorted(maps.Keys(d.Applied)) {
		line("holds", fmt.Sprintf("%s: %s", name, count(len(d.Applied[name]), "parameter")))
	}
	for _, c := range d.InForce {
		line(string(c.Phase), fmt.Sprintf("%s  %s, %s", c.ID, c.Title, count(len(c.Keys), "parameter")))
	}
	for _, k := range slices.Sorted(maps.Keys(d.Values)) {
		line("value", fmt.Sprintf("%s = %s", k, d.Values[k]))
	}
	return b.String()
}
