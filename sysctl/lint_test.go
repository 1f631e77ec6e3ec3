package sysctl

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var updateLint = flag.Bool("update-lint", false, "write what lint says into its cases")

// lintHost is the host of the cases: Linux 6.18 with 24 GiB.
func lintHost() LintOptions {
	return LintOptions{Env: Env{Kernel: Release{6, 18, 44}, RAMBytes: 24 << 30, PageBytes: 4096}}
}

// lintCaseOptions reads the options of a case, one in a line.
func lintCaseOptions(t *testing.T, text string) LintOptions {
	t.Helper()
	o := lintHost()
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "":
		case "kernel":
			r, err := ParseRelease(value)
			if err != nil {
				t.Fatal(err)
			}
			o.Env.Kernel = r
		case "child":
			o.Child = true
		case "containers":
			o.Containers = Yes
		case "uplinks":
			o.SeveralUplinks = Yes
		case "node-ports":
			o.NodePorts = true
		case "stray":
			o.Stray = strings.Fields(value)
		case "listeners":
			o.Listeners = value
		case "running":
			k, v, _ := strings.Cut(value, " ")
			if o.Running == nil {
				o.Running = map[Key]string{}
			}
			o.Running[Key(k)] = v
		case "exists":
			names := strings.Fields(value)
			o.Exists = func(k Key) bool {
				s, known := Lookup(k)
				_, iface := k.Interface()
				return slices.Contains(names, string(k)) || known && s.Module == "" && (!iface || strings.Contains(string(k), ".default."))
			}
		default:
			t.Fatalf("option %q", name)
		}
	}
	return o
}

// Each archive of testdata/lint is a set of files, options, and what is said of
// them. Files with an absolute name are a host's configuration, others are judged on
// their own.
func TestLint(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var files []ConfFile
			var conf Conf
			options, want := "", -1
			for i, f := range archive.Files {
				text := strings.ReplaceAll(string(f.Data), "␍", "\r")
				switch {
				case f.Name == "want":
					want = i
				case f.Name == "options":
					options = text
				case f.Name == plainFile:
					conf.Plain = &ConfFile{Path: f.Name, Text: text}
				case strings.HasPrefix(f.Name, "/"):
					conf = conf.With(f.Name, &text)
				default:
					files = append(files, ConfFile{Path: f.Name, Text: text})
				}
			}
			o := lintCaseOptions(t, options)
			issues := conf.Lint(o)
			if len(files) > 0 {
				issues = Lint(files, o)
			}
			var b bytes.Buffer
			if err := WriteLintText(&b, LintReport{Issues: issues}); err != nil {
				t.Fatal(err)
			}
			if *updateLint {
				archive.Files[want].Data = b.Bytes()
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[want].Data), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every rule speaks in some case, and says of itself what a reader needs.
func TestLintRulesAreComplete(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	cases, _ := filepath.Glob("testdata/lint/*.txtar")
	for _, name := range cases {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	doc, err := os.ReadFile("../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range LintRules() {
		if r.ID == "" || r.Title == "" || r.Severity == 0 || seen[r.ID] || r.Bad != nil && r.Message == "" || r.Bad == nil && r.check == nil && r.whole == nil {
			t.Errorf("rule %+v: want a name of its own, a title, a severity and a test", r.ID)
		}
		seen[r.ID] = true
		for _, k := range r.Keys {
			if _, ok := Lookup(k); !ok {
				t.Errorf("rule %s: no parameter %s", r.ID, k)
			}
		}
		if !strings.Contains(text.String(), "["+r.ID+"]") && r.ID != "unreadable" {
			t.Errorf("rule %s: no case in which it speaks", r.ID)
		}
		if !strings.Contains(string(doc), "`"+r.ID+"`") {
			t.Errorf("rule %s: not in docs/lint.md", r.ID)
		}
	}
}

// Writing what is proposed, again and again, ends with nothing left to propose.
func TestLintReplacementsConverge(t *testing.T) {
	t.Parallel()
	cases, _ := filepath.Glob("testdata/lint/*.txtar")
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".conf") {
				continue
			}
			lines := strings.Split(strings.ReplaceAll(string(f.Data), "␍", "\r"), "\n")
			for round := 0; ; round++ {
				issues := Lint([]ConfFile{{Path: f.Name, Text: strings.Join(lines, "\n")}}, lintHost())
				if !applyReplacements(lines, issues) {
					break
				}
				if round > 8 {
					t.Fatalf("%s %s: still something to replace: %v", name, f.Name, issues)
				}
			}
			for _, i := range Lint([]ConfFile{{Path: f.Name, Text: strings.Join(lines, "\n")}}, lintHost()) {
				if i.Delete || i.Replacement != "" {
					t.Errorf("%s %s: left: %s", name, f.Name, i)
				}
			}
		}
	}
}

// applyReplacements writes the proposal for the worst issue of each line.
func applyReplacements(lines []string, issues []Issue) bool {
	done := map[int]bool{}
	for _, i := range issues {
		if done[i.Line] || !i.Delete && i.Replacement == "" {
			continue
		}
		done[i.Line] = true
		lines[i.Line-1] = i.Replacement
	}
	return len(done) > 0
}

// Whatever a file holds, what is said of it is about one of its lines.
func FuzzLint(f *testing.F) {
	cases, _ := filepath.Glob("testdata/lint/*.txtar")
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range archive.Files {
			f.Add(strings.ReplaceAll(string(a.Data), "␍", "\r"))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		for _, i := range Lint([]ConfFile{{Path: "a.conf", Text: text}}, lintHost()) {
			if i.Line < 1 || i.Line > strings.Count(text, "\n")+1 || i.Message == "" || i.Severity == 0 || i.Rule == "" || strings.Contains(i.Replacement, "\n") {
				t.Errorf("got %+v", i)
			}
		}
	})
}

func TestLintFormats(t *testing.T) {
	t.Parallel()
	r := LintReport{Files: []string{"/etc/sysctl.d/60 a.conf"}, Version: "1.2.3"}
	r.Issues = Lint([]ConfFile{{Path: r.Files[0], Text: "net.ipv4.tcp_sack = 0\nnet.ipv4.tcp_retries2 = 5\nnet.ipv4.tcp_keepalive_time = 60\n"}}, lintHost())
	for name, write := range map[string]func(w *bytes.Buffer) error{
		"json":  func(w *bytes.Buffer) error { return WriteLintJSON(w, r) },
		"sarif": func(w *bytes.Buffer) error { return WriteLintSARIF(w, r) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "lint", "formats."+name)
		if *updateLint {
			if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if Worst(r.Issues) != SeverityError || Worst(nil) != 0 {
		t.Errorf("worst: got %v and %v, want error and 0", Worst(r.Issues), Worst(nil))
	}
}

func TestStrayFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"etc/sysctl.d/60-a.conf", "etc/sysctl.d/70-b", "etc/sysctl.d/README.sysctl", "etc/sysctl.d/60-a.conf~", "usr/lib/sysctl.d/x.cfg", "run/sysctl.d/a.conf.dpkg-old"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"/etc/sysctl.d/70-b", "/usr/lib/sysctl.d/x.cfg"}, StrayFiles(root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
