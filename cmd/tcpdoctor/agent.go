package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// agentOptions are what `agent` can be told on the command line.
type agentOptions struct {
	io     streams
	config string
	check  bool
	// What follows wins over the settings where its flag was given.
	flags    *pflag.FlagSet
	tick     duration
	listen   []string
	netns    string
	stateDir string
}

func newAgentCmd(io streams) *cobra.Command {
	o := &agentOptions{io: io}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "watch this host for months, and tell when something is wrong",
		Long: `Watch every network namespace of this host, remember what was found, and tell
the receivers that are configured. It changes nothing unless agent.apply says so.

Metrics, an API and a page are on http://127.0.0.1:9737 unless configured.
SIGHUP has it read its settings again; SIGTERM and SIGINT end it.

Exit codes: 0 it was told to end, 3 it could not start or its settings are wrong.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.config, err = cmd.Flags().GetString("config"); err != nil {
				return err
			}
			o.flags = cmd.Flags()
			return runAgent(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.check, "check-config", false, "read the settings, say everything that is wrong with them, and end")
	f.Var(&o.tick, "tick", "how often to look (default 10s)")
	f.Lookup("tick").DefValue = "" // the text says what it is
	f.StringSliceVar(&o.listen, "listen", nil, "`address` of metrics, API and page; may be given again (default 127.0.0.1:9737)")
	f.StringVar(&o.netns, "netns", "", "network `namespace` to watch: all, self, or a name, a process ID, a path (default all)")
	f.StringVar(&o.stateDir, "state-dir", "", "`folder` for what is remembered (default /var/lib/tcpdoctor)")
	return cmd
}

// settings reads and checks everything that the agent is configured with.
func (o *agentOptions) settings() (settings, error) {
	s, err := loadSettings(o.config)
	if err != nil {
		return settings{}, err
	}
	given := o.flags.Changed
	if given("tick") {
		s.Agent.Tick = time.Duration(o.tick)
	}
	if given("listen") {
		s.Agent.Listen = o.listen
	}
	if given("netns") {
		s.Agent.Netns = o.netns
	}
	if given("state-dir") {
		s.StateDir = o.stateDir
	}
	wrong := append(unknownEnvironment(os.Environ()), s.Agent.problems()...)
	wrong = append(wrong, s.Alerts.problems()...)
	for _, err := range s.Receivers.Validate() {
		wrong = append(wrong, "receivers."+err.Error())
	}
	if len(wrong) > 0 {
		return settings{}, wrong
	}
	return s, nil
}

func runAgent(ctx context.Context, o *agentOptions) error {
	s, err := o.settings()
	if err != nil {
		return err
	}
	if o.check {
		fmt.Fprintln(o.io.Out, "the settings are fine")
		return nil
	}
	d, err := newDaemon(ctx, o, s)
	if err != nil {
		return err
	}
	defer d.close()
	return d.run(ctx)
}
