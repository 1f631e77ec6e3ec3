package profiles

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Each archive of testdata/load is a folder of user profiles. The file "errors"
// holds what Load says of it, line by line; the file "wants" says for one of the
// profiles what it wants on Linux 6.18 with 8 GiB.
func TestLoadUserProfiles(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/load/*.txtar")
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
			dir := t.TempDir()
			var wantErrors, wantWants []string
			for _, f := range archive.Files {
				switch f.Name {
				case "errors":
					wantErrors = nonEmpty(string(f.Data))
				case "wants":
					wantWants = nonEmpty(string(f.Data))
				default:
					if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			set, err := Load(dir)
			var gotErrors []string
			if err != nil {
				gotErrors = nonEmpty(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
			}
			if diff := cmp.Diff(wantErrors, gotErrors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if len(wantWants) == 0 || err != nil {
				return
			}
			p, err := set.Get(wantWants[0])
			if err != nil {
				t.Fatal(err)
			}
			wants, _ := Resolve(p, Inputs{CPUs: 2, Assume: true}, host("6.18", 8*gib))
			got := []string{p.Name}
			for _, w := range wants {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(wantWants, got); diff != "" {
				t.Errorf("wants (-want +got):\n%s", diff)
			}
		})
	}
}

func nonEmpty(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func TestLoadWithoutFolder(t *testing.T) {
	t.Parallel()
	set, err := Load(filepath.Join(t.TempDir(), "absent"))
	if err != nil || len(set.All()) < 10 {
		t.Errorf("got %d profiles, %v, want the built-in ones", len(set.All()), err)
	}
	if _, err := set.Get("webserver"); err == nil || !strings.Contains(err.Error(), "web-server") {
		t.Errorf("got %v, want an error that lists the profiles", err)
	}
}

// Whatever somebody puts into the folder, Load answers with a profile or an error.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("name: a\nentries: [{key: net.core.somaxconn, op: exactly, formula: pow2(\"x\")}]"))
	st := host("6.18", gib)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("fuzz.yaml", text)
		if err != nil {
			return
		}
		if p.Name == "" || p.Title == "" || p.Doc == "" && p.Place.Line == 0 {
			t.Errorf("got %+v without an error", p)
		}
		if err := p.compile(); err != nil {
			return
		}
		Resolve(p, Inputs{Assume: true}, st)
	})
}

// The profile that the documentation shows is one.
func TestDocumentedProfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example in docs/profiles.md")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Get("shop")
	if err != nil {
		t.Fatal(err)
	}
	wants, _ := Resolve(p, Inputs{Assume: true}, host("6.18", 8*gib))
	if i := slices.IndexFunc(wants, func(w sysctl.Want) bool { return w.Key == "net.core.somaxconn" }); i < 0 || wants[i].Value != "16384" {
		t.Errorf("got %v, want somaxconn at least 16384", wants)
	}
	for _, p := range set.All() {
		if !strings.Contains(string(text), "`"+p.Name+"`") && p.Name != "shop" {
			t.Errorf("profile %s is not in docs/profiles.md", p.Name)
		}
	}
}
