package report

import (
	"encoding/json"
	"testing"
	"unicode"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// FuzzReport judges and writes whatever window a recording may hold: nothing
// panics, JSON stays JSON, and no control gets through.
func FuzzReport(f *testing.F) {
	for _, s := range situations() {
		b, err := json.Marshal(s.window)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 8<<10 { // large ones are mutated too slowly
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w facts.Window
		if json.Unmarshal([]byte(text), &w) != nil {
			return
		}
		r := judged(w).Report
		for _, format := range FormatNames() {
			out := rendered(t, format, r, Options{Width: 40})
			for _, c := range out {
				if c != '\n' && unicode.IsControl(c) {
					t.Errorf("%s passes on %U", format, c)
				}
			}
			if format == "json" && !json.Valid([]byte(out)) {
				t.Errorf("no JSON: %s", out)
			}
		}
	})
}
