package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// codeDrift is the exit code of `profile verify` where something is not as wanted.
const codeDrift = 1

func newProfileVerifyCmd(io streams) *cobra.Command {
	o := profileOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor profile verify", dryRun: true, netns: "self", output: "text"}, window: defaultProfileWindow}
	cmd := &cobra.Command{
		Use:   "verify PROFILE...",
		Short: "whether a profile is in force, now and at the next boot",
		Long: `Compare the running values, and on a host those of the next boot, with what a
profile wants. Nothing is changed.

Exit codes: 0 as wanted, 1 something is not, 3 error.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.begin(cmd, args); err != nil {
				return err
			}
			return runProfileVerify(cmd.Context(), &o)
		},
	}
	o.declareReading(cmd)
	o.declareInputs(cmd)
	takesProfiles(cmd, &o)
	return cmd
}

// verifyDocument is what `profile verify -o json` writes.
type verifyDocument struct {
	Schema   string      `json:"schema"`
	Profiles []string    `json:"profiles"`
	Netns    rules.Netns `json:"netns"`
	// AsWanted says that nothing has drifted.
	AsWanted bool          `json:"as_wanted"`
	Drift    []verifyDrift `json:"drift"`
	Keys     []applyRow    `json:"keys"`
	Inputs   []usedInput   `json:"inputs,omitempty"`
	// Pending are changes of the namespace that wait for confirmation.
	Pending []pendingChange `json:"pending,omitempty"`
}

// verifyDrift is one parameter that is not as wanted.
type verifyDrift struct {
	Key sysctl.Key `json:"key"`
	// Where is "running" or "next-boot".
	Where   string `json:"where"`
	Found   string `json:"found"`
	Desired string `json:"desired"`
	// By is the file and line that sets the value at the next boot.
	By     string `json:"by,omitempty"`
	Source string `json:"source"`
}

func runProfileVerify(ctx context.Context, o *profileOptions) error {
	ps, err := o.chosen()
	if err != nil {
		return err
	}
	return o.plan(ctx, func(s *applySite) (*resolution, error) { return o.resolve(ctx, s, ps) }, o.compare)
}

// compare says what is not as the plan wants it.
func (o *profileOptions) compare(_ context.Context, s *applySite, r *resolution, p *applyPlan) error {
	if err := p.Err(); err != nil {
		return err
	}
	id := s.handle.ID()
	d := verifyDocument{
		Schema: "tcpdoctor.profile-verify/v1", Profiles: o.names, Keys: p.rows, Inputs: r.inputs, Drift: []verifyDrift{},
		Netns: rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: s.handle.Name()}, Pending: pendingOf(s.waiting()),
	}
	if d.Keys == nil {
		d.Keys = []applyRow{}
	}
	for _, c := range p.Changes {
		d.Drift = append(d.Drift, verifyDrift{
			Key: c.Key, Where: "running", Found: sysctl.Shown(c.Key, c.Before), Desired: sysctl.Shown(c.Key, c.After), Source: reasons(c.Wants...),
		})
	}
	if o.persist {
		if err := d.nextBoot(o, r); err != nil {
			return err
		}
	}
	d.AsWanted = len(d.Drift) == 0
	if err := o.writeVerify(s, r, d); err != nil {
		return err
	}
	if !d.AsWanted {
		return exit(codeDrift)
	}
	return nil
}

// nextBoot adds what would not be as wanted after the next boot: what the reader at
// boot sets, the kernel's own default for the rest.
func (d *verifyDocument) nextBoot(o *profileOptions, r *resolution) error {
	conf, err := sysctl.LoadConf(o.root)
	if err != nil {
		return err
	}
	boot := r.state
	boot.Raw = maps.Clone(r.state.Raw)
	by := map[sysctl.Key]string{}
	for k := range boot.Raw {
		spec, _ := sysctl.Lookup(k)
		if e := conf.Expect(sysctl.ReaderSystemd, k); e.Set {
			boot.Raw[k], by[k] = e.Value, fmt.Sprintf("%s line %d", e.File, e.Line)
		} else if def, ok := spec.Default.At(boot.Env); ok {
			boot.Raw[k], by[k] = def.Value, "the kernel's own default"
		}
	}
	for _, c := range sysctl.NewPlan(r.wants, boot).Changes {
		d.Drift = append(d.Drift, verifyDrift{
			Key: c.Key, Where: "next-boot", Found: sysctl.Shown(c.Key, c.Before), Desired: sysctl.Shown(c.Key, c.After), By: by[c.Key], Source: reasons(c.Wants...),
		})
	}
	return nil
}

// writeVerify writes the document.
func (o *profileOptions) writeVerify(s *applySite, r *resolution, d verifyDocument) error {
	if o.output == "json" {
		return writeJSON(o.io.Out, d)
	}
	out := o.sheet()
	if d.AsWanted {
		text := fmt.Sprintf("✔ %s is in force in %s: %s as wanted", r.title(), s.name, count(len(r.wants), "setting"))
		if len(r.left) > 0 {
			text += fmt.Sprintf(", %d left out (tcpdoctor profile diff says why)", len(r.left))
		}
		out.line(0, text)
		return out.end()
	}
	out.line(0, fmt.Sprintf("✖ %s is not in force in %s", r.title(), s.name))
	for _, x := range d.Drift {
		text := fmt.Sprintf("%s  is %s, wanted %s", x.Key, value(x.Key, x.Found), value(x.Key, x.Desired))
		if x.Where == "next-boot" {
			text = fmt.Sprintf("%s  will be %s at the next boot (%s), wanted %s", x.Key, value(x.Key, x.Found), x.By, value(x.Key, x.Desired))
		}
		out.line(2, text)
	}
	return out.end()
}
