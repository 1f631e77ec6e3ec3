package arch

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want []string
	}{
		{"", nil},
		{"a  -b c ", []string{"a", "-b", "c"}},
		{`a "b c" d`, []string{"a", "b c", "d"}},
		{`"a \"b\""`, []string{`a "b"`}},
	}
	for _, tt := range tests {
		got, err := split(tt.line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("words of %q differ (-want +got):\n%s", tt.line, diff)
		}
	}
	if _, err := split(`a "b`); err == nil {
		t.Error("got no error for an open string")
	}
}

func TestListProblems(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"good/doc.go": {Data: []byte("package good\n\n" + listgenCall + "../internal/listgen -type T\n")},
		"good/all.go": {Data: []byte("package good\n")},
		"hand/all.go": {Data: []byte("package hand\n")},
		"talk/doc.go": {Data: []byte("package talk\n\n" + listgenCall + "../other \"x y\"\n")},
	}
	all, err := directives(files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]directive{{"good", []string{"-type", "T"}}}, all, cmp.AllowUnexported(directive{})); diff != "" {
		t.Errorf("directives differ (-want +got):\n%s", diff)
	}

	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "good"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"true":  {"hand/all.go: written by hand: its package has no //go:generate line for listgen"},
		"false": {"good: exit status 1: ", "hand/all.go: written by hand: its package has no //go:generate line for listgen"},
	} {
		got, err := listProblems(dir, files, name, all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("problems differ (-want +got):\n%s", diff)
		}
	}
}
