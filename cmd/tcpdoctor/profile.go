package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// profileOptions are what every command about profiles can be told.
type profileOptions struct {
	applyOptions
	names []string
	givenProfiles
	// given are inputs as the operator writes them: "rtt=100ms".
	given []string
	// window is how long to measure the other inputs.
	window duration
	// mayPersist says that --persist was not given: values are then kept for the next
	// boot where that is possible.
	mayPersist bool
}

func newProfileCmd(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "named sets of parameters for a purpose: list, show, diff, apply, verify, remove, export",
		Long: `A profile says which kernel parameters should have at least, at most or exactly
which value for a purpose such as web-server, by a number or by a formula over the
machine and its load, with the reason, the risk and the source of each. Your own
go into ` + profiles.UserDir + `.`,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, add := range []func(streams) *cobra.Command{
		newProfileListCmd, newProfileShowCmd, newProfileDiffCmd, newProfileApplyCmd, newProfileVerifyCmd, newProfileRemoveCmd, newProfileExportCmd,
	} {
		cmd.AddCommand(add(io))
	}
	return cmd
}

// declareInputs declares the flags about inputs.
func (o *profileOptions) declareInputs(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.given, "input", nil, "what the profile needs to know, as `NAME=VALUE`, such as rtt=100ms; may be given again")
	f.Var(&o.window, "window", "how long to measure what was not given; 0 measures no rates")
	o.declareGiven(cmd)
}

// takesProfiles makes a command take the names of profiles.
func takesProfiles(cmd *cobra.Command, o *profileOptions) {
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 && len(o.files) == 0 {
			return errors.New("want the name of a profile; tcpdoctor profile list shows them")
		}
		return nil
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		set, err := o.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, p := range set.All() {
			out = append(out, p.Name+"\t"+p.Title)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// load reads all profiles, and names those that are given in files.
func (o *profileOptions) load() (profiles.Set, error) {
	given, err := o.read(o.io.In)
	if err != nil {
		return profiles.Set{}, err
	}
	for _, p := range given {
		if !slices.Contains(o.names, p.Name) {
			o.names = append(slices.Clone(o.names), p.Name)
		}
	}
	return profiles.Load(filepath.Join("/", o.root, profiles.UserDir), given...)
}

// chosen returns the profiles that were named.
func (o *profileOptions) chosen() ([]profiles.Profile, error) {
	set, err := o.load()
	if err != nil {
		return nil, err
	}
	var out []profiles.Profile
	var names []string
	for _, p := range set.All() {
		names = append(names, p.Name)
	}
	for _, name := range slices.Compact(slices.Clone(o.names)) {
		p, err := set.Get(name)
		if err != nil {
			return nil, fmt.Errorf("no profile %q%s", name, suggestion(name, names))
		}
		if p.Restores && len(o.names) > 1 {
			return nil, fmt.Errorf("profile %s goes with no other one: it takes back what the others set", name)
		}
		out = append(out, p)
	}
	return o.override(out)
}

// enterSite opens the namespace, and decides whether values are kept for the next
// boot.
func (o *profileOptions) enterSite(ctx context.Context) (*applySite, error) {
	s, err := o.open(ctx)
	if err == nil && o.mayPersist {
		o.persist = s.keepsFiles
	}
	return s, err
}

// resolution is what profiles want of one namespace.
type resolution struct {
	profiles []profiles.Profile
	wants    []sysctl.Want
	left     []applyLeft
	state    sysctl.State
	inputs   []usedInput
	warnings []string
	known    *knowledge
	// forget are parameters whose lines go from the file, restores says that all do.
	forget   []sysctl.Key
	restores bool
	// keep are lines that take the place of those that go.
	keep []sysctl.Line
	// name is what is done, where that is not to apply the profiles.
	name string
}

// title says what is done.
func (r *resolution) title() string {
	if r.name != "" {
		return r.name
	}
	var names []string
	for _, p := range r.profiles {
		names = append(names, p.Name)
	}
	return "profile " + strings.Join(names, " ")
}

// resolve finds out what profiles want of a namespace.
func (o *profileOptions) resolve(ctx context.Context, s *applySite, ps []profiles.Profile) (*resolution, error) {
	r := &resolution{profiles: ps}
	if ps[0].Restores {
		return r, o.restore(s, r)
	}
	var keys []sysctl.Key
	for _, p := range ps {
		keys = append(keys, p.Keys()...)
	}
	var err error
	if r.state, err = s.target.State(asWants(keys)); err != nil {
		return nil, err
	}
	known, err := o.know(ctx, s, ps)
	if err != nil {
		return nil, err
	}
	r.known, r.inputs = known, known.used
	for _, p := range ps {
		in := known.inputs(p, s.standing(p.Name))
		wants, skipped := profiles.Resolve(p, in, r.state)
		r.wants = append(r.wants, wants...)
		r.left = append(r.left, leftOf(p.Name, skipped)...)
		r.warnings = append(r.warnings, profiles.Warnings(p, in, sysctl.NewPlan(wants, r.state), r.state)...)
	}
	return r, nil
}

// restore finds out what was there before this program changed it.
func (o *profileOptions) restore(s *applySite, r *resolution) error {
	r.restores = true
	for _, l := range s.lines() {
		r.forget = append(r.forget, l.Key)
	}
	history := s.history()
	var err error
	if r.state, err = s.target.State(asWants(profiles.Touched(history, r.forget))); err != nil {
		return err
	}
	wants, skipped := profiles.Restore(history, r.forget, r.state)
	r.wants, r.left = wants, leftOf(r.profiles[0].Name, skipped)
	return nil
}

// asWants makes wants of keys, to read the state that they need.
func asWants(keys []sysctl.Key) []sysctl.Want {
	out := make([]sysctl.Want, len(keys))
	for i, k := range keys {
		out[i].Key = k
	}
	return out
}

// leftOf lists what a profile leaves out.
func leftOf(name string, skipped []profiles.Skipped) []applyLeft {
	var out []applyLeft
	for _, s := range skipped {
		out = append(out, applyLeft{key: s.Key, field: s.Field, wanted: s.Wanted, source: "profile " + name, why: s.Slot.String() + ": " + s.Text})
	}
	return out
}

// lines returns the lines of the file that this program keeps, where it counts for
// the namespace.
func (s *applySite) lines() []sysctl.Line {
	if !s.keepsFiles {
		return nil
	}
	conf, err := sysctl.LoadConf(s.o.root)
	if err != nil {
		return nil
	}
	for _, f := range conf.Files {
		if f.Path == sysctl.PersistPath {
			return sysctl.ParseLines(f.Text)
		}
	}
	return nil
}

// standing returns the parameters that a profile has set in the namespace already,
// as the file and the journal say.
func (s *applySite) standing(profile string) map[sysctl.Key]bool {
	return profiles.Standing(profile, s.history(), s.lines())
}

// request is what the engine is asked for.
func (r *resolution) request() applyRequest {
	return applyRequest{
		title: r.title(), wants: r.wants, left: r.left, forget: r.forget, restores: r.restores, keep: r.keep,
		note: func(c sysctl.Change) []string {
			var out []string
			for _, n := range profiles.Aftercare(sysctl.Plan{Changes: []sysctl.Change{c}}) {
				_, text, _ := strings.Cut(n, ": ")
				out = append(out, text)
			}
			if who := r.known.listeners(c); who != "" {
				out = append(out, who)
			}
			return out
		},
	}
}
