package model

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the diagram into docs/model.md")

// TestDocumentedDiagram holds the diagram in the documentation against the
// table.
func TestDocumentedDiagram(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../docs/model.md", "<!-- begin diagram -->\n", "<!-- end diagram -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the diagram", path)
	}
	want := before + begin + "```mermaid\n" + Mermaid() + "```\n" + end + after
	if want == string(b) {
		return
	}
	if !*update {
		t.Fatalf("the diagram in %s is not that of the table; run go test ./model -run Diagram -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
