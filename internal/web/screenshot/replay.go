package main

import (
	"fmt"
	"os"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// replay judges a recording as if it had just been taken: what is found is open.
func replay(path string) (web.Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return web.Snapshot{}, err
	}
	defer f.Close()
	w, err := facts.Decode(f)
	if err != nil {
		return web.Snapshot{}, fmt.Errorf("%s: %w", path, err)
	}
	v := model.NewView(w)
	result := rules.Eval(v, rules.Options{})
	end := w.Started.Add(time.Duration(w.Seconds * float64(time.Second)))
	snap := web.Snapshot{
		Ready: true, LastTick: end, LastWalk: end, View: v, Report: report.New(v, result, "1.0.0"),
		Pace: web.Pace{Ticks: 1, Walks: 1, Interval: 10 * time.Second, WalkInterval: 10 * time.Second},
	}
	for i, f := range result.Findings {
		subject := incident.SubjectText(f.Subject)
		snap.Incidents = append(snap.Incidents, incident.Incident{
			UID: fmt.Sprint(i), Key: incident.Key{ID: f.ID, Subject: subject}, Subject: subject, State: incident.Open,
			Severity: f.Severity, Peak: f.Severity, Since: w.Started, Opened: w.Started, LastSeen: end, Finding: f, Worst: f,
		})
	}
	return snap, nil
}
