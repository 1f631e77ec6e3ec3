package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variable is the environment variable that switches a change on.
const variable = "MODEL_MUTANT"

// left are files whose changes say nothing about the model: what a view makes
// of a window has tests of its own, and texts are for people.
var left = []string{"view", "doc.go", "statedoc.go", "diagram.go", "counter"}

// mutant is one change.
type mutant struct {
	id       int
	file     string
	at       token.Position
	was, is  string
	constant bool // needs a build of its own
	start    int  // of a constant's literal, offsets
	end      int
}

func (m mutant) String() string {
	return fmt.Sprintf("%s:%d:%d  %s → %s", filepath.Base(m.file), m.at.Line, m.at.Column, oneLine(m.was), oneLine(m.is))
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 70 {
		s = string(r[:67]) + "..."
	}
	return s
}

// source is the package with its types.
type source struct {
	dir   string
	only  string
	fset  *token.FileSet
	files []*ast.File
	texts map[string][]byte
	info  *types.Info
	pkg   *types.Package
	// edits are the insertions of each file, by offset.
	edits map[string][]insertion
}

// insertion is text to put in at an offset. Of two at one place the inner
// expression's comes nearer to it.
type insertion struct {
	offset int
	text   string
	opens  bool
	size   int // of the expression it belongs to
}

func load(dir, only string) (*source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &source{
		dir: dir, only: only, fset: token.NewFileSet(), texts: map[string][]byte{}, edits: map[string][]insertion{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}},
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(s.fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		s.texts[name] = text
	}
	if err := os.Chdir(dir); err != nil { // where the importer looks for the module
		return nil, err
	}
	conf := types.Config{Importer: importer.ForCompiler(s.fset, "source", nil)}
	s.pkg, err = conf.Check("model", s.fset, s.files, s.info)
	return s, err
}

// changed reports whether a file takes part.
func (s *source) changed(name string) bool {
	base := filepath.Base(name)
	if s.only != "" {
		return base == s.only
	}
	return !slices.ContainsFunc(left, func(p string) bool { return strings.HasPrefix(base, p) })
}

// write puts the changed files into dir and returns the overlay that makes the
// go command use them. With one constant to change, nothing else is changed.
func (s *source) write(dir string, all []mutant, constant *mutant) (string, error) {
	replace := map[string]string{}
	put := func(name, text string) error {
		to := filepath.Join(dir, filepath.Base(name))
		replace[name] = to
		return os.WriteFile(to, []byte(text), 0o600)
	}
	if constant != nil {
		t := s.texts[constant.file]
		text := string(t[:constant.start]) + "(" + constant.is + ")" + string(t[constant.end:])
		if err := put(constant.file, text); err != nil {
			return "", err
		}
	} else {
		for name, edits := range s.edits {
			if err := put(name, apply(string(s.texts[name]), edits)); err != nil {
				return "", err
			}
		}
		if err := put(filepath.Join(s.dir, "zz_mutants.go"), helper); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// apply puts all insertions into a text.
func apply(text string, edits []insertion) string {
	slices.SortStableFunc(edits, func(a, b insertion) int {
		switch {
		case a.offset != b.offset:
			return a.offset - b.offset
		case a.opens != b.opens: // what ends here ends before anything begins
			if a.opens {
				return 1
			}
			return -1
		case a.opens:
			return b.size - a.size // the larger opens first
		}
		return a.size - b.size // the smaller closes first
	})
	var out strings.Builder
	last := 0
	for _, e := range edits {
		out.WriteString(text[last:e.offset])
		out.WriteString(e.text)
		last = e.offset
	}
	out.WriteString(text[last:])
	return out.String()
}

// helper is the file that chooses between what was and what is.
const helper = `package model

import (
	"os"
	"strconv"
)

var mutantOn = func() int {
	n, _ := strconv.Atoi(os.Getenv("` + variable + `"))
	return n
}()

func mutantOf[T any](id int, was T, is ...T) T {
	if i := mutantOn - id; i >= 0 && i < len(is) {
		return is[i]
	}
	return was
}

func mutantIf(id int, was bool, is func() bool) bool {
	if mutantOn == id {
		return is()
	}
	return was
}
`
