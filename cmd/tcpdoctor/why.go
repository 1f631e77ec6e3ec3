package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// whySchema names the form of [whyDocument].
const whySchema = "tcpdoctor.why/v1"

// whyOptions are what `why` can be told.
type whyOptions struct {
	applyOptions
	key string
}

func newWhyCmd(io streams) *cobra.Command {
	o := whyOptions{applyOptions: applyOptions{io: io, command: "tcpdoctor why", netns: "self", output: "text", dryRun: true}}
	cmd := &cobra.Command{
		Use:   "why [KEY]",
		Short: "who set a parameter, and what would win at the next boot",
		Long: `Say where the value of a kernel parameter comes from: the running value, the
kernel's own default, every file and line that sets it in the order in which they
count (for systemd-sysctl at boot, and for sysctl --system by hand), the other
programs on this host that may set it, and the changes that tcpdoctor made. What
does not fit together is named. The last component of a name is enough: somaxconn

Without KEY, list every line of every file that sets a parameter, and the other
programs that do.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("want one parameter, such as net.core.somaxconn, or none for all that is set here")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return parameterNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.key = args[0]
			}
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runWhy(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.netns, "netns", o.netns, "network `namespace`: self, or a name, a process ID, a path")
	f.VarP(&o.output, "output", "o", "`format`: json, text")
	o.applyPlaces.declare(cmd)
	complete(cmd, "output", func() []string { return []string{"json", "text"} })
	return cmd
}

// parameterNames lists the parameters of the catalogue.
func parameterNames() []string {
	var out []string
	for _, s := range sysctl.All() {
		out = append(out, string(s.Key))
	}
	return out
}

func runWhy(ctx context.Context, o whyOptions) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if o.key == "" {
		return runOwners(o, s)
	}
	k, err := s.find(o.key)
	if err != nil {
		return err
	}
	in, err := s.whyInput(k, o.root)
	if err != nil {
		return err
	}
	w := sysctl.Explain(k, in)
	if o.output == "json" {
		return writeJSON(o.io.Out, newWhyDocument(w, s))
	}
	return writeText(o.io.Out, o.text(w, s))
}

// find returns the parameter that is meant by a name: the very one, or the only one
// whose last component it is.
func (s *applySite) find(name string) (sysctl.Key, error) {
	if !strings.ContainsAny(name, "./") {
		var found []sysctl.Key
		for _, spec := range sysctl.All() {
			if spec.Key.Base() == name && !spec.Key.IsPattern() {
				found = append(found, spec.Key)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return "", fmt.Errorf("%q is the end of several names: %s", name, strings.Trim(fmt.Sprint(found), "[]"))
		}
		if near, ok := sysctl.Nearest(name); ok {
			return "", fmt.Errorf("no parameter %q (did you mean %s?)", name, near)
		}
		return "", fmt.Errorf("no parameter %q", name)
	}
	k, err := sysctl.ParseKey(name)
	if err != nil {
		return "", err
	}
	if k.IsPattern() {
		return "", fmt.Errorf("%s stands for many parameters: name one interface, or \"all\"", k)
	}
	_, known := sysctl.Lookup(k)
	_, read := s.raw(k)
	if known || !errors.Is(read, fs.ErrNotExist) {
		return k, nil
	}
	if near, ok := sysctl.Nearest(name); ok {
		return "", fmt.Errorf("no parameter %q (did you mean %s?)", name, near)
	}
	return "", fmt.Errorf("no parameter %q", name)
}

// raw returns the value of a parameter in the namespace.
func (s *applySite) raw(k sysctl.Key) (raw string, err error) {
	failed := s.handle.Do(func() error {
		raw, err = s.tree.ReadRaw(k)
		return nil
	})
	return raw, errors.Join(failed, err)
}

// history returns the changes made to the namespace, the oldest first. Entries that
// cannot be read are told on the standard error.
func (s *applySite) history() []sysctl.Entry {
	all, err := s.journal.List()
	if err != nil {
		fmt.Fprintf(s.o.io.Err, "tcpdoctor: %s\n", message(err))
	}
	return slices.DeleteFunc(all, func(e sysctl.Entry) bool { return e.Identity.Is(s.target.Identity()) != nil })
}

// whyInput gathers what is to be known about a parameter. Whatever cannot be read is
// left out, but not the value itself.
func (s *applySite) whyInput(k sysctl.Key, root string) (sysctl.WhyInput, error) {
	in := sysctl.WhyInput{
		KeepsFiles: s.keepsFiles || root != "", Env: s.target.Env(), Initial: s.target.Identity().Initial, Journal: s.history(),
	}
	var err error
	if in.Conf, err = sysctl.LoadConf(root); err != nil {
		return in, err
	}
	// Programs of the host have to do with its own namespace.
	if in.KeepsFiles {
		in.Others = sysctl.LoadOthers(root)
	}
	in.Running, in.Err = s.raw(k)
	return in, nil
}

// whyDocument is what `why -o json` writes.
type whyDocument struct {
	Schema     string      `json:"schema"`
	Key        sysctl.Key  `json:"key"`
	Netns      rules.Netns `json:"netns"`
	Title      string      `json:"title,omitempty"`
	Running    *string     `json:"running"` // null where there is none
	Unread     string      `json:"unread,omitempty"`
	Default    *string     `json:"default"` // null where it cannot be told
	DefaultAs  string      `json:"default_rule,omitempty"`
	Origin     whyOrigin   `json:"origin"`
	Boot       *whyEnd     `json:"boot"`    // null where no file sets it
	ByHand     *whyEnd     `json:"by_hand"` // null where no file sets it
	Lines      []whyLine   `json:"lines"`
	Others     []whyOther  `json:"others"`
	Changes    []whyChange `json:"changes"`
	Drift      []whyDrift  `json:"drift"`
	TakesAt    string      `json:"takes_effect,omitempty"`
	FilesCount bool        `json:"files_count"` // whether files are applied to this namespace
}

type whyOrigin struct {
	Kind sysctl.OriginKind `json:"kind"`
	Name string            `json:"name,omitempty"`
	Line int               `json:"line,omitempty"`
	Text string            `json:"text"`
}

type whyEnd struct {
	Value string `json:"value"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

type whyLine struct {
	File   string      `json:"file"`
	Line   int         `json:"line"`
	Value  string      `json:"value"`
	Name   string      `json:"pattern,omitempty"`
	Boot   sysctl.Used `json:"boot,omitempty"`
	ByHand sysctl.Used `json:"by_hand,omitempty"`
	Hidden string      `json:"hidden_by,omitempty"`
}

type whyOther struct {
	Name     string `json:"name"`
	Active   bool   `json:"active"`
	Evidence string `json:"evidence"`
	Value    string `json:"value,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Note     string `json:"note"`
}

type whyChange struct {
	ID         string       `json:"id"`
	Title      string       `json:"title"`
	Phase      sysctl.Phase `json:"phase"`
	Created    time.Time    `json:"created"`
	Before     string       `json:"before"`
	After      string       `json:"after"`
	Reason     string       `json:"reason,omitempty"`
	SideEffect bool         `json:"side_effect,omitempty"`
}

type whyDrift struct {
	Class sysctl.DriftClass `json:"class"`
	Text  string            `json:"text"`
}

// newWhyDocument makes the document.
func newWhyDocument(w sysctl.Why, s *applySite) whyDocument {
	id := s.handle.ID()
	d := whyDocument{
		Schema: whySchema, Key: w.Key, Netns: rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: s.handle.Name()}, FilesCount: s.keepsFiles,
		Origin: whyOrigin{w.Origin.Kind, w.Origin.Name, w.Origin.Line, originText(w)},
		Lines:  []whyLine{}, Others: []whyOther{}, Changes: []whyChange{}, Drift: []whyDrift{},
	}
	if w.Known {
		d.Title, d.DefaultAs, d.TakesAt = w.Spec.Title, w.Spec.Default.Text, w.Spec.Takes.String()
	}
	if w.Err == nil {
		d.Running = &w.Running
	} else {
		d.Unread = message(w.Err)
	}
	if w.HasDefault {
		d.Default = &w.Default.Value
	}
	end := func(e sysctl.Expectation) *whyEnd {
		if !e.Set {
			return nil
		}
		return &whyEnd{e.Value, e.File, e.Line}
	}
	d.Boot, d.ByHand = end(w.Boot), end(w.ByHand)
	for _, l := range w.Lines() {
		d.Lines = append(d.Lines, whyLine{File: l.File, Line: l.Line, Value: l.Value, Name: patternOf(l.Assignment), Boot: l.Boot, ByHand: l.ByHand})
	}
	for _, l := range w.Hidden {
		d.Lines = append(d.Lines, whyLine{File: l.File, Line: l.Line, Value: l.Value, Name: patternOf(l.Assignment), Hidden: l.By})
	}
	for _, c := range w.Claims {
		d.Others = append(d.Others, whyOther{c.Name, c.Active, c.Evidence, c.Value, c.File, c.Line, c.Note})
	}
	for _, c := range w.Changes {
		d.Changes = append(d.Changes, whyChange{c.ID, c.Title, c.Phase, c.Created, c.Before, c.After, c.Reason, c.SideEffect})
	}
	for _, x := range w.Drift {
		d.Drift = append(d.Drift, whyDrift{x.Class, x.Text})
	}
	return d
}

// patternOf returns the name in a line that stands for several parameters.
func patternOf(a sysctl.Assignment) string {
	if !a.IsPattern() {
		return ""
	}
	return strings.ReplaceAll(a.Path, "/", ".")
}
