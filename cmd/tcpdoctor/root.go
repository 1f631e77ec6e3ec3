package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// The exit codes of commands that judge; all others know codeOK and codeFailed.
const (
	codeOK       = 0
	codeWarning  = 1
	codeCritical = 2
	codeFailed   = 3
)

// exit is the error of a command that has said all it has to say and only
// wants an exit code.
type exit int

// Error is never shown.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run runs the command line and returns the exit code.
func run(ctx context.Context, args []string, io streams) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever asks twice is obeyed at once
	root := newRootCmd(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code, only := errors.AsType[exit](err)
	switch {
	case err == nil:
		return codeOK
	case only:
		return int(code)
	}
	if wrong, several := errors.AsType[settingsError](err); several && len(wrong) > 1 {
		fmt.Fprintf(io.Err, "tcpdoctor: settings: %d problems\n", len(wrong))
		for _, p := range wrong {
			fmt.Fprintf(io.Err, "  %s\n", message(errors.New(p)))
		}
		return codeFailed
	}
	fmt.Fprintf(io.Err, "tcpdoctor: %s\n", message(err))
	return codeFailed
}

// message is an error in one line, without the name of our own package that
// found it: users know commands, not packages.
func message(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	for _, p := range []string{"conformance: ", "facts: ", "fix: ", "history: ", "lab: ", "model: ", "netns: ", "profiles: ", "report: ", "rules: ", "selftest: ", "sockdiag: ", "sysctl: "} {
		s = strings.TrimPrefix(s, p)
	}
	return report.Clean(s)
}

func newRootCmd(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "tcpdoctor",
		Short: "find out what is wrong with TCP on this host, who must act, and what to do",
		Long: `tcpdoctor samples how the kernel manages TCP connections and says what is
wrong, who must act, and what to do: tcpdoctor diagnose

Exit codes: 0 nothing at warning or above, 1 warning, 2 critical, 3 not judged
or wrong usage; commands that do not judge know 0 and 3.`,
		SilenceUsage:       true,
		SilenceErrors:      true,
		DisableSuggestions: true, // in one line, by unknownCommand
		Args:               unknownCommand,
		RunE:               func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().String("config", "", "`file` to read settings from instead of "+configFile+"; conf.d is looked for beside it")
	for _, add := range commands() {
		root.AddCommand(add(io))
	}
	strictHelp(root)
	return root
}

// commands lists what makes the commands.
func commands() []func(streams) *cobra.Command {
	return []func(streams) *cobra.Command{newAgentCmd, newChangeCmd, newDiagnoseCmd, newExplainCmd, newFactsCmd, newFixCmd, newGuardCmd, newHistoryCmd, newLabCmd, newLintCmd, newProfileCmd, newSelftestCmd, newSimulateCmd, newVersionCmd, newWhyCmd}
}

// unknownCommand is the error for a first word that is no command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("no command %q%s", args[0], suggestion(args[0], names))
}

// flagError puts what is wrong with the flags into one line, with the nearest
// flag for one that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: %w", wrong.GetFlag().Name, errors.Unwrap(wrong))
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s: it takes a value", bare.GetFlag().Name)
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	if unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("no flag -%s", unknown.GetSpecifiedName())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := nearest(unknown.GetSpecifiedName(), names)
	if near == "" {
		return fmt.Errorf("no flag --%s", unknown.GetSpecifiedName())
	}
	return fmt.Errorf("no flag --%s (did you mean --%s?)", unknown.GetSpecifiedName(), near)
}

// strictHelp replaces cobra's help and completion commands' answer to a word
// they do not know: an error instead of a page.
func strictHelp(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "help about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	})
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = unknownCommand
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// noArgs refuses arguments in one line.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q: no argument expected here", args[0])
	}
	return nil
}
