package main

import (
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// statesTerm is the term for all states together, which has forms of its own.
const statesTerm = "states"

// statesFormats are the forms in which the diagram of states can be written.
func statesFormats() []string { return []string{"json", "mermaid", "text", "yaml"} }

// isStates tells whether a term means all states together.
func isStates(term string) bool { return strings.EqualFold(term, statesTerm) }

// writeStates writes the diagram of states and who must act in each.
func (o *explainOptions) writeStates() error {
	mermaid := model.Mermaid()
	switch o.output {
	case "mermaid":
		return writeText(o.io.Out, mermaid)
	case "text":
	default:
		a := statesArticle()
		a.Sections = append([]report.Section{{Heading: "diagram (Mermaid)", Text: mermaid}}, a.Sections...)
		a.Sections = append(a.Sections, report.Section{Heading: "every transition", Items: transitionItems()})
		return a.Write(o.io.Out, o.output, o.io.text())
	}
	a := statesArticle()
	drawing := model.Diagram()
	if widest(drawing) > o.io.Width {
		a.Sections = append([]report.Section{{Heading: "what may happen", Items: arrowItems(mermaid)}}, a.Sections...)
		drawing = ""
	} else {
		drawing += "\n"
	}
	var b strings.Builder
	b.WriteString(drawing)
	if err := a.Write(&b, o.output, o.io.text()); err != nil {
		return err
	}
	b.WriteString("\n" + ink(o.io.Color).faint("more: tcpdoctor explain TIME_WAIT · -o mermaid") + "\n")
	return writeText(o.io.Out, b.String())
}

// statesArticle says who must act in each state of the diagram.
func statesArticle() report.Article {
	var next []report.Item
	for _, s := range model.States() {
		if s.State >= facts.Established && s.State <= facts.Closing {
			next = append(next, report.Item{Name: s.Name, Text: s.Next})
		}
	}
	return report.Article{
		Name: statesTerm, Kind: "states", Title: "how a TCP connection opens and closes",
		Sections: []report.Section{{Heading: "who must act next", Items: next}},
	}
}

// arrowItems turns the arrows of a Mermaid diagram into a list, for terminals
// that are too narrow for a drawing.
func arrowItems(mermaid string) []report.Item {
	var items []report.Item
	for line := range strings.Lines(mermaid) {
		arrow, label, labelled := strings.Cut(strings.TrimSpace(line), " : ")
		if from, to, ok := strings.Cut(arrow, " --> "); ok && labelled {
			items = append(items, report.Item{Name: from + " → " + to, Text: label})
		}
	}
	return items
}

// transitionItems is the whole table, with what the diagram leaves out.
func transitionItems() []report.Item {
	var items []report.Item
	for _, t := range model.Transitions() {
		name := nodeWords(t.From) + ": " + string(t.On)
		if t.When != model.Always {
			name += " [" + string(t.When) + "]"
		}
		text := "stays"
		if t.To.State != t.From.State {
			text = "→ " + nodeWords(t.To)
		}
		if t.Spawns != (model.Node{}) {
			text += "; makes " + nodeWords(t.Spawns)
		}
		text += namesWords("; sends ", t.Send) + namesWords("; counts ", t.Count)
		if t.Error != "" {
			text += "; the application gets " + t.Error
		}
		items = append(items, report.Item{Name: name, Text: text + " (" + t.Source + ")"})
	}
	return items
}

// nodeWords is a place in the state space: "FIN_WAIT2 (orphan)".
func nodeWords(n model.Node) string {
	if object := n.Object.String(); object != "" {
		return model.StateName(n.State) + " (" + object + ")"
	}
	return model.StateName(n.State)
}

// namesWords joins names behind what is said of them; "" without any.
func namesWords[T ~string](lead string, names []T) string {
	if len(names) == 0 {
		return ""
	}
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = string(n)
	}
	return lead + strings.Join(all, ", ")
}

// widest is the width of the longest line of a text.
func widest(text string) int {
	most := 0
	for line := range strings.Lines(text) {
		most = max(most, columns(strings.TrimRight(line, "\n")))
	}
	return most
}
