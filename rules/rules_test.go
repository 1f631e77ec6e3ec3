package rules

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// TestRules judges the windows of testdata/<rule>.txtar. A file holds pairs
// NAME.json, the window, and NAME.want, what that rule says of it; the names
// begin with firing, silent or unknown, and every rule has one of each.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", r.ID+".txtar")
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatalf("every rule has a txtar case: %v", err)
			}
			kinds := map[string]bool{}
			for i := 0; i < len(a.Files); i++ {
				name, isWindow := strings.CutSuffix(a.Files[i].Name, ".json")
				if !isWindow {
					continue
				}
				kind, _, _ := strings.Cut(name, "-")
				kinds[kind] = true
				got := judge(t, a.Files[i].Data, r)
				checkKind(t, name, kind, got)
				if *update {
					setFile(a, name+".want", got)
					continue
				}
				if diff := cmp.Diff(want(a, name), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			for _, k := range []string{"firing", "silent", "unknown"} {
				if !kinds[k] {
					t.Errorf("%s has no case named %s-...", file, k)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

var update = flag.Bool("update", false, "write what the rules say into testdata; review the diff")

func checkKind(t *testing.T, name, kind, got string) {
	t.Helper()
	ok := map[string]bool{
		"firing":  strings.HasPrefix(got, "warning") || strings.HasPrefix(got, "critical"),
		"silent":  got == "",
		"unknown": strings.HasPrefix(got, "unknown"),
	}
	if !ok[kind] {
		t.Errorf("%s: the name does not fit what the rule says:\n%s", name, got)
	}
}

func want(a *txtar.Archive, name string) string {
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name+".want" })
	if i < 0 {
		return ""
	}
	return string(a.Files[i].Data)
}

func setFile(a *txtar.Archive, name, text string) {
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		at := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == strings.TrimSuffix(name, ".want")+".json" })
		a.Files = slices.Insert(a.Files, at+1, txtar.File{Name: name})
		i = at + 1
	}
	a.Files[i].Data = []byte(text)
}

func judge(t *testing.T, window []byte, r Rule) string {
	t.Helper()
	var w facts.Window
	d := json.NewDecoder(strings.NewReader(string(window)))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		t.Fatalf("window: %v", err)
	}
	res := Eval(model.NewView(w), Options{Rules: []Rule{r}})
	var b strings.Builder
	for _, f := range res.Findings {
		writeFinding(&b, f)
		checkFinding(t, r, f)
	}
	for _, u := range res.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", u.Reason)
	}
	return b.String()
}

func writeFinding(b *strings.Builder, f Finding) {
	fmt.Fprintf(b, "%s %s cause=%s actor=%s\n", f.Severity, f.Confidence, f.Cause, f.Actor)
	s, _ := json.Marshal(f.Subject)
	fmt.Fprintf(b, "%s\n%s\n%s\n", s, f.Summary, f.Explanation)
	for _, e := range f.Evidence {
		fmt.Fprintf(b, "  seen %s = %g %s", e.Name, e.Value, e.Unit)
		if e.Rate != nil {
			fmt.Fprintf(b, " (%.1f/s)", *e.Rate)
		}
		fmt.Fprintf(b, " [%s]\n", e.Source)
	}
	for _, p := range f.Prescriptions {
		fmt.Fprintf(b, "  %s %s %s: %s", p.Kind, p.Effect.Verdict, p.Risk, p.Text)
		if p.Key != "" {
			fmt.Fprintf(b, " {%s %s %s, now %s, %s}", p.Key, p.Constraint, p.Proposed, p.Current, p.Scope)
		}
		fmt.Fprintf(b, "\n    %s | %s\n", p.Effect.Predicted, p.Effect.Reason)
	}
}

// checkFinding holds what must be true of every finding of every rule.
func checkFinding(t *testing.T, r Rule, f Finding) {
	t.Helper()
	if f.Cause != "" && !slices.ContainsFunc(r.Causes, func(c Cause) bool { return c.Name == f.Cause }) {
		t.Errorf("%s: cause %q is not documented", r.ID, f.Cause)
	}
	if f.Severity.Rank() == 0 || f.Summary == "" || f.Explanation == "" || f.Actor == "" || f.Confidence == "" {
		t.Errorf("%s: incomplete finding %+v", r.ID, f)
	}
	if len(f.Evidence) == 0 || len(f.Prescriptions) == 0 {
		t.Errorf("%s: a finding without evidence or advice: %q", r.ID, f.Summary)
	}
	for _, p := range f.Prescriptions {
		if p.Effect.Verdict == "" || p.Effect.Reason == "" {
			t.Errorf("%s: advice without a verdict: %q", r.ID, p.Text)
		}
		advised := p.Kind != PrescribeNone
		useless := p.Effect.Verdict == model.NoEffect || p.Effect.Verdict == model.Harmful
		if advised && useless {
			t.Errorf("%s: advises %q although it is %s (%s)", r.ID, p.Text, p.Effect.Verdict, p.Effect.Reason)
		}
	}
}

func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, r := range All() {
		if ids[r.ID] {
			t.Errorf("%s: the ID is used twice", r.ID)
		}
		ids[r.ID] = true
		d := r.Doc
		for part, text := range map[string]string{"title": r.Title, "what": d.What, "how": d.How, "cost": d.Cost, "change": d.Change, "worse": d.Worse, "source": d.Source} {
			if text == "" {
				t.Errorf("%s: no %s", r.ID, part)
			}
		}
		for _, e := range r.ExplainedBy {
			if !slices.ContainsFunc(All(), func(o Rule) bool { return o.ID == e }) {
				t.Errorf("%s: explained by %q, which is no rule", r.ID, e)
			}
		}
	}
}
