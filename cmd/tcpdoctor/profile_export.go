package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// exportOptions are what `profile export` can be told.
type exportOptions struct {
	profileOptions
	format  string
	machine machine
}

func newProfileExportCmd(io streams) *cobra.Command {
	o := exportOptions{
		profileOptions: profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor profile export", dryRun: true, netns: "self", output: "text"}},
		format:         profiles.Formats()[0].Name,
	}
	cmd := &cobra.Command{
		Use:   "export PROFILE...",
		Short: "a profile for another tool: a sysctl.d file, Ansible variables, a pod",
		Long: `Write what a profile wants in another tool's form. Values are worked out for this
host, or for the kernel and memory given; the load is not measured but has to be
given with --input. What applies only where a counter of the kernel has grown is
written with a remark. A pod is given what a new namespace does not have by itself;
what a pod may set without the node's permission is marked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = args
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runProfileExport(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", o.format, "`form`: "+joined(exportFormats()))
	f.StringArrayVar(&o.given, "input", nil, "what the profile needs to know, as `NAME=VALUE`, such as rtt=100ms; may be given again")
	o.machine.declare(cmd)
	f.StringVar(&o.netns, "netns", o.netns, "network `namespace`: self, or a name, a process ID, a path")
	f.VarP(&o.output, "output", "o", "`format`: text is the form itself, json lists the settings")
	o.applyPlaces.declare(cmd)
	complete(cmd, "format", exportFormats)
	takesProfiles(cmd, &o.profileOptions)
	return cmd
}

// exportFormats are the forms in which profiles can be exported.
func exportFormats() []string {
	var out []string
	for _, f := range profiles.Formats() {
		out = append(out, f.Name)
	}
	return out
}

func runProfileExport(ctx context.Context, o *exportOptions) error {
	ps, err := o.chosen()
	if err != nil {
		return err
	}
	if ps[0].Restores {
		return fmt.Errorf("profile %s cannot be exported: it takes back what was changed on one host", ps[0].Name)
	}
	values, err := o.parseInputs(ps)
	if err != nil {
		return err
	}
	st, cpus, err := o.state(ctx, ps)
	if err != nil {
		return err
	}
	var wants []sysctl.Want
	var skipped []profiles.Skipped
	for _, p := range ps {
		in := profiles.Inputs{CPUs: cpus, Values: map[string]profiles.Value{}, Assume: true}
		for _, i := range p.Inputs {
			if v, ok := values[i.Name]; ok {
				in.Values[i.Name] = v
			}
		}
		w, s := profiles.Resolve(p, in, st)
		wants, skipped = append(wants, w...), append(skipped, s...)
	}
	if err := sysctl.NewPlan(wants, st).Err(); err != nil {
		return err
	}
	doc := profiles.NewDocument(ps, wants, skipped, st)
	if o.output == "json" {
		return writeJSON(o.io.Out, newExportDocument(o.names, doc))
	}
	for _, f := range profiles.Formats() {
		if f.Name != o.format {
			continue
		}
		var b strings.Builder
		if err := f.Write(&b, doc); err != nil {
			return err
		}
		return writeText(o.io.Out, b.String())
	}
	return fmt.Errorf("no form %q (there are: %s)", o.format, joined(exportFormats()))
}

// state is what the values are worked out for: this host, or one that has just
// booted with the kernel and memory given, or a pod's new namespace.
func (o *exportOptions) state(ctx context.Context, ps []profiles.Profile) (sysctl.State, int, error) {
	pod := o.format == "kubernetes"
	if o.machine.given() || pod {
		env, err := o.machine.env()
		if err != nil {
			return sysctl.State{}, 0, err
		}
		if env.Kernel.IsZero() || env.RAMBytes == 0 {
			return sysctl.State{}, 0, errors.New("want --kernel and --ram: this is no Linux host to work the values out for")
		}
		return profiles.Simulate(env, !pod, nil), hostCPUs(), nil
	}
	s, err := o.open(ctx)
	if err != nil {
		return sysctl.State{}, 0, err
	}
	defer s.close()
	var keys []sysctl.Key
	for _, p := range ps {
		keys = append(keys, p.Keys()...)
	}
	st, err := s.target.State(asWants(keys))
	return st, hostCPUs(), err
}

// exportDocument is what `profile export -o json` writes.
type exportDocument struct {
	Schema   string          `json:"schema"`
	Profiles []string        `json:"profiles"`
	For      string          `json:"for"`
	Settings []exportSetting `json:"settings"`
	Left     []exportLeft    `json:"left"`
}

type exportSetting struct {
	Key    sysctl.Key `json:"key"`
	Value  string     `json:"value"`
	Reason string     `json:"reason"`
	Only   []string   `json:"only,omitempty"`
	Scope  string     `json:"scope"` // netns or host
	// PodSafe says whether a pod may set it without the node's permission, and Since
	// the release of Kubernetes that allows it.
	PodSafe bool   `json:"pod_safe"`
	Since   string `json:"pod_safe_since,omitempty"`
}

type exportLeft struct {
	Key    sysctl.Key `json:"key"`
	Field  string     `json:"field,omitempty"`
	Wanted string     `json:"wanted"`
	Reason string     `json:"reason"`
	Text   string     `json:"text"`
}

func newExportDocument(names []string, d profiles.Document) exportDocument {
	out := exportDocument{Schema: "tcpdoctor.profile-export/v1", Profiles: names, For: d.For, Settings: []exportSetting{}, Left: []exportLeft{}}
	for _, s := range d.Settings {
		e := exportSetting{Key: s.Key, Value: s.Value, Reason: s.Reason, Only: s.Only, Scope: "netns", PodSafe: s.PodSafe > 0}
		if s.Host {
			e.Scope = "host"
		}
		if s.PodSafe > 0 {
			e.Since = fmt.Sprintf("1.%d", s.PodSafe)
		}
		out.Settings = append(out.Settings, e)
	}
	for _, s := range d.Skipped {
		out.Left = append(out.Left, exportLeft{s.Key, s.Field, s.Wanted, s.Reason.String(), s.Text})
	}
	return out
}
