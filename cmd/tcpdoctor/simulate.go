package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// What the settings are unless they are given: those of a host of this size.
const simulateMemoryBytes = 8 << 30

// The largest simulations: one run, and all runs of a sweep together. A run of
// this size takes seconds and some hundred megabytes; a longer one shows nothing
// that a shorter one does not.
const (
	connectionsMost      = 2_000_000
	connectionsMostSweep = 10_000_000
)

// simulateOptions are what `simulate` can be told.
type simulateOptions struct {
	io       streams
	arrivals parsedValue[[]model.Arrivals]
	flood    parsedValue[float64]
	slow     parsedValue[slowClients]
	service  parsedValue[model.Service]
	stalls   parsedValue[[]model.Stall]
	sweep    parsedValue[sweepRange]
	settings string
	kernel   string

	backlog, somaxconn, maxSynBacklog, syncookies, synackRetries wholeNumber
	synRetries, synLinearTimeouts, seed, samples                 wholeNumber
	abortOnOverflow, serverFirst                                 bool
	rtt, giveUp, duration                                        duration
	output                                                       applyFormat
}

func newSimulateCmd(io streams) *cobra.Command {
	o := simulateOptions{
		io: io, settings: settingsDefault, rtt: duration(time.Millisecond), duration: duration(time.Minute), output: "text",
		arrivals: parsedValue[[]model.Arrivals]{kind: "load", parse: model.ParseArrivals},
		flood:    parsedValue[float64]{kind: "rate", parse: model.ParseRate},
		slow:     parsedValue[slowClients]{kind: "share:delay", parse: parseSlow},
		service:  parsedValue[model.Service]{kind: "rate", parse: model.ParseService},
		stalls:   parsedValue[[]model.Stall]{kind: "stalls", parse: model.ParseStalls},
		sweep:    parsedValue[sweepRange]{kind: "range", parse: parseSweep},
		backlog:  wholeNumber{least: -1, most: math.MaxInt32}, somaxconn: wholeNumber{most: math.MaxInt32},
		maxSynBacklog: wholeNumber{most: math.MaxInt32}, syncookies: wholeNumber{most: 2},
		synackRetries: wholeNumber{most: 255}, synRetries: wholeNumber{least: 1, most: 127},
		synLinearTimeouts: wholeNumber{most: 127}, seed: wholeNumber{most: math.MaxInt32},
		samples: wholeNumber{least: 1, most: 100000},
	}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "what a load would do to a listener's queues under given settings",
		Long: `Run a load through the reference model of a listener's two queues, and show how
full they get, what the kernel would drop and count, and what clients would see.
Nothing is sent. The same flags and seed give the same result on every machine.

  tcpdoctor simulate --backlog 511 --somaxconn 128 --arrivals poisson:400/s \
      --service 350/s --stall 2s@10s --for 60s
  tcpdoctor simulate --arrivals burst:500/10s --service 1000/s --sweep somaxconn=128..8192`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulate(cmd.Context(), o, cmd.Flags().Changed) },
	}
	o.flags(cmd)
	return cmd
}

func (o *simulateOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&o.arrivals, "arrivals", "clients that come: constant:400/s, poisson:400/s, burst:500/10s; several joined by +")
	f.Var(&o.flood, "flood", "SYNs besides from spoofed sources, which never answer: 5000/s")
	f.Var(&o.slow, "slow", "a share of the clients answers late: 20%:3s")
	f.Var(&o.rtt, "rtt", "round-trip time of the clients")
	f.Var(&o.giveUp, "give-up", "clients leave after waiting this long (default: never)")
	f.BoolVar(&o.serverFirst, "server-first", false, "clients send nothing before the server has spoken")
	f.Var(&o.synRetries, "syn-retries", "how often clients repeat a SYN, tcp_syn_retries")
	f.Var(&o.synLinearTimeouts, "syn-linear-timeouts", "of those a second apart, tcp_syn_linear_timeouts")
	f.Var(&o.service, "service", "how the application accepts: 350/s, poisson:350/s, 350/s,batch=32, never (default: at once)")
	f.Var(&o.stalls, "stall", "it accepts nothing for a time: 2s@10s once, 100ms/5s again and again; several joined by commas")
	f.Var(&o.backlog, "backlog", "what the application asks listen() for (default: as large as somaxconn)")
	f.Var(&o.somaxconn, "somaxconn", "net.core.somaxconn")
	f.Var(&o.maxSynBacklog, "max-syn-backlog", "tcp_max_syn_backlog")
	f.Var(&o.syncookies, "syncookies", "tcp_syncookies: 0 never, 1 when the queue is full, 2 always")
	f.Var(&o.synackRetries, "synack-retries", "tcp_synack_retries")
	f.BoolVar(&o.abortOnOverflow, "abort-on-overflow", false, "tcp_abort_on_overflow")
	f.StringVar(&o.settings, "settings", o.settings, "`where` all other settings come from: defaults, here (this host), or the file of a recording")
	f.StringVar(&o.kernel, "kernel", "", "`release` whose rules and defaults hold (default: a current one)")
	f.Var(&o.duration, "for", "how long to simulate")
	f.Var(&o.seed, "seed", "another seed gives another course of chance (default 1)")
	f.Var(&o.samples, "samples", "points of the trajectory in JSON (default 240)")
	f.Var(&o.sweep, "sweep", "try values of one parameter: somaxconn=128..8192 doubles, service=100..400/50 steps, backlog=5,128,511")
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	f.Lookup("give-up").DefValue = "" // the texts say what it is
	complete(cmd, "output", func() []string { return []string{"json", "text"} })
	complete(cmd, "settings", func() []string { return []string{settingsDefault, settingsHere} })
	complete(cmd, "sweep", func() []string {
		var out []string
		for _, n := range model.SweepNames() {
			out = append(out, n+"=")
		}
		return out
	})
}

// The sources of settings that are no file.
const (
	settingsDefault = "defaults"
	settingsHere    = "here"
)

func runSimulate(ctx context.Context, o simulateOptions, changed func(string) bool) error {
	if len(o.arrivals.value) == 0 && o.flood.value == 0 {
		return errors.New("no load: want --arrivals constant:400/s, poisson:400/s or burst:500/10s, or --flood 5000/s")
	}
	if d := time.Duration(o.duration); d <= 0 || d > 24*time.Hour {
		return fmt.Errorf("--for %v: want more than 0s and at most 24h", d)
	}
	settings, dialect, err := o.base(ctx)
	if err != nil {
		return err
	}
	c := o.config(settings, dialect, changed)
	if err := c.Validate(); err != nil {
		return err
	}
	if err := o.bounded(c); err != nil {
		return err
	}
	if o.sweep.text != "" {
		return o.runSweep(ctx, c)
	}
	layout := newSimulatePage(o.io)
	if o.output == "text" {
		c.Samples = layout.cells()
	}
	r, err := patiently(ctx, func() (model.SimResult, error) { return model.Simulate(c) })
	if err != nil {
		return err
	}
	if o.output == "json" {
		return writeJSON(o.io.Out, simulationDocument(c, r))
	}
	layout.simulation(c, r)
	return writeText(o.io.Out, layout.b.String())
}

// patiently runs something that cannot be interrupted, and leaves it behind if
// ctx ends.
func patiently[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := work()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errors.New("interrupted: nothing was simulated to its end")
	}
}

// base returns the settings and rules that flags do not change.
func (o *simulateOptions) base(ctx context.Context) (model.Settings, model.Dialect, error) {
	if o.settings == settingsDefault {
		if o.kernel != "" {
			if _, err := sysctl.ParseRelease(o.kernel); err != nil {
				return model.Settings{}, model.Dialect{}, fmt.Errorf("--kernel: %q is no release such as 6.1.0 or 5.14.0-570.el9", o.kernel)
			}
		}
		d := model.NewDialect(model.Probe{Release: o.kernel})
		return model.DefaultSettings(d, simulateMemoryBytes), d, nil
	}
	if o.kernel != "" {
		return model.Settings{}, model.Dialect{}, errors.New("--kernel is for defaults, and --settings has a kernel of its own: give one of them")
	}
	var w facts.Window
	var err error
	if o.settings == settingsHere {
		w, err = collect(ctx, &diagnoseOptions{io: o.io, netns: "self"})
	} else {
		w, err = readRecording(ctx, o.settings, o.io.In)
	}
	if err != nil {
		return model.Settings{}, model.Dialect{}, err
	}
	v := model.NewView(w)
	if len(v.Namespaces) == 0 {
		return model.Settings{}, model.Dialect{}, fmt.Errorf("--settings %s: no namespace was read", o.settings)
	}
	n := &v.Namespaces[0]
	o.tellUnknown(n.Settings)
	return n.Settings, n.Dialect, nil
}

// tellUnknown names the settings that could not be read and are the defaults.
func (o *simulateOptions) tellUnknown(s model.Settings) {
	var unknown []string
	for _, key := range []string{
		model.KeySomaxconn, model.KeyMaxSynBacklog, model.KeySyncookies, model.KeySynackRetries, model.KeyAbortOnOverflow, model.KeySynRetries,
	} {
		if !s.Known(key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		fmt.Fprintf(o.io.Err, "not readable there, so the kernel's default: %s\n", strings.Join(unknown, ", "))
	}
}

// config puts the flags on top of the settings.
func (o *simulateOptions) config(s model.Settings, d model.Dialect, changed func(string) bool) model.SimConfig {
	c := model.SimDefaults(s, d)
	c.Backlog = -1 // listen() takes it for the largest there is
	o.backlog.into(&c.Backlog)
	o.somaxconn.into(&c.Somaxconn)
	o.maxSynBacklog.into(&c.MaxSynBacklog)
	o.syncookies.into(&c.Syncookies)
	o.synackRetries.into(&c.SynackRetries)
	o.synRetries.into(&c.SynRetries)
	o.synLinearTimeouts.into(&c.SynLinearTimeouts)
	o.samples.into(&c.Samples)
	if changed("abort-on-overflow") {
		c.AbortOnOverflow = o.abortOnOverflow
	}
	if o.seed.given {
		c.Seed = uint64(o.seed.value)
	}
	c.Arrivals, c.FloodPerSecond, c.Stalls = o.arrivals.value, o.flood.value, o.stalls.value
	c.SlowShare, c.SlowDelay = o.slow.value.share, o.slow.value.delay
	c.Service = o.service.value
	if o.service.text == "" {
		c.Service = model.Service{PerSecond: atOncePerSecond}
	}
	c.RTT, c.GiveUp, c.Quiet = time.Duration(o.rtt), time.Duration(o.giveUp), o.serverFirst
	c.Duration = time.Duration(o.duration)
	return c
}

// atOncePerSecond is the rate of an application that accepts as they come.
const atOncePerSecond = 1e6

// bounded refuses loads that would take minutes and more memory than there is.
func (o *simulateOptions) bounded(c model.SimConfig) error {
	connections, most := simulatedConnections(c), float64(connectionsMost)
	if s := o.sweep.value; o.sweep.text != "" {
		own := connections
		connections, most = 0, connectionsMostSweep
		for _, v := range s.values {
			if s.name == "flood" {
				own = (arrivalRate(c) + float64(v)) * c.Duration.Seconds()
			}
			connections += own
		}
	}
	if connections <= most {
		return nil
	}
	return fmt.Errorf("this load is %s connections: at most %s are simulated; a shorter --for shows as much", grouped(uint64(connections)), grouped(uint64(most)))
}

// simulatedConnections is how many connections a run has, spoofed ones included.
func simulatedConnections(c model.SimConfig) float64 {
	return (arrivalRate(c) + c.FloodPerSecond) * c.Duration.Seconds()
}

// arrivalRate is how many clients come in a second on average.
func arrivalRate(c model.SimConfig) float64 {
	sum := 0.0
	for _, a := range c.Arrivals {
		if a.Kind == model.BurstArrivals {
			sum += float64(a.Size) / a.Every.Seconds()
		} else {
			sum += a.PerSecond
		}
	}
	return sum
}
