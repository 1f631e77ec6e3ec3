package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

func newLabCmd(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "make faults in throw-away namespaces",
		Long: `Make a fault, or something that merely looks like one, in network namespaces of
its own, to see what it looks like and that it is recognised. Nothing outside
these namespaces changes. It takes root, or a user namespace: unshare -rn`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLabListCmd(io), newLabRunCmd(io))
	return cmd
}

// labListOptions are what `lab list` can be told.
type labListOptions struct {
	io     streams
	output string
}

func newLabListCmd(io streams) *cobra.Command {
	o := labListOptions{io: io, output: "text"}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the faults",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return runLabList(o) },
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "`format`: "+joined(articleFormats()))
	return cmd
}

func runLabList(o labListOptions) error {
	var faults, harmless []report.Item
	for _, f := range lab.All() {
		item := report.Item{Name: f.Name, Text: f.Title}
		if f.Harmless {
			harmless = append(harmless, item)
		} else {
			faults = append(faults, item)
		}
	}
	a := report.Article{Name: "tcpdoctor lab run", Kind: "contents", Title: "what can be made", Sections: []report.Section{
		{Heading: "faults", Items: faults}, {Heading: "harmless look-alikes", Items: harmless},
	}}
	return a.Write(o.io.Out, o.output, o.io.text())
}

// labRunOptions are what `lab run` can be told.
type labRunOptions struct {
	io       streams
	fault    string
	family   string
	duration duration
	output   string
}

func newLabRunCmd(io streams) *cobra.Command {
	o := labRunOptions{io: io, family: "4", duration: duration(10 * time.Minute), output: "text"}
	cmd := &cobra.Command{
		Use:   "run FAULT",
		Short: "make a fault and keep it going until interrupted",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("lab run: want the name of one fault (tcpdoctor lab list)")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return faultNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.fault = args[0]
			return runLab(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.family, "family", o.family, "`version` of IP: 4, 6, or 46 for IPv4 clients of an IPv6 listener")
	cmd.Flags().Var(&o.duration, "for", "how long to keep it going")
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "`format`: json, text")
	return cmd
}

func faultNames() []string {
	var names []string
	for _, f := range lab.All() {
		names = append(names, f.Name)
	}
	return names
}

func runLab(ctx context.Context, o labRunOptions) error {
	f, ok := lab.Find(o.fault)
	if !ok {
		return fmt.Errorf("no fault %q%s", o.fault, suggestion(o.fault, faultNames()))
	}
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("no format %q (there are: json, text)", o.output)
	}
	n, err := strconv.Atoi(o.family)
	family := lab.Family(n)
	if err != nil || !slices.Contains(f.InFamilies(), family) {
		return fmt.Errorf("%s: no family %q (there are: %s)", f.Name, o.family, families(f))
	}
	r, err := lab.Start(ctx, f, lab.Options{Family: family, MaxDuration: time.Duration(o.duration)})
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted before %s stood", f.Name)
	}
	if err != nil {
		return err
	}
	if err := o.tell(r); err != nil {
		return fmt.Errorf("%w; %w", err, r.Close())
	}
	select {
	case <-ctx.Done():
	case <-r.Ended():
	}
	return r.Close()
}

func families(f lab.Fault) string {
	var out []string
	for _, x := range f.InFamilies() {
		out = append(out, strconv.Itoa(int(x)))
	}
	return strings.Join(out, ", ")
}

// standing is what the user must know of a fault that stands.
type standing struct {
	Fault     string `json:"fault"`
	ServerPID int    `json:"server_pid,omitempty"`
	ClientPID int    `json:"client_pid,omitempty"`
	Port      uint16 `json:"port"`
	// Netns is what to give to --netns: a process in the culprit's namespace.
	Netns string `json:"netns"`
	// ID and Cause are what must be found; absent for a look-alike.
	ID    string `json:"id,omitempty"`
	Cause string `json:"cause,omitempty"`
}

func (o labRunOptions) tell(r *lab.Running) error {
	pid, _ := r.Culprit()
	s := standing{
		Fault: r.Fault.Name, ServerPID: r.ServerPID, ClientPID: r.ClientPID, Port: r.Port,
		Netns: strconv.Itoa(pid), ID: r.Fault.Expect.ID, Cause: r.Fault.Expect.Cause,
	}
	if o.output == "json" {
		return json.NewEncoder(o.io.Out).Encode(s)
	}
	want := "nothing at warning or above"
	if s.ID != "" {
		want = fmt.Sprintf("%s (%s) on process %d", s.ID, s.Cause, pid)
	}
	_, err := fmt.Fprintf(o.io.Out, `%s stands, on port %d.
look:    tcpdoctor diagnose --netns %s
finds:   %s
end:     Ctrl-C, or by itself after %v
`, r.Fault.Title, r.Port, s.Netns, want, time.Duration(o.duration))
	return err
}
