package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/profiles"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// lintOptions are what `lint` can be told.
type lintOptions struct {
	io      streams
	files   []string // none: the host's own
	output  string
	least   string
	machine machine
	child   bool
	rules   bool
	root    string
}

// machine is another host than this one, as flags describe it.
type machine struct {
	kernel, ram string
}

// declare declares its flags.
func (m *machine) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.kernel, "kernel", "", "`release` of the kernel, such as 6.1, instead of this host's")
	f.StringVar(&m.ram, "ram", "", "`size` of memory, such as 64GiB, instead of this host's")
}

// given says whether another host than this one is described.
func (m machine) given() bool { return m.kernel != "" || m.ram != "" }

// env returns what is described, the rest as this host has it.
func (m machine) env() (sysctl.Env, error) {
	var env sysctl.Env
	if tree, err := sysctl.OpenDir(""); err == nil {
		defer tree.Close()
		if here, err := sysctl.HostEnv(tree); err == nil {
			env = here
		}
	}
	if m.kernel != "" {
		release, err := sysctl.ParseRelease(m.kernel)
		if err != nil {
			return env, fmt.Errorf("--kernel: %w", err)
		}
		env.Kernel = release
	}
	if m.ram != "" {
		size, err := profiles.Input{Name: "ram", Unit: profiles.Bytes}.Parse(m.ram)
		if err != nil || size.Number < 1<<20 {
			return env, fmt.Errorf("--ram: %q is no size of memory such as 64GiB", m.ram)
		}
		env.RAMBytes, env.HashBuckets = uint64(size.Number), 0
	}
	return env, nil
}

func newLintCmd(io streams) *cobra.Command {
	o := lintOptions{io: io, output: "text", least: "info"}
	cmd := &cobra.Command{
		Use:   "lint [FILE...]",
		Short: "what is wrong, useless or overridden in sysctl files",
		Long: `Check sysctl files line by line: what the kernel refuses, what does harm, what
has no effect, what another file overrides. Without a file, this host's are
checked in the order in which they count. "-" reads standard input.

Exit code: 2 for an error, 1 for a warning, 0 for neither (also where
--min-severity hides it), 3 if a file cannot be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			return runLint(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", o.output, "`format`: "+joined(lintFormats()))
	f.StringVar(&o.least, "min-severity", o.least, "leave out what is below it: info, warning, error")
	o.machine.declare(cmd)
	f.BoolVar(&o.child, "child", false, "the files are for a container or another namespace of its own")
	f.BoolVar(&o.rules, "rules", false, "list what is looked for")
	f.StringVar(&o.root, "root", "", "`folder` below which this host's files are looked for")
	if err := f.MarkHidden("root"); err != nil {
		panic("tcpdoctor: hide --root: " + err.Error()) // our own mistake: no such flag
	}
	complete(cmd, "output", lintFormats)
	complete(cmd, "min-severity", func() []string { return []string{"info", "warning", "error"} })
	return cmd
}

// lintFormats are the forms in which issues can be written.
func lintFormats() []string { return []string{"json", "sarif", "text"} }

func runLint(ctx context.Context, o lintOptions) error {
	if o.rules {
		return o.list()
	}
	if !slices.Contains(lintFormats(), o.output) {
		return fmt.Errorf("no format %q (there are: %s)", o.output, joined(lintFormats()))
	}
	least, err := sysctl.ParseSeverity(o.least)
	if err != nil {
		return fmt.Errorf("--min-severity: %w", err)
	}
	how, err := o.options(ctx)
	if err != nil {
		return err
	}
	paths, issues, err := o.check(how)
	if err != nil {
		return err
	}
	worst := sysctl.Worst(issues)
	shown := slices.DeleteFunc(issues, func(i sysctl.Issue) bool { return i.Severity < least })
	if err := o.write(sysctl.LintReport{Files: paths, Issues: shown, Version: version()}); err != nil {
		return err
	}
	switch worst {
	case sysctl.SeverityError:
		return exit(codeCritical)
	case sysctl.SeverityWarning:
		return exit(codeWarning)
	case sysctl.SeverityInfo:
	}
	return nil
}

// check reads the files and judges them.
func (o lintOptions) check(how sysctl.LintOptions) (paths []string, issues []sysctl.Issue, err error) {
	if len(o.files) == 0 {
		if o.root != "" {
			if o.root, err = filepath.Abs(o.root); err != nil {
				return nil, nil, err
			}
		}
		conf, err := sysctl.LoadConf(o.root)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range conf.Files {
			paths = append(paths, f.Path)
		}
		if conf.Plain != nil {
			paths = append(paths, conf.Plain.Path)
		}
		how.Stray = sysctl.StrayFiles(o.root)
		return paths, conf.Lint(how), nil
	}
	var files []sysctl.ConfFile
	for _, name := range o.files {
		f := sysctl.ConfFile{Path: name}
		var text []byte
		if name == "-" {
			f.Path = "standard input"
			text, err = io.ReadAll(o.io.In)
		} else {
			text, err = os.ReadFile(name)
		}
		if err != nil {
			return nil, nil, err
		}
		f.Text = string(text)
		files, paths = append(files, f), append(paths, f.Path)
	}
	return paths, sysctl.Lint(files, how), nil
}

// options finds out what the files are for: the host described by flags, or this
// one with all that can be seen of it.
func (o lintOptions) options(ctx context.Context) (sysctl.LintOptions, error) {
	how := sysctl.LintOptions{Child: o.child}
	env, err := o.machine.env()
	if err != nil {
		return how, err
	}
	how.Env = env
	if o.machine.given() {
		return how, nil
	}
	tree, err := sysctl.OpenDir("")
	if err != nil {
		return how, nil // no Linux here: the files are judged without a host
	}
	defer tree.Close()
	var keys []sysctl.Key
	for _, s := range sysctl.All() {
		if !s.Key.IsPattern() {
			keys = append(keys, s.Key)
		}
	}
	how.Running = tree.ReadAll(keys).Value
	how.Exists = existing(tree.Path())
	// The host's own parameters are absent in every other namespace.
	how.Child = o.child || len(o.files) == 0 && !how.Exists("net.core.netdev_max_backlog")
	how.Listeners = listeningPorts(ctx)
	how.Containers, how.SeveralUplinks = sysctl.No, severalUplinks()
	for _, other := range sysctl.LoadOthers("") {
		if other.Active && (other.Name == "container runtime" || other.Name == "kube-proxy") {
			how.Containers = sysctl.Yes
		}
		how.NodePorts = how.NodePorts || other.Active && other.Name == "kube-proxy"
	}
	return how, nil
}

// existing returns what tells whether a tree has a parameter, whether or not it
// can be read.
func existing(tree string) func(sysctl.Key) bool {
	return func(k sysctl.Key) bool {
		path, err := k.Path()
		if err != nil {
			return false
		}
		_, err = os.Stat(tree + "/" + path)
		return err == nil
	}
}

// write writes the report in the format asked for.
func (o lintOptions) write(r sysctl.LintReport) error {
	var b strings.Builder
	var err error
	switch o.output {
	case "json":
		err = sysctl.WriteLintJSON(&b, r)
	case "sarif":
		err = sysctl.WriteLintSARIF(&b, r)
	default:
		o.text(&b, r)
	}
	if err != nil {
		return err
	}
	return writeText(o.io.Out, b.String())
}

// text writes one line for each issue as compilers do, and the better line.
func (o lintOptions) text(b *strings.Builder, r sysctl.LintReport) {
	paint := ink(o.io.Color)
	for _, i := range r.Issues {
		name := i.Severity.String()
		switch i.Severity {
		case sysctl.SeverityError:
			name = paint.bad(name)
		case sysctl.SeverityWarning:
			name = paint.warn(name)
		case sysctl.SeverityInfo:
		}
		fmt.Fprintf(b, "%s:%d: %s: %s %s\n", i.File, i.Line, name, report.Clean(i.Text()), paint.faint("["+i.Rule+"]"))
		switch {
		case i.Delete:
			fmt.Fprintln(b, "\tremove the line")
		case i.Replacement != "":
			fmt.Fprintf(b, "\twrite: %s\n", report.Clean(i.Replacement))
		}
	}
	if len(r.Issues) == 0 && o.io.ErrWidth > 0 {
		fmt.Fprintf(o.io.Err, "%s, nothing to say about them\n", count(len(r.Files), "file"))
	}
}

// list writes what is looked for.
func (o lintOptions) list() error {
	type rule struct {
		ID       string       `json:"id"`
		Severity string       `json:"severity"`
		Title    string       `json:"title"`
		Keys     []sysctl.Key `json:"keys,omitempty"`
	}
	var all []rule
	wide := 0
	for _, r := range sysctl.LintRules() {
		all = append(all, rule{r.ID, r.Severity.String(), r.Title, r.Keys})
		wide = max(wide, columns(r.ID))
	}
	slices.SortFunc(all, func(a, b rule) int { return strings.Compare(a.ID, b.ID) })
	if o.output == "json" {
		return writeJSON(o.io.Out, struct {
			Schema string `json:"schema"`
			Rules  []rule `json:"rules"`
		}{"tcpdoctor.lint-rules/v1", all})
	}
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%s  %s  %s\n", padded(r.ID, wide), padded(r.Severity, 7), r.Title)
	}
	return writeText(o.io.Out, b.String())
}
