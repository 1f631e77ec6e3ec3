package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares with testdata/<name>, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got); -update writes it anew:\n%s", path, d)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			j := judged(s.window)
			golden(t, s.name+".txt", rendered(t, "text", j.Report, Options{Width: 80}))
			golden(t, s.name+".json", rendered(t, "json", j.Report, Options{}))
			golden(t, s.name+".nagios", rendered(t, "nagios", j.Report, Options{}))
		})
	}
	j := judged(twoProblems())
	golden(t, "two-problems.60.txt", rendered(t, "text", j.Report, Options{Width: 60}))
	golden(t, "two-problems.120.txt", rendered(t, "text", j.Report, Options{Width: 120}))
	golden(t, "two-problems.color.txt", rendered(t, "text", j.Report, Options{Width: 80, Color: true}))
	golden(t, "two-problems.critical.txt", rendered(t, "text", j.Report, Options{Width: 80, MinSeverity: rules.Critical}))
	golden(t, "two-problems.yaml", rendered(t, "yaml", j.Report, Options{}))
	golden(t, "two-problems.html", rendered(t, "html", j.Report, Options{}))
	golden(t, "hostile-names.html", rendered(t, "html", judged(hostileNames()).Report, Options{}))
}

// schema compiles the schema that ships with the documentation.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "..", "docs", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestReportsMatchTheSchema(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, c := range situations() {
		if err := validate(t, s, []byte(rendered(t, "json", judged(c.window).Report, Options{}))); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	after := judged(acceptWindow())
	after.Report.Baseline = Compare(judged(twoProblems()), after)
	if err := validate(t, s, []byte(rendered(t, "json", after.Report, Options{}))); err != nil {
		t.Errorf("with a baseline: %v", err)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no golden reports: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, b); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestSchemaRefuses makes sure that the schema is not merely permissive.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := schema(t)
	good := rendered(t, "json", judged(acceptWindow()).Report, Options{})
	for _, change := range [][2]string{
		{`"schema": "tcpdoctor.report/v1"`, `"schema": "tcpdoctor.report/v2"`},
		{`"window_seconds"`, `"window_secs"`},
		{`"severity": "critical"`, `"severity": "fatal"`},
		{`"port": 443`, `"port": "443"`},
		{`"verdict": "needs-restart"`, `"verdict": "maybe"`},
		{`"key": "net.core.somaxconn",`, ``},
		{`"gaps": []`, `"gaps": null`},
		{`"self": true`, `"self": true, "more": 1`},
		{`"started": "2026-03-04T14:02:11+01:00"`, `"started": "yesterday"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s: not in the report", change[0])
			continue
		}
		if validate(t, s, []byte(bad)) == nil {
			t.Errorf("%s instead of %s: got no error, want one", change[1], change[0])
		}
	}
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		r := judged(c.window).Report
		var fromYAML, fromJSON any
		if err := yaml.Unmarshal([]byte(rendered(t, "yaml", r, Options{})), &fromYAML); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		b, err := json.Marshal(fromYAML)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := json.Unmarshal(b, &fromYAML); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(rendered(t, "json", r, Options{})), &fromJSON); err != nil {
			t.Fatal(err)
		}
		// A time is the one thing that YAML reads as something else than text.
		delete(fromJSON.(map[string]any), "started")
		delete(fromYAML.(map[string]any), "started")
		if d := cmp.Diff(fromJSON, fromYAML); d != "" {
			t.Errorf("%s: YAML differs (-json +yaml):\n%s", c.name, d)
		}
	}
}

// TestReplayGivesTheSameBytes is the promise of recordings: judged again they
// say the same.
func TestReplayGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		var b bytes.Buffer
		if err := facts.Encode(&b, c.window); err != nil {
			t.Fatal(err)
		}
		again, err := facts.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range FormatNames() {
			live, replayed := rendered(t, format, judged(c.window).Report, Options{}), rendered(t, format, judged(again).Report, Options{})
			if d := cmp.Diff(live, replayed); d != "" {
				t.Errorf("%s as %s: the recording gives another report (-live +replayed):\n%s", c.name, format, d)
			}
		}
	}
}

func TestRedactedWindowsAreJudgedAlike(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		plain, redacted := judged(c.window).Report, judged(facts.Redact(c.window, []byte("0123456789abcdef"))).Report
		if d := cmp.Diff(verdicts(plain), verdicts(redacted)); d != "" {
			t.Errorf("%s: redaction changes the findings (-plain +redacted):\n%s", c.name, d)
		}
	}
}

// verdicts is what redaction must not change.
func verdicts(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		f.Summary, f.Explanation, f.Netns.Name, f.Netns.Container = "", "", "", ""
		s := &f.Subject
		for _, name := range []*string{&s.Local, &s.Peer, &s.Comm, &s.Cgroup, &s.Container} {
			if *name != "" {
				*name = "x"
			}
		}
		for i := range f.Evidence {
			f.Evidence[i].Name = ""
		}
		for i := range f.Prescriptions {
			f.Prescriptions[i].Text = ""
		}
		b, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	return out
}
