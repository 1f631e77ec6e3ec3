package report

import (
	"slices"
	"strings"
	"testing"
)

// What is told is what the page shows, and no control gets through.
func TestTell(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := judged(s.window).Report
			scope := r.TellScope()
			texts := slices.Concat([]string{scope.Scope}, scope.Extremes, scope.Unjudged, scope.Unseen)
			for _, f := range r.Findings {
				told := r.Tell(f)
				html := r.htmlFinding(f)
				if len(told.Remedies) != len(html.Remedies) || len(told.Evidence) != len(html.Evidence) {
					t.Errorf("%s: got %d remedies and %d figures, want %d and %d", f.ID, len(told.Remedies), len(told.Evidence), len(html.Remedies), len(html.Evidence))
				}
				if got, want := strings.Join(told.Who, " · "), Clean(html.Who); got != want {
					t.Errorf("%s: got who %q, want %q", f.ID, got, want)
				}
				texts = append(texts, told.Useless)
				texts = append(texts, told.Who...)
				for _, x := range told.Remedies {
					texts = append(texts, x.Text, x.Effect)
				}
				for _, x := range told.Evidence {
					texts = append(texts, x.Name, x.Figure, x.Source)
				}
			}
			for _, text := range texts {
				if strings.ContainsFunc(text, mustEscape) {
					t.Errorf("got %q with something that is not shown as itself", text)
				}
			}
		})
	}
}

func TestEncodeJSON(t *testing.T) {
	t.Parallel()
	b, err := EncodeJSON([]string{"a\u009b\x7f<b>"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), "[\n  \"a\\u009b\\u007f<b>\"\n]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := EncodeJSON(func() {}); err == nil {
		t.Error("a function was encoded")
	}
}
