package arch

import (
	"bytes"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// directive is one //go:generate line that calls listgen.
type directive struct {
	dir  string // of the package, below the root
	args []string
}

// listgenCall is how such a line begins, up to the way from the package to the
// root of the module.
const listgenCall = "//go:generate go run "

// directives finds the calls of listgen in the repository's Go files.
func directives(root fs.FS) ([]directive, error) {
	var all []directive
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || inTestdata(name) {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			call, ok := strings.CutPrefix(strings.TrimSpace(string(line)), listgenCall)
			words, err := split(call)
			if !ok || err == nil && !strings.HasSuffix(words[0], "internal/listgen") {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, directive{dir: path.Dir(name), args: words[1:]})
		}
		return nil
	})
	return all, err
}

// split cuts a line into words as `go generate` does: at white space, except
// inside a Go string.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word, rest, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("words of %q: %w", line, err)
			}
			if word, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("words of %q: %w", line, err)
			}
			rest = line[len(quoted):]
		}
		words = append(words, word)
		line = rest
	}
	return words, nil
}

// listProblems runs listgen for each directive and names the lists that differ
// from what it would write, and the files called all.go that it does not write.
func listProblems(root string, files fs.FS, listgen string, all []directive) ([]string, error) {
	var problems []string
	for _, d := range all {
		cmd := exec.Command(listgen, append(slices.Clone(d.args), "-check")...)
		cmd.Dir = filepath.Join(root, filepath.FromSlash(d.dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v: %s", d.dir, err, bytes.TrimSpace(out)))
		}
	}
	err := fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		here := func(d directive) bool { return d.dir == path.Dir(name) }
		if path.Base(name) == "all.go" && !inTestdata(name) && !slices.ContainsFunc(all, here) {
			problems = append(problems, name+": written by hand: its package has no //go:generate line for listgen")
		}
		return err
	})
	return problems, err
}
