package main

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// fixSchema names the form of [fixResult].
const fixSchema = "tcpdoctor.fix-result/v1"

// fixResult is what came of a run of `fix`, as it is written with -o json.
type fixResult struct {
	Schema        string      `json:"schema"`
	Netns         rules.Netns `json:"netns"`
	WindowSeconds float64     `json:"window_seconds"`
	// Cured says that nothing is wrong, or nothing any more.
	Cured bool `json:"cured"`
	// Changed says that a change is in force, or would be made in a dry run.
	Changed bool `json:"changed"`
	DryRun  bool `json:"dry_run,omitempty"`
	// Declined says that somebody was asked and did not agree.
	Declined bool `json:"declined,omitempty"`
	// ChangeID is the change's where there is only one.
	ChangeID string      `json:"change_id,omitempty"`
	Keys     []applyRow  `json:"keys"`
	Changes  []fixChange `json:"changes"`
	// NoSettingHelps are the findings that no setting helps against.
	NoSettingHelps []fix.Hopeless `json:"no_setting_helps"`
	// New are findings that were not there before the change.
	New []string `json:"new,omitempty"`
}

// fixChange is one change that was tried.
type fixChange struct {
	applyResult
	// Cases are the findings it was to cure.
	Cases []fixCase `json:"cases"`
	// Resume is the command that measures it again, where that is needed.
	Resume string `json:"resume,omitempty"`
	// NotPutBack are parameters that an undo left alone, and why.
	NotPutBack []string `json:"not_put_back,omitempty"`
}

// fixCase is one finding that was to be cured.
type fixCase struct {
	ID       string         `json:"id"`
	Cause    string         `json:"cause,omitempty"`
	Severity rules.Severity `json:"severity"`
	Subject  rules.Subject  `json:"subject"`
	Summary  string         `json:"summary"`
	Expected []fix.Expected `json:"expected"`
	// Acting is who has to act before the change has an effect.
	Acting *fix.Acting `json:"acting,omitempty"`
	// Outcome, Why and Figures are absent where nothing was changed.
	*fix.Judgement
}

// document is the run as scripts see it.
func (w *fixWork) document() fixResult {
	id := w.s.handle.ID()
	d := fixResult{
		Schema: fixSchema, WindowSeconds: time.Duration(w.o.window).Seconds(), Cured: w.cured(), DryRun: w.o.dryRun, Declined: w.declined,
		Netns: rules.Netns{Cookie: id.Cookie, Inode: id.Inode, Name: w.s.handle.Name()},
		Keys:  []applyRow{}, Changes: []fixChange{}, NoSettingHelps: w.hopeless, New: w.fresh,
	}
	if d.NoSettingHelps == nil {
		d.NoSettingHelps = []fix.Hopeless{}
	}
	for _, t := range w.attempts {
		c := fixChange{applyResult: t.result, NotPutBack: t.left}
		if c.Refused == "" {
			c.Refused = t.refused
		}
		for i, k := range t.attempt.Cases {
			f := k.Finding
			one := fixCase{ID: f.ID, Cause: f.Cause, Severity: f.Severity, Subject: f.Subject, Summary: f.Summary,
				Expected: k.Expected, Acting: k.Acting()}
			if i < len(t.judged) {
				one.Judgement = &t.judged[i]
			}
			c.Cases = append(c.Cases, one)
		}
		if t.made() && t.has(fix.Waiting, fix.Unproven) {
			c.Resume = "tcpdoctor fix --resume " + t.result.ChangeID
		}
		d.Keys = append(d.Keys, t.result.Keys...)
		d.Changed = d.Changed || t.made() || w.o.dryRun && t.result.Changed
		d.Changes = append(d.Changes, c)
	}
	if len(d.Changes) == 1 {
		d.ChangeID = d.Changes[0].ChangeID
	}
	return d
}
