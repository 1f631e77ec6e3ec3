package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// contents lists what can be explained.
func contents() report.Article {
	var findings []report.Item
	for _, r := range rules.All() {
		findings = append(findings, report.Item{Name: r.ID, Text: r.Title})
	}
	var states, settings, counters []string
	for _, s := range model.States() {
		states = append(states, s.Name)
	}
	for _, s := range sysctl.All() {
		settings = append(settings, s.Key.String())
	}
	for _, c := range model.CounterDocs() {
		counters = append(counters, string(c.Name))
	}
	slices.Sort(settings)
	slices.Sort(counters)
	return report.Article{
		Name: "tcpdoctor explain", Kind: "contents", Title: "what can be explained",
		Sections: []report.Section{
			{Heading: "findings", Items: findings},
			{Heading: "states", Text: "how they follow each other: tcpdoctor explain states", Names: states},
			{Heading: "settings", Names: settings},
			{Heading: "counters", Names: counters},
		},
	}
}

func explainFinding(term string) (report.Article, bool) {
	for _, r := range rules.All() {
		if r.ID == strings.ToLower(strings.ReplaceAll(term, "_", "-")) {
			return findingArticle(r), true
		}
	}
	return report.Article{}, false
}

func findingArticle(r rules.Rule) report.Article {
	a := report.Article{Name: r.ID, Kind: "finding", Title: r.Title}
	a.Add("what is wrong", r.Doc.What)
	a.Add("how we know", r.Doc.How)
	a.Add("what it costs", r.Doc.Cost)
	a.Add("what to change", r.Doc.Change)
	a.Add("what could get worse", r.Doc.Worse)
	a.Add("source", r.Doc.Source)
	var causes, thresholds []report.Item
	for _, c := range r.Causes {
		causes = append(causes, report.Item{Name: c.Name, Text: c.Meaning})
	}
	for _, t := range r.Thresholds {
		value := strconv.FormatFloat(t.Default, 'g', -1, 64)
		if t.Unit != "" && !strings.HasPrefix(t.Unit, "/") {
			value += " "
		}
		thresholds = append(thresholds, report.Item{
			Name: t.Name, Text: fmt.Sprintf("%s%s: %s (setting thresholds.%s.%s)", value, t.Unit, t.Meaning, r.ID, t.Name),
		})
	}
	if len(causes) > 0 {
		a.Sections = append(a.Sections, report.Section{Heading: "causes", Items: causes})
	}
	if len(thresholds) > 0 {
		a.Sections = append(a.Sections, report.Section{Heading: "thresholds", Items: thresholds})
	}
	if len(r.Counters) > 0 {
		a.Sections = append(a.Sections, report.Section{Heading: "counters it reads", Names: r.Counters})
	}
	return a
}

func explainState(term string) (report.Article, bool) {
	s, ok := model.FindState(term)
	if !ok {
		return report.Article{}, false
	}
	a := report.Article{Name: s.Name, Kind: "state", Title: "a TCP state"}
	a.Add("what it is", s.Meaning)
	a.Add("who must act next", s.Next)
	a.Add("how long it may last, with the kernel's defaults", s.HowLong(model.DefaultSettings(model.NewDialect(model.Probe{}), 0)))
	a.Add("what many of them mean", s.PileUp)
	a.Add("defined in", s.RFC)
	return a, true
}

func explainCounter(term string) (report.Article, bool) {
	c, ok := model.FindCounter(term)
	if !ok {
		return report.Article{}, false
	}
	kind := "counter"
	if c.Gauge {
		kind = "gauge"
	}
	a := report.Article{Name: string(c.Name), Kind: "counter", Title: "a kernel " + kind}
	a.Add("when it counts", c.When)
	a.Add("what it tells", c.Tells)
	a.Add("what it does not tell", c.Trap)
	a.Add("where it is read", "/proc/net/"+c.File())
	if c.Since != "" {
		a.Add("since", "Linux "+c.Since)
	}
	var readers []string
	for _, r := range rules.All() {
		for _, name := range r.Counters {
			if name == string(c.Name) {
				readers = append(readers, r.ID)
			}
		}
	}
	if len(readers) > 0 {
		a.Sections = append(a.Sections, report.Section{Heading: "findings that rest on it", Names: readers})
	}
	return a, true
}

// explainSetting finds a parameter by its key, in any spelling that sysctl(8)
// takes, or by its last component where that names only one.
func explainSetting(term string) (report.Article, bool) {
	if key, err := sysctl.ParseKey(term); err == nil {
		if s, ok := sysctl.Lookup(key); ok {
			return settingArticle(s), true
		}
	}
	var found []sysctl.Spec
	for _, s := range sysctl.All() {
		if s.Key.Base() == term {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return report.Article{}, false
	}
	return settingArticle(found[0]), true
}

func settingArticle(s sysctl.Spec) report.Article {
	a := report.Article{Name: s.Key.String(), Kind: "setting", Title: s.Title}
	value := s.Type.String()
	if len(s.Fields) > 0 {
		value += " of " + strings.Join(s.Fields, ", ")
	}
	if s.Unit != sysctl.None {
		value += " in " + string(s.Unit)
	}
	if s.Range != (sysctl.Range{}) {
		value += fmt.Sprintf(", sensibly %d to %d", s.Range.Min, s.Range.Max)
	}
	a.Add("value", value)
	a.Add("default", s.Default.Text)
	a.Add("what it solves", s.Solves)
	a.Add("what it costs", s.SideEffects)
	takes := s.Takes.String()
	if s.TakesNote != "" {
		takes += " (" + s.TakesNote + ")"
	}
	a.Add("takes effect", takes)
	a.Add("belongs to", s.Scope.String())
	a.Add("risk", s.Risk.String())
	for _, h := range s.Hazards {
		values := strconv.FormatInt(h.Low, 10)
		if h.High != h.Low {
			values += " to " + strconv.FormatInt(h.High, 10)
		}
		a.Add("beware of "+values, h.Risk.String()+": "+h.Why)
	}
	a.Add("what the kernel refuses", s.KernelCheck)
	a.Add("instead", s.Instead)
	a.Add("documented in", s.Doc)
	return a
}
