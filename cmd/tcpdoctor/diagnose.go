package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// diagnoseOptions are what `diagnose` can be told.
type diagnoseOptions struct {
	io          streams
	window      duration
	netns       string
	output      format
	minSeverity severity
	record      string
	from        string
	baseline    string
	redact      bool
	deadline    duration
	thresholds  map[string]float64
}

func newDiagnoseCmd(io streams) *cobra.Command {
	o := diagnoseOptions{io: io, window: duration(5 * time.Second), netns: "self", output: "text", minSeverity: "info"}
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "sample, judge, report",
		Long: `Sample the kernel for a few seconds, judge what was seen and report it.

Exit code: 2 if anything critical was found, 1 for a warning, 0 if nothing at
warning or above was found (also where --min-severity hides it), 3 if nothing
could be judged.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return o.failed(err)
			}
			return o.failed(runDiagnose(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.Var(&o.window, "window", "how long to sample; 0 judges one instant")
	f.StringVar(&o.netns, "netns", o.netns, "network `namespace`: self, all, or a name, a process ID, a path")
	f.VarP(&o.output, "output", "o", "`format`: "+joined(report.FormatNames()))
	f.Var(&o.minSeverity, "min-severity", "leave out findings below it: info, warning, critical")
	f.StringVar(&o.record, "record", "", "also keep what was seen in a `file`, to be judged again with --from")
	f.StringVar(&o.from, "from", "", "judge a recorded `file` instead of this host; - reads standard input")
	f.StringVar(&o.baseline, "baseline", "", "say what changed since a recorded `file`")
	f.BoolVar(&o.redact, "redact", false, "replace addresses and names, in the report and in the recording")
	f.Var(&o.deadline, "deadline", "give up collecting after this long, and say what is missing (default: a minute more than --window)")
	f.Lookup("deadline").DefValue = "" // the text says what it is
	completeDiagnose(cmd)
	return cmd
}

// configure fills in what files and the environment set, and refuses flags
// that contradict each other.
func (o *diagnoseOptions) configure(cmd *cobra.Command) error {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	s, err := loadSettings(path)
	if err != nil {
		return err
	}
	if err := s.apply(cmd); err != nil {
		return err
	}
	o.thresholds = s.thresholds()
	if o.from != "" {
		for _, name := range []string{"window", "netns", "deadline"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is about sampling and --from samples nothing: give one of them", name)
			}
		}
	}
	if o.deadline > 0 && o.deadline <= o.window && o.from == "" {
		return fmt.Errorf("--deadline %v leaves no time beside --window %v", &o.deadline, &o.window)
	}
	return nil
}

// failed also tells a monitoring system, which reads standard output only, why
// there is no judgement.
func (o *diagnoseOptions) failed(err error) error {
	if _, only := errors.AsType[exit](err); err != nil && !only && o.output == "nagios" {
		fmt.Fprintf(o.io.Out, "TCPDOCTOR UNKNOWN - %s\n", message(err))
	}
	return err
}

func runDiagnose(ctx context.Context, o diagnoseOptions) error {
	var before facts.Window
	if o.baseline != "" {
		var err error
		if before, err = readRecording(ctx, o.baseline, o.io.In); err != nil {
			return err
		}
	}
	w, err := o.observe(ctx)
	if err != nil {
		return err
	}
	if o.redact {
		salt := make([]byte, 32)
		_, _ = rand.Read(salt) // never fails
		w, before = facts.Redact(w, salt), facts.Redact(before, salt)
	}
	now := o.judge(w)
	if o.baseline != "" {
		now.Report.Baseline = report.Compare(o.judge(before), now)
	}
	err = o.write(now.Report)
	if o.record != "" {
		// Last: what was found is told even if the disk is full by now.
		if failed := writeRecording(o.record, w); failed != nil {
			return failed
		}
	}
	return err
}

// observe reads the window from a recording or takes it from the kernel.
func (o *diagnoseOptions) observe(ctx context.Context) (facts.Window, error) {
	// Better to learn now than after a minute of sampling.
	if o.record != "" {
		if err := checkRecording(o.record); err != nil {
			return facts.Window{}, err
		}
	}
	if o.from != "" {
		return readRecording(ctx, o.from, o.io.In)
	}
	return collect(ctx, o)
}

func (o *diagnoseOptions) judge(w facts.Window) report.Judged {
	v := model.NewView(w)
	return report.Judged{View: v, Report: report.New(v, rules.Eval(v, rules.Options{Thresholds: o.thresholds}), version())}
}

// write writes the report and returns the exit code that goes with it.
func (o *diagnoseOptions) write(r *report.Report) error {
	f, err := report.ParseFormat(string(o.output))
	if err != nil {
		return err
	}
	how := o.io.text()
	how.MinSeverity = rules.Severity(o.minSeverity)
	var b bytes.Buffer
	if err := f.Render(&b, r, how); err != nil {
		return err
	}
	if _, err := o.io.Out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return exitOf(r)
}

// exitOf is by what was found, shown or not; what is urgent goes before what
// could not be judged.
func exitOf(r *report.Report) error {
	switch worst := r.Worst(); {
	case worst == rules.Critical:
		return exit(codeCritical)
	case worst == rules.Warning:
		return exit(codeWarning)
	case !r.Judged():
		return exit(codeFailed)
	}
	return nil
}
