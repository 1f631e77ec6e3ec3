package arch

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// exports finds the compiled packages that `go list -export -deps` named.
func exports(pkgs []listed) func(string) (io.ReadCloser, error) {
	where := make(map[string]string, len(pkgs))
	for _, p := range pkgs {
		where[p.ImportPath] = p.Export
	}
	return func(path string) (io.ReadCloser, error) {
		file, ok := where[path]
		if !ok || file == "" {
			return nil, fmt.Errorf("arch: no compiled %s", path)
		}
		return os.Open(file)
	}
}

// variableProblems names the statements of one package that change a
// package-level variable, its own or another package's, and the variables that
// can serve no purpose but to change.
func variableProblems(p listed, lookup func(string) (io.ReadCloser, error)) ([]string, error) {
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return changes(set, p.ImportPath, files, lookup)
}

// changes is variableProblems for parsed files.
func changes(set *token.FileSet, path string, files []*ast.File, lookup func(string) (io.ReadCloser, error)) ([]string, error) {
	v := variables{info: &types.Info{
		Uses:       make(map[*ast.Ident]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
	}}
	v.problem = func(at token.Pos, what string, obj types.Object) {
		place := set.Position(at)
		v.problems = append(v.problems, fmt.Sprintf("%s:%d: %s package variable %s.%s",
			filepath.Base(place.Filename), place.Line, what, obj.Pkg().Name(), obj.Name()))
	}
	conf := types.Config{Importer: importer.ForCompiler(set, "gc", lookup)}
	pkg, err := conf.Check(path, set, files, v.info)
	if err != nil {
		return nil, err
	}
	for _, name := range pkg.Scope().Names() {
		if obj, ok := pkg.Scope().Lookup(name).(*types.Var); ok && changesByNature(obj.Type(), nil) {
			v.problem(obj.Pos(), obj.Type().String()+" as", obj)
		}
	}
	for _, f := range files {
		ast.Inspect(f, v.visit)
	}
	return v.problems, nil
}

// variables collects what changes package-level variables.
type variables struct {
	info     *types.Info
	problem  func(at token.Pos, what string, obj types.Object)
	problems []string
}

func (v *variables) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			v.written(n.Lhs...)
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			v.written(n.Key, n.Value)
		}
	case *ast.IncDecStmt:
		v.written(n.X)
	case *ast.SendStmt:
		v.written(n.Chan)
	case *ast.CallExpr:
		v.call(n)
	}
	return true
}

// written reports the expressions that are package variables or part of one.
func (v *variables) written(exprs ...ast.Expr) {
	for _, e := range exprs {
		if obj := v.root(e); obj != nil {
			v.problem(e.Pos(), "changes", obj)
		}
	}
}

// call reports built-in functions and methods that change what they are called
// on. A method of the project's own types is judged where it assigns.
func (v *variables) call(n *ast.CallExpr) {
	switch fn := ast.Unparen(n.Fun).(type) {
	case *ast.Ident:
		if b, ok := v.info.Uses[fn].(*types.Builtin); ok && slices.Contains([]string{"delete", "clear", "copy", "close"}, b.Name()) {
			v.written(n.Args[0])
		}
	case *ast.SelectorExpr:
		sel, ok := v.info.Selections[fn]
		if !ok || sel.Kind() != types.MethodVal || sel.Indirect() {
			return
		}
		recv := sel.Obj().(*types.Func).Signature().Recv()
		_, byPointer := recv.Type().(*types.Pointer)
		_, viaPointer := sel.Recv().(*types.Pointer)
		if obj := v.root(fn.X); obj != nil && byPointer && !viaPointer && !ours(sel.Obj().Pkg()) {
			v.problem(n.Pos(), "calls "+fn.Sel.Name+", which may change,", obj)
		}
	}
}

// ours says whether a package is of this module.
func ours(p *types.Package) bool {
	if p == nil {
		return false
	}
	_, ok := relative(p.Path())
	return ok
}

// root returns the package-level variable that an expression is part of.
func (v *variables) root(e ast.Expr) types.Object {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			obj, ok := v.info.Uses[x].(*types.Var)
			if !ok || obj.IsField() || obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() {
				return nil
			}
			return obj
		case *ast.SelectorExpr:
			if _, field := v.info.Selections[x]; field {
				e = x.X
			} else {
				e = x.Sel // of a package
			}
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// changesByNature says whether a type is of no use unless it changes: channels,
// and what package sync and sync/atomic offer.
func changesByNature(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	if named, ok := t.(*types.Named); ok && named.Obj().Pkg() != nil {
		if p := named.Obj().Pkg().Path(); p == "sync" || p == "sync/atomic" {
			return true
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return true
	case *types.Array:
		return changesByNature(u.Elem(), seen)
	case *types.Pointer:
		// What an outside type does behind its pointer is its own affair.
		named, ok := u.Elem().(*types.Named)
		return (!ok || ours(named.Obj().Pkg())) && changesByNature(u.Elem(), seen)
	case *types.Struct:
		named, ok := t.(*types.Named)
		if ok && !ours(named.Obj().Pkg()) {
			return false
		}
		for field := range u.Fields() {
			if changesByNature(field.Type(), seen) {
				return true
			}
		}
	}
	return false
}
