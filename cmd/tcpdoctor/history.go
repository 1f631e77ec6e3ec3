package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// historySchema names the form of the document.
const historySchema = "tcpdoctor.history/v1"

// historyOptions are what `history` can be told.
type historyOptions struct {
	io           streams
	now          time.Time
	since, until string
	id, netns    string
	open         bool
	output       string
	stateDir     string
}

func newHistoryCmd(io streams) *cobra.Command {
	o := historyOptions{io: io, since: "7d", output: "text"}
	cmd := &cobra.Command{
		Use:   "history",
		Short: "what the agent found: history, history show UID",
		Long: `List what the agent found, what began last first, whether the agent runs or not.

--since and --until take how long ago (7d, 36h, 2w, 1d12h) or a time
(2006-01-02, "2006-01-02 15:04", 2006-01-02T15:04:05Z, today, yesterday).`,
		Args: func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			return runHistory(o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", o.since, "what was there after this `time`")
	f.StringVar(&o.until, "until", "", "what was there before this `time` (default now)")
	f.StringVar(&o.id, "id", "", "only findings of this `ID`")
	f.StringVar(&o.netns, "netns", "", "only those of a `namespace`, by the name or container that the list shows")
	f.BoolVar(&o.open, "open", false, "only what has not ended")
	complete(cmd, "id", ruleIDs)
	cmd.PersistentFlags().StringVarP(&o.output, "output", "o", o.output, "`format`: "+joined(articleFormats()))
	cmd.PersistentFlags().StringVar(&o.stateDir, "state-dir", "", "`folder` of the agent's state instead of "+sysctl.DefaultStateDir)
	cmd.AddCommand(newHistoryShowCmd(&o))
	return cmd
}

func ruleIDs() []string {
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID+"\t"+r.Title)
	}
	return ids
}

// configure fills in what files and the environment set: where the state is, and
// nothing else. What suits diagnosis must not narrow what is listed.
func (o *historyOptions) configure(cmd *cobra.Command) error {
	if !slices.Contains(articleFormats(), o.output) {
		return fmt.Errorf("no format %q (there are: %s)", o.output, joined(articleFormats()))
	}
	o.now = time.Now()
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	if o.stateDir == "" {
		s, err := loadSettings(path)
		if err != nil {
			return err
		}
		o.stateDir = cmp.Or(s.StateDir, sysctl.DefaultStateDir)
	}
	return nil
}

// historyDocument is what is written for programs.
type historyDocument struct {
	Schema   string    `json:"schema"`
	StateDir string    `json:"state_dir"`
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	// LastTick is when the agent looked last, to a minute.
	LastTick  time.Time      `json:"last_tick,omitzero"`
	Incidents []pastIncident `json:"incidents"`
	// Unreadable counts incidents that are damaged on the disk.
	Unreadable int `json:"unreadable,omitempty"`
}

// pastIncident is an incident with how long it took and what was recorded.
type pastIncident struct {
	incident.Incident
	// DurationSeconds goes to the end, or to when it was last seen.
	DurationSeconds float64 `json:"duration_seconds"`
	// Recordings are the files that `diagnose --from` reads, the window in
	// which it opened first. They are given where one incident is shown.
	Recordings []pastRecording `json:"recordings,omitempty"`
}

// pastRecording is one window.
type pastRecording struct {
	Path string    `json:"path"`
	At   time.Time `json:"at"`
}

func pastOf(in incident.Incident) pastIncident {
	end := in.LastSeen
	if in.State == incident.Ended {
		end = in.EndedAt
	}
	for _, f := range []*rules.Finding{&in.Finding, &in.Worst} { // scripts expect lists
		f.Evidence = append([]rules.Evidence{}, f.Evidence...)
		f.Prescriptions = append([]rules.Prescription{}, f.Prescriptions...)
	}
	return pastIncident{Incident: in, DurationSeconds: max(0, end.Sub(in.Since).Seconds())}
}

// reader opens the history. Where there is none, found is false.
func (o *historyOptions) reader() (r *history.Reader, found bool, err error) {
	path := filepath.Join(o.stateDir, history.DefaultFile)
	r, err = history.OpenReadOnly(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, false, fmt.Errorf("cannot read %s: permission denied; it is the agent's own: run this as root or as the agent's user", path)
	case errors.Is(err, history.ErrDamaged):
		return nil, false, fmt.Errorf("%w; the agent moves it aside and begins a new one when it starts", err)
	}
	return r, err == nil, err
}

func runHistory(o historyOptions) error {
	d := historyDocument{Schema: historySchema, StateDir: o.stateDir, Incidents: []pastIncident{}}
	var err error
	if d.Since, err = parseMoment(o.since, o.now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if d.Until, err = parseMoment(cmp.Or(o.until, "now"), o.now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if d.Until.Before(d.Since) {
		return fmt.Errorf("--until %s is before --since %s", d.Until.Format(time.DateTime), d.Since.Format(time.DateTime))
	}
	if o.id != "" {
		if err := knownRule(o.id); err != nil {
			return err
		}
	}
	r, found, err := o.reader()
	if err != nil {
		return err
	}
	if !found {
		if o.output == "text" {
			return writeText(o.io.Out, o.none())
		}
		fmt.Fprint(o.io.Err, "tcpdoctor: "+o.none())
		return o.write(d, nil)
	}
	all, unreadable, err := r.Incidents(history.Query{Since: d.Since, Until: d.Until, Match: o.matches})
	if err != nil {
		return err
	}
	if d.LastTick, err = r.LastTick(); err != nil {
		return err
	}
	d.LastTick = d.LastTick.UTC()
	d.Unreadable = unreadable
	for _, in := range all {
		d.Incidents = append(d.Incidents, pastOf(in))
	}
	return o.write(d, o.listText)
}

// none says that there is no history.
func (o *historyOptions) none() string {
	return fmt.Sprintf("no history in %s: no agent has run here (tcpdoctor agent)\n", report.Clean(o.stateDir))
}

// knownRule refuses an ID that no rule has.
func knownRule(id string) error {
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	if slices.Contains(ids, id) {
		return nil
	}
	return fmt.Errorf("--id: no finding %q%s", id, suggestion(id, ids))
}

// matches selects by what an incident is about.
func (o *historyOptions) matches(in *incident.Incident) bool {
	n := in.Finding.Netns
	return (o.id == "" || in.Key.ID == o.id) && (!o.open || in.State == incident.Open) &&
		(o.netns == "" || o.netns == in.Netns || o.netns == n.Name || n.Container != "" && strings.HasPrefix(n.Container, o.netns) || o.netns == fmt.Sprint(n.Inode))
}

// write writes the document in the form that was asked for.
func (o *historyOptions) write(d historyDocument, text func(historyDocument) string) error {
	switch o.output {
	case "json":
		b, err := report.EncodeJSON(d)
		if err != nil {
			return err
		}
		return writeText(o.io.Out, string(b))
	case "yaml":
		return report.WriteYAML(o.io.Out, d)
	}
	return writeText(o.io.Out, text(d))
}
