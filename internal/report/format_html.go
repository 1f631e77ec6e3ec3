package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

var formatHTML = Format{Name: "html", Doc: "one page that needs nothing else, to send or to keep", Render: renderHTML}

//go:embed page.html
var htmlPage string

// htmlReport is what the page shows, in the words of the text form.
type htmlReport struct {
	Report           *Report
	Verdict, Tone    string
	Where            string
	Findings         []htmlFinding
	Scope            string
	Extremes         []string
	Unjudged, Unseen []string
}

type htmlFinding struct {
	rules.Finding
	Who      string
	Remedies []htmlRemedy
	Useless  string
	Evidence []htmlEvidence
}

type htmlRemedy struct {
	Text, Effect string
	Command      bool
}

type htmlEvidence struct{ Name, Figure, Source string }

func renderHTML(w io.Writer, r *Report, o Options) error {
	page, err := template.New("page").Funcs(template.FuncMap{"clean": Clean, "number": number}).Parse(htmlPage)
	if err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	verdict, t := r.verdict()
	data := htmlReport{
		Report: r, Verdict: verdict, Tone: map[tone]string{good: "good", warn: "warn", bad: "bad"}[t], Where: r.where(),
		Scope: scopeWords(r), Extremes: extremesWords(r), Unjudged: unknownWords(r), Unseen: gapWords(r),
	}
	for _, f := range r.filtered(o).Findings {
		data.Findings = append(data.Findings, r.htmlFinding(f))
	}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	return nil
}

func (r *Report) htmlFinding(f rules.Finding) htmlFinding {
	out := htmlFinding{Finding: f, Who: strings.Join(r.whoWords(f), " · "), Useless: strings.Join(uselessWords(f.Prescriptions), " ")}
	for _, p := range f.Prescriptions {
		if p.Kind != rules.PrescribeNone {
			out.Remedies = append(out.Remedies, htmlRemedy{r.remedyWords(f, p), effectWords(p.Effect), p.Kind == rules.PrescribeSysctl})
		}
	}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, htmlEvidence{e.Name, figure(e), e.Source})
	}
	return out
}
