package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// codeRefused is the exit code of a command that changes settings and was
// refused, declined, or undone.
const codeRefused = 1

// lockPatience is how long a command waits for another one that changes
// settings.
const lockPatience = 5 * time.Second

// applyOptions are what every command that changes settings can be told. Such a
// command embeds it, declares its flags with [applyOptions.declare], and then,
// in this order:
//
//	o.configure(cmd)           settings of files and the environment
//	o.mayAsk()                 refuse early where nobody can be asked
//	site, err := o.open(ctx)   the namespace, the journal, what was left open
//	defer site.close()
//	return o.run(ctx, site, applyRequest{title: ..., wants: ...})
//
// [applyOptions.run] is made of [applySite.plan], [applyOptions.showPlan],
// [applyOptions.carryOut] and [applyOptions.finish], for a command that has
// something to do in between.
type applyOptions struct {
	io streams
	// command is what the lock and the journal call this process.
	command string
	// netns is the one namespace to change.
	netns string
	// confirmWithin, when not zero, undoes the change unless it is confirmed.
	confirmWithin duration
	// persist keeps the values for the next boot as well.
	persist bool
	// yes does without a question, dryRun shows the plan and ends.
	yes, dryRun bool
	// diff shows what becomes of the configuration file.
	diff bool
	// output is "text" or "json".
	output applyFormat
	applyPlaces
	// settings are what files and the environment say.
	settings settings
}

// applyPlaces is where changes are recorded and values are kept; both are empty
// but for tests and unusual hosts.
type applyPlaces struct {
	// stateDir is the journal's folder.
	stateDir string
	// root is the folder below which configuration files are looked for.
	root string
}

// declare declares the flags of a command that changes settings.
func (o *applyOptions) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	o.netns, o.output = "self", "text"
	f.StringVar(&o.netns, "netns", o.netns, "namespace: self, a `NAME`, PID or PATH")
	f.Var(&o.confirmWithin, "confirm-within", "undo the change after this time unless it is confirmed (tcpdoctor change confirm ID); 0 does not")
	f.BoolVar(&o.persist, "persist", false, "keep the values for the next boot, in "+sysctl.PersistPath)
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "show the plan and change nothing")
	f.BoolVar(&o.diff, "diff", false, "show what becomes of the configuration file")
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
}

// declare declares the hidden flags for unusual places.
func (p *applyPlaces) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.stateDir, "state-dir", "", "`folder` in which changes are recorded instead of "+sysctl.DefaultStateDir)
	f.StringVar(&p.root, "root", "", "`folder` below which configuration files are looked for")
	for _, name := range []string{"state-dir", "root"} {
		if err := f.MarkHidden(name); err != nil {
			panic("tcpdoctor: hide --" + name + ": " + err.Error()) // our own mistake: no such flag
		}
	}
}

// configure fills in what files and the environment set. The namespace and the
// format are not taken from there: what suits monitoring must not redirect a
// change.
func (o *applyOptions) configure(cmd *cobra.Command) error {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	if o.settings, err = loadSettings(path); err != nil {
		return err
	}
	s := o.settings
	if err := (settings{Window: s.Window, Deadline: s.Deadline, StateDir: s.StateDir, Root: s.Root}).apply(cmd); err != nil {
		return err
	}
	if o.root != "" {
		o.root, err = filepath.Abs(o.root) // files are looked for from there, wherever links lead
	}
	return err
}

// mayAsk refuses, before anything else is done, where a question would be needed
// and nobody is there to answer it.
func (o *applyOptions) mayAsk() error {
	switch {
	case o.yes || o.dryRun:
		return nil
	case o.output == "json":
		return o.refuse("-o json leaves no room for a question: add --yes, or --dry-run to see the plan")
	case !o.io.asks():
		return o.refuse("there is no terminal to ask on: add --yes, or --dry-run to see the plan")
	}
	return nil
}

// refuse says in one line why nothing was done.
func (o *applyOptions) refuse(format string, args ...any) error {
	fmt.Fprintf(o.io.Err, "tcpdoctor: %s\n", message(fmt.Errorf(format, args...)))
	return exit(codeRefused)
}

// applySite is one namespace that may be changed, and where that is recorded.
type applySite struct {
	target  *sysctl.Target
	journal *sysctl.Journal
	handle  *netns.Handle
	// name is how people call the namespace.
	name string
	// keepsFiles says that the host's configuration files are about this
	// namespace.
	keepsFiles bool

	o    *applyOptions
	tree *sysctl.Dir
}

// open opens the namespace and the journal, and brings changes to an end that an
// earlier process left open, unless this is a dry run.
func (o *applyOptions) open(ctx context.Context) (*applySite, error) {
	if o.netns == "all" {
		return nil, errors.New("--netns all: one namespace is changed at a time; name it")
	}
	find := netns.Self
	if o.netns != "self" {
		find = func() (*netns.Handle, error) { return netns.Open(o.netns) }
	}
	handle, err := find()
	if err != nil {
		return nil, err
	}
	return o.enter(ctx, handle, nameOf(handle, o.netns))
}

// enter is [applyOptions.open] for a namespace that is open already, which closes
// with the site.
func (o *applyOptions) enter(ctx context.Context, h *netns.Handle, name string) (*applySite, error) {
	s := &applySite{o: o, journal: o.journal(), handle: h, name: name}
	var err error
	if s.tree, err = sysctl.OpenDir(""); err == nil {
		s.target, err = sysctl.NewTarget(sysctl.TargetOptions{Tree: s.tree, Namespace: s.handle, Name: s.handle.Name()})
	}
	if err == nil {
		s.keepsFiles = s.target.Identity().Initial || isFirst(s.handle)
		if o.persist && !s.keepsFiles {
			err = o.refuse("--persist is refused for %s: configuration files belong to the host, and at boot they are read for its own namespace only", s.name)
		}
	}
	if err == nil && !o.dryRun {
		err = s.recover(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// journal returns the journal of changes.
func (o *applyOptions) journal() *sysctl.Journal {
	return sysctl.NewJournal(sysctl.JournalOptions{Dir: o.stateDir, Command: o.command, LockWait: lockPatience})
}

// nameOf is how people call a namespace.
func nameOf(h *netns.Handle, spec string) string {
	switch {
	case h.IsSelf():
		return "this namespace"
	case h.Name() != "":
		return "namespace " + h.Name()
	}
	return "the namespace of " + spec
}

// isFirst says whether a namespace is that of the first process: then the
// configuration files that this process sees are read for it when a container with
// an init of its own starts. Where it may not be seen, it is not.
func isFirst(h *netns.Handle) bool {
	first, err := netns.Open("/proc/1/ns/net")
	if err != nil {
		return false
	}
	defer first.Close()
	return first.Same(h)
}

// recover brings to an end what was left open, and tells of it.
func (s *applySite) recover(ctx context.Context) error {
	done, err := s.journal.Recover(ctx, sysctl.FindTarget(s.tree))
	for _, r := range done {
		e := r.Entry.Redacted()
		line := fmt.Sprintf("change %s (%s): %s", e.ID, e.Title, e.Phase)
		if e.Failure != "" {
			line += ": " + e.Failure
		}
		if r.Err != nil {
			line += ": " + r.Err.Error()
		}
		fmt.Fprintf(s.o.io.Err, "tcpdoctor: %s\n", message(errors.New(line)))
	}
	return err
}

// close lets go of the namespace.
func (s *applySite) close() {
	if s.tree != nil {
		_ = s.tree.Close()
	}
	if s.handle != nil {
		_ = s.handle.Close()
	}
}
