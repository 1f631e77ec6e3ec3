package report

import (
	"io"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Told is a finding in the words of the text form, for readers that lay it out
// themselves. Every text is in one line and fit to be shown, see [Clean].
type Told struct {
	// Who says who must act and on what, in pieces.
	Who      []string       `json:"who"`
	Remedies []ToldRemedy   `json:"remedies,omitempty"`
	Useless  string         `json:"useless,omitempty"`
	Evidence []ToldEvidence `json:"evidence,omitempty"`
}

// ToldRemedy is one thing to do and what would come of it.
type ToldRemedy struct {
	Text   string `json:"text"`
	Effect string `json:"effect,omitempty"`
	// Command tells that the text begins with a command to be typed.
	Command bool `json:"command,omitempty"`
}

// ToldEvidence is one figure with its unit, and where it was read.
type ToldEvidence struct {
	Name   string `json:"name"`
	Figure string `json:"figure"`
	Source string `json:"source"`
}

// Tell puts a finding into words. It need not be one of the report's own; the
// report says what the namespaces are called.
func (r *Report) Tell(f rules.Finding) Told {
	out := Told{Who: cleanAll(r.whoWords(f)), Useless: Clean(strings.Join(uselessWords(f.Prescriptions), " "))}
	for _, p := range f.Prescriptions {
		if p.Kind != rules.PrescribeNone {
			out.Remedies = append(out.Remedies, ToldRemedy{
				Clean(r.remedyWords(f, p)), Clean(effectWords(p.Effect)), p.Kind == rules.PrescribeSysctl,
			})
		}
	}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, ToldEvidence{Clean(e.Name), figure(e), Clean(e.Source)})
	}
	return out
}

// ToldScope is what a report rests on, in the words of the text form.
type ToldScope struct {
	// Scope says how much was looked at, Extremes what is nearest to a limit.
	Scope    string   `json:"scope"`
	Extremes []string `json:"extremes,omitempty"`
	// Unjudged is what could not be judged, Unseen what could not be read.
	Unjudged []string `json:"unjudged,omitempty"`
	Unseen   []string `json:"unseen,omitempty"`
}

// TellScope puts into words what the report rests on and what it does not cover.
func (r *Report) TellScope() ToldScope {
	return ToldScope{
		Scope: scopeWords(r), Extremes: cleanAll(extremesWords(r)),
		Unjudged: cleanAll(unknownWords(r)), Unseen: cleanAll(gapWords(r)),
	}
}

// EncodeJSON writes a value the way reports are written: indented, and with the
// controls spelled out that a terminal would obey.
func EncodeJSON(v any) ([]byte, error) { return encodeJSON(v) }

// WriteYAML writes what the JSON form of a value says, in the same order and
// under the same names.
func WriteYAML(w io.Writer, v any) error { return writeYAML(w, v) }
