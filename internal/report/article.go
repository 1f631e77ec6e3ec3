package report

import (
	"fmt"
	"io"
	"strings"
)

// Article explains one term: a finding, a state, a setting, a counter.
type Article struct {
	Name string `json:"name"`
	// Kind is "finding", "state", "setting" or "counter".
	Kind     string    `json:"kind"`
	Title    string    `json:"title"`
	Sections []Section `json:"sections"`
}

// Section is a part of an article under one heading: text, a list, or both.
type Section struct {
	Heading string   `json:"heading"`
	Text    string   `json:"text,omitempty"`
	Items   []Item   `json:"items,omitempty"`
	Names   []string `json:"names,omitempty"`
}

// Item is one entry of a list.
type Item struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Add appends a section, unless it would say nothing.
func (a *Article) Add(heading, text string) {
	if text != "" {
		a.Sections = append(a.Sections, Section{Heading: heading, Text: text})
	}
}

// Write writes the article as text, json or yaml.
func (a *Article) Write(w io.Writer, format string, o Options) error {
	switch format {
	case "json":
		b, err := encodeJSON(a)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	case "yaml":
		return writeYAML(w, a)
	case "text":
		p := newPage(o)
		p.article(a)
		_, err := io.WriteString(w, p.b.String())
		return err
	}
	return fmt.Errorf("no format %q here (there are: json, text, yaml)", format)
}

func (p *page) article(a *Article) {
	p.heading(p.paint(strong, a.Name)+"  ", "  ", displayWidth(a.Name)+2, wrap(Clean(a.Title), p.width-displayWidth(a.Name)-2), a.Kind)
	for _, s := range a.Sections {
		p.line()
		p.block("", "", Clean(s.Heading), good)
		if s.Text != "" {
			p.block("  ", "  ", Clean(s.Text), plain)
		}
		if len(s.Names) > 0 {
			p.list("  ", "  ", cleanAll(s.Names), plain)
		}
		p.items(s.Items)
	}
}

// items writes a list in two columns, or one below the other where the names
// would leave no room.
func (p *page) items(all []Item) {
	most := p.width / 2
	column := 0
	for _, i := range all {
		if w := displayWidth(i.Name); w <= most {
			column = max(column, w)
		}
	}
	if p.width < narrow {
		column = 4
	}
	indent := strings.Repeat(" ", column+4)
	for _, i := range all {
		name := Clean(i.Name)
		if displayWidth(name) > column {
			p.block("  ", "    ", name, strong)
			p.block(indent, indent, Clean(i.Text), plain)
			continue
		}
		lead := "  " + p.paint(strong, name) + strings.Repeat(" ", column-displayWidth(name)+2)
		p.block(lead, indent, Clean(i.Text), plain)
	}
}
