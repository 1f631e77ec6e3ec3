package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the folder of the module, as seen from this package.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// report fails the test with one line for each problem.
func report(t *testing.T, problems []string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			pkgs, err := goList(root(t), goos, "./...")
			report(t, importProblems(pkgs, table()), err)
		})
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := root(t)
	var own []string
	if strings.Count(dir, string(filepath.Separator)) > 1 {
		own = append(own, dir) // "/src" or "/app" could be anything
	}
	problems, err := fileProblems(os.DirFS(dir), own)
	report(t, problems, err)
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	dir := root(t)
	pkgs, err := goList(dir, "linux", "./...")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, p := range pkgs {
		if rel, ok := p.rel(); ok && len(p.GoFiles) > 0 {
			dirs = append(dirs, rel)
		}
	}
	report(t, docProblems(os.DirFS(dir), dirs), nil)
}

func TestVariables(t *testing.T) {
	t.Parallel()
	pkgs, err := goList(root(t), "", "-export", "-deps", "./...")
	if err != nil {
		t.Fatal(err)
	}
	lookup := exports(pkgs)
	for _, p := range pkgs {
		rel, ok := p.rel()
		if !ok {
			continue
		}
		t.Run(rel, func(t *testing.T) {
			t.Parallel()
			problems, err := variableProblems(p, lookup)
			report(t, problems, err)
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	dir := root(t)
	listgen := filepath.Join(t.TempDir(), "listgen")
	build := exec.Command("go", "build", "-o", listgen, "./internal/listgen")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, bytes.TrimSpace(out))
	}
	all, err := directives(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no //go:generate line for listgen in the whole repository")
	}
	problems, err := listProblems(dir, os.DirFS(dir), listgen, all)
	report(t, problems, err)
}
