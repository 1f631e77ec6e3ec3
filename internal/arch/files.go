package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// linesMax is how long a file may be.
const linesMax = 500

// drawers lists the package names that say nothing about what is inside.
func drawers() []string {
	return []string{"base", "common", "commons", "helper", "helpers", "lib", "misc", "shared", "stuff", "tools", "util", "utils"}
}

// generated is the line that marks a file which a program wrote.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// madeHere names the folders at the top that the tools write to.
var madeHere = regexp.MustCompile(`^(?:\.git|bin|dist)$`)

// workingFolder is the shape of a path that exists on the machine of whoever
// wrote it and on no other.
var workingFolder = regexp.MustCompile(`(?:/root|/home/\w+|/Users/\w+|C:\\Users\\\w+)[/\\](?:go|src|work|code|dev|projects?|repos?)[/\\]`)

// fileProblems walks the repository and names every file that breaks a rule that
// needs no more than its text. own are paths that must not be written anywhere.
func fileProblems(root fs.FS, own []string) ([]string, error) {
	var problems []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && madeHere.MatchString(name):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		problems = append(problems, pathProblems(name, text, own)...)
		if path.Ext(name) == ".go" && !inTestdata(name) {
			problems = append(problems, goFileProblems(name, text)...)
		}
		return nil
	})
	return problems, err
}

// inTestdata says whether a file is input of a test.
func inTestdata(name string) bool { return slices.Contains(strings.Split(name, "/"), "testdata") }

// pathProblems finds paths of somebody's machine in a file of text.
func pathProblems(name string, text []byte, own []string) []string {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil
	}
	var problems []string
	for i, line := range strings.Split(string(text), "\n") {
		found := workingFolder.FindString(line)
		for _, p := range own {
			if strings.Contains(line, p+"/") {
				found = p
			}
		}
		if found != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: names %s, a path of one machine", name, i+1, found))
		}
	}
	return problems
}

// goFileProblems checks one Go file by its syntax.
func goFileProblems(name string, text []byte) []string {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	if n := bytes.Count(text, []byte("\n")); n > linesMax && !generated.Match(text) {
		problems = append(problems, fmt.Sprintf("%s: %d lines, at most %d", name, n, linesMax))
	}
	if pkg := strings.TrimSuffix(f.Name.Name, "_test"); slices.Contains(drawers(), pkg) {
		problems = append(problems, fmt.Sprintf("%s: package %s: a name that says nothing about what is inside", name, pkg))
	}
	for _, imp := range f.Imports {
		if target, _ := strconv.Unquote(imp.Path.Value); imp.Name != nil && imp.Name.Name == "_" && target != "embed" {
			problems = append(problems, fmt.Sprintf("%s: blank import of %s", set.Position(imp.Pos()), target))
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			problems = append(problems, fmt.Sprintf("%s: func init", set.Position(fn.Pos())))
		}
	}
	return problems
}

// docProblems names the packages without a doc.go that holds their comment.
func docProblems(root fs.FS, dirs []string) []string {
	var problems []string
	for _, dir := range dirs {
		name := path.Join(dir, "doc.go")
		text, err := fs.ReadFile(root, name)
		if err != nil {
			problems = append(problems, dir+": no doc.go")
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		begins := []string{"Package " + f.Name.Name + " "}
		if f.Name.Name == "main" {
			cmd := path.Base(dir)
			begins = []string{"Command " + cmd + " ", strings.ToUpper(cmd[:1]) + cmd[1:] + " "}
		}
		if comment := f.Doc.Text(); !slices.ContainsFunc(begins, func(s string) bool { return strings.HasPrefix(comment, s) }) {
			problems = append(problems, fmt.Sprintf("%s: the package comment does not begin with %q", name, begins[0]))
		}
	}
	return problems
}
