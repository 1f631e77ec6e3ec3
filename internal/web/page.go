package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// pageOnce makes what the page shows, when somebody looks for the first time.
type pageOnce struct {
	once sync.Once
	doc  pageDoc
}

// pageDoc is all that the page shows, in words. It serves the page alone: its
// form changes with it, and programs read the report and the findings instead.
type pageDoc struct {
	Version string `json:"version"`
	// Ready tells that a judgement was made; without one there is little else.
	Ready bool   `json:"ready"`
	Where string `json:"where,omitempty"`
	Tone  string `json:"tone"` // good, warn, bad, unknown
	// Verdict is the answer in one line, Aside what goes with it.
	Verdict string `json:"verdict"`
	Aside   string `json:"aside,omitempty"`

	Now time.Time `json:"now"`
	// AgeSeconds is how long ago the last tick was, WalkAgeSeconds the last walk.
	AgeSeconds      *float64 `json:"age_seconds,omitempty"`
	WalkAgeSeconds  *float64 `json:"walk_age_seconds,omitempty"`
	IntervalSeconds float64  `json:"interval_seconds"`
	LastTick        string   `json:"last_tick,omitempty"`

	Incidents []pageIncident `json:"incidents"`
	// MoreIncidents counts those that are left out.
	MoreIncidents int `json:"more_incidents,omitempty"`

	Scope  *report.ToldScope  `json:"scope,omitempty"`
	Charts []chart            `json:"charts"`
	Latest map[string]float64 `json:"latest"`
	Tables []pageTable        `json:"tables"`
	Agent  []pageFact         `json:"agent"`
	// HistoryProblem says why there is no past; "" if there is.
	HistoryProblem string `json:"history_problem,omitempty"`
}

// incidentsShown is how many incidents the page shows: the most urgent ones.
const incidentsShown = 50

// pageIncident is an incident in words.
type pageIncident struct {
	UID        string    `json:"uid"`
	ID         string    `json:"id"`
	State      string    `json:"state"`
	Severity   string    `json:"severity"`
	Confidence string    `json:"confidence"`
	Cause      string    `json:"cause,omitempty"`
	Summary    string    `json:"summary"`
	Why        string    `json:"why"`
	Since      time.Time `json:"since"`
	// UnseenSince is when it was last seen, where the last look did not find it:
	// it stays open until it was gone for long enough.
	UnseenSince time.Time `json:"unseen_since,omitzero"`
	// FollowsFrom is the summary of the incident that explains this one.
	FollowsFrom string `json:"follows_from,omitempty"`
	Reopened    int    `json:"reopened,omitempty"`
	Recording   string `json:"recording,omitempty"`
	report.Told
}

// pageTable is some rows under a heading.
type pageTable struct {
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	More    int        `json:"more,omitempty"` // rows left out
}

// pageFact is one thing about the agent.
type pageFact struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Bad  bool   `json:"bad,omitempty"`
}

// page answers the page's own question: how does it stand now?
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	p := s.current.Load()
	if p == nil {
		answer(w, http.StatusOK, pageDoc{
			Version: report.Clean(s.version), Tone: "unknown", Verdict: "waiting for the first look", Now: s.now(),
			Incidents: []pageIncident{}, Charts: answered(nil), Latest: map[string]float64{},
			Tables: []pageTable{}, Agent: []pageFact{}, HistoryProblem: s.historyProblem(nil),
		})
		return
	}
	p.page.once.Do(func() { p.page.doc = s.document(p) })
	doc := p.page.doc
	doc.Now = s.now()
	age := max(0, doc.Now.Sub(p.at).Seconds())
	doc.AgeSeconds = &age
	if !p.LastWalk.IsZero() {
		walk := max(0, age+p.LastTick.Sub(p.LastWalk).Seconds())
		doc.WalkAgeSeconds = &walk
	}
	answer(w, http.StatusOK, doc)
}

// document puts a snapshot into words.
func (s *Server) document(p *published) pageDoc {
	doc := pageDoc{
		Version: report.Clean(s.version), Ready: p.Ready, IntervalSeconds: p.Pace.Interval.Seconds(),
		Incidents: []pageIncident{}, Charts: answered(p.figures), Latest: map[string]float64{},
		Tables: []pageTable{}, Agent: agentFacts(p), HistoryProblem: s.historyProblem(p),
	}
	if !p.LastTick.IsZero() {
		doc.LastTick = p.LastTick.Format(time.RFC3339)
	}
	if p.figures != nil {
		doc.Latest = p.figures.latest
		doc.Tables = tables(p.figures)
	}
	rep := p.Report
	if rep == nil {
		rep = &report.Report{}
	} else {
		scope := rep.TellScope()
		doc.Scope = &scope
		doc.Where = where(rep)
	}
	all := current(p.Incidents)
	shown, rest := split(all, incidentsShown)
	doc.MoreIncidents = len(rest)
	for _, i := range shown {
		told := tellIncident(rep, i, all)
		if p.LastTick.Sub(i.LastSeen) > p.Pace.Interval/2 {
			told.UnseenSince = i.LastSeen
		}
		doc.Incidents = append(doc.Incidents, told)
	}
	doc.Tone, doc.Verdict, doc.Aside = verdict(p, all)
	return doc
}

// current returns the incidents that are not over, the most urgent first; what
// follows from another one comes after those that do not.
func current(all []incident.Incident) []incident.Incident {
	out := slices.DeleteFunc(slices.Clone(all), func(i incident.Incident) bool { return i.State == incident.Ended })
	slices.SortFunc(out, func(a, b incident.Incident) int {
		switch {
		case a.State == b.State && a.CausedBy == "" && b.CausedBy != "":
			return -1
		case a.State == b.State && a.CausedBy != "" && b.CausedBy == "":
			return 1
		}
		return urgency(a, b)
	})
	return out
}

func tellIncident(rep *report.Report, i incident.Incident, all []incident.Incident) pageIncident {
	f := i.Finding
	out := pageIncident{
		UID: i.UID, ID: i.Key.ID, State: string(i.State), Severity: string(i.Severity),
		Confidence: string(f.Confidence), Cause: report.Clean(f.Cause), Summary: report.Clean(f.Summary),
		Why: report.Clean(f.Explanation), Since: i.Since, Reopened: i.Reopened, Recording: report.Clean(i.Recording),
		Told: rep.Tell(f),
	}
	for _, j := range all {
		if i.CausedBy != "" && j.UID == i.CausedBy {
			out.FollowsFrom = report.Clean(j.Finding.Summary)
		}
	}
	return out
}

// verdict is the answer in one line.
func verdict(p *published, all []incident.Incident) (tone, text, aside string) {
	var critical, warnings, remarks, pending, follow int
	for _, i := range all {
		switch {
		case i.State == incident.Pending:
			pending++
		case i.CausedBy != "":
			follow++
		case i.Severity == "critical":
			critical++
		case i.Severity == "warning":
			warnings++
		default:
			remarks++
		}
	}
	var asides []string
	add := func(n int, one, more string) {
		if n > 0 {
			asides = append(asides, count(n, one, more))
		}
	}
	add(remarks, "remark", "remarks")
	add(follow, "consequence", "consequences")
	add(pending, "more is being watched", "more are being watched")
	aside = strings.Join(asides, ", ")
	switch {
	case critical > 0 && warnings > 0:
		return "bad", fmt.Sprintf("%d critical, %s", critical, count(warnings, "warning", "warnings")), aside
	case critical > 0:
		return "bad", fmt.Sprintf("%d critical", critical), aside
	case warnings > 0:
		return "warn", count(warnings, "warning", "warnings"), aside
	case !p.Ready || p.Report == nil:
		return "unknown", "waiting for the first judgement", aside
	case !p.Report.Judged():
		return "unknown", "nothing could be judged", aside
	case len(p.Report.Unknown) > 0:
		checks := p.Report.LookedAt.Checks
		return "good", fmt.Sprintf("no problem found by %d of %d checks", checks-len(p.Report.Unknown), checks), aside
	}
	return "good", "no problem found", aside
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return figure(float64(n)) + " " + more
}

func where(rep *report.Report) string {
	var parts []string
	if rep.Host.Hostname != "" {
		parts = append(parts, report.Clean(rep.Host.Hostname))
	}
	if rep.Host.Kernel != "" {
		parts = append(parts, "Linux "+report.Clean(rep.Host.Kernel))
	}
	return strings.Join(parts, " · ")
}

func (s *Server) historyProblem(p *published) string {
	switch {
	case s.history == nil:
		return "no history is kept"
	case p != nil && p.Store.Problem != "":
		return report.Clean(p.Store.Problem)
	}
	return ""
}
