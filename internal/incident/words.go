package incident

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// alertUID names one alert of an incident.
func alertUID(incident string, number int) string { return fmt.Sprintf("%s.%d", incident, number) }

// AlertName is the alertname label of a rule: "TcpdoctorAcceptQueueOverflow".
func AlertName(id string) string {
	var b strings.Builder
	b.WriteString("Tcpdoctor")
	for word := range strings.SplitSeq(id, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// labels are constant for the life of an alert.
func (t *Tracker) labels(r *record) map[string]string {
	return map[string]string{
		"alertname": AlertName(r.Key.ID),
		"id":        r.Key.ID,
		"severity":  string(r.Severity),
		"instance":  t.options.Instance,
		"netns":     r.Netns,
		"subject":   r.Subject,
	}
}

// annotations are the words and figures of an alert.
func (t *Tracker) annotations(r *record) map[string]string {
	f := &r.Finding
	out := map[string]string{
		"summary":     f.Summary,
		"description": f.Explanation,
		"cause":       t.cause(f),
		"actor":       string(f.Actor),
		"confidence":  string(f.Confidence),
		"since":       r.Since.UTC().Format(time.RFC3339),
		"do":          do(f),
		"ended":       r.EndReason,
	}
	if t.rules[r.Key.ID] != nil {
		out["runbook"] = "tcpdoctor explain " + r.Key.ID
	}
	for _, e := range f.Evidence {
		out["evidence_"+annotationName(e.Name)] = figure(e)
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

// cause is the cause with its meaning.
func (t *Tracker) cause(f *rules.Finding) string {
	if r := t.rules[f.ID]; r != nil {
		if i := slices.IndexFunc(r.Causes, func(c rules.Cause) bool { return c.Name == f.Cause }); i >= 0 {
			return f.Cause + ": " + r.Causes[i].Meaning
		}
	}
	return f.Cause
}

// do is the first thing to do that helps.
func do(f *rules.Finding) string {
	for _, p := range f.Prescriptions {
		if p.Kind != rules.PrescribeNone && (p.Effect.Verdict == model.Helps || p.Effect.Verdict == model.NeedsRestart) {
			return p.Text
		}
	}
	for _, p := range f.Prescriptions {
		if p.Kind != rules.PrescribeNone {
			return p.Text
		}
	}
	return "tcpdoctor diagnose"
}

// figure is the value of an evidence, with its unit and rate.
func figure(e rules.Evidence) string {
	text := strconv.FormatFloat(e.Value, 'f', -1, 64)
	if e.Unit != "" {
		text += " " + e.Unit
	}
	if e.Rate != nil {
		text += " (" + strconv.FormatFloat(*e.Rate, 'f', 1, 64) + "/s)"
	}
	return text
}

// annotationName turns a name into what annotations may be called.
func annotationName(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimRight(b.String(), "_")
}
