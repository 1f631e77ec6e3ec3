package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"sort"
	"strconv"
	"strings"
)

// flipped is what each comparison is changed to: by one where it orders.
var flipped = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
}

// finder walks the package and collects changes.
type finder struct {
	*source
	all   []mutant
	next  map[types.Object]string // of each named constant: another of its type
	file  string
	skips map[ast.Node]bool
}

// find returns every change and remembers the edits that hold them.
func (s *source) find() []mutant {
	f := &finder{source: s, next: s.neighbours()}
	for _, file := range s.files {
		f.file = s.fset.Position(file.Pos()).Filename
		if !s.changed(f.file) {
			continue
		}
		f.skips = map[ast.Node]bool{}
		ast.Inspect(file, f.visit)
	}
	return f.all
}

// neighbours gives each constant of the package's own types, and each place of
// the state space, another one of its kind.
func (s *source) neighbours() map[types.Object]string {
	kinds := map[string][]types.Object{}
	for _, name := range s.pkg.Scope().Names() {
		obj := s.pkg.Scope().Lookup(name)
		named, ok := obj.Type().(*types.Named)
		if !ok || named.Obj().Pkg() != s.pkg {
			continue
		}
		_, isConst := obj.(*types.Const)
		_, isVar := obj.(*types.Var)
		if isConst || isVar && named.Obj().Name() == "Node" {
			kinds[named.Obj().Name()] = append(kinds[named.Obj().Name()], obj)
		}
	}
	out := map[types.Object]string{}
	for _, list := range kinds {
		sort.Slice(list, func(i, j int) bool { return list[i].Pos() < list[j].Pos() })
		for i, obj := range list {
			if other := list[(i+1)%len(list)]; other != obj {
				out[obj] = other.Name()
			}
			// The wildcard of a state covers its objects: take the one behind it.
			if next := list[(i+2)%len(list)]; strings.HasSuffix(out[obj], "Any") && next != obj {
				out[obj] = next.Name()
			}
		}
	}
	return out
}

func (f *finder) visit(n ast.Node) bool {
	if n == nil || f.skips[n] {
		return false
	}
	switch n := n.(type) {
	case *ast.GenDecl:
		if n.Tok == token.CONST {
			f.constants(n)
			return false
		}
		return n.Tok != token.IMPORT
	case *ast.TypeSpec:
		return false
	case *ast.ArrayType:
		if n.Len != nil {
			f.skips[n.Len] = true
		}
	case *ast.CompositeLit:
		f.elements(n)
	case *ast.CallExpr:
		return !f.plumbing(n)
	case *ast.ReturnStmt:
		return !f.fails(n)
	case *ast.BasicLit:
		f.number(n)
	case *ast.BinaryExpr:
		f.comparison(n)
	case *ast.Ident:
		f.name(n)
	case *ast.SelectorExpr:
		f.skips[n.Sel] = true
	}
	return true
}

// elements keeps keys of composite literals as they are, and the bodies of
// error texts out of it.
func (f *finder) elements(n *ast.CompositeLit) {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			f.skips[kv.Key] = true
		}
	}
}

// plumbing reports whether a call's numbers say nothing about the model: bases
// and precisions of strconv, sizes of make, texts of errors.
func (f *finder) plumbing(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name == "make"
	case *ast.SelectorExpr:
		x, ok := fun.X.(*ast.Ident)
		return ok && (x.Name == "strconv" || x.Name == "fmt")
	}
	return false
}

// fails reports whether a return statement returns an error: what comes with
// it means nothing.
func (f *finder) fails(ret *ast.ReturnStmt) bool {
	if len(ret.Results) < 2 {
		return false
	}
	last := ret.Results[len(ret.Results)-1]
	t := f.info.Types[last].Type
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// constants collects the numbers of constant declarations, which need a build
// each. Those counted by iota are names, not numbers.
func (f *finder) constants(d *ast.GenDecl) {
	ast.Inspect(d, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.INT && lit.Kind != token.FLOAT {
			return true
		}
		for _, delta := range []string{" + 1", " - 1"} {
			m := f.mutant(lit, lit.Value+delta)
			m.constant = true
			m.start, m.end = f.offset(lit.Pos()), f.offset(lit.End())
			f.all = append(f.all, m)
		}
		return true
	})
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *finder) text(n ast.Node) string {
	return string(f.texts[f.file][f.offset(n.Pos()):f.offset(n.End())])
}

// mutant makes a change of an expression. Ids count from one.
func (f *finder) mutant(n ast.Node, is string) mutant {
	return mutant{id: len(f.all) + 1, file: f.file, at: f.fset.Position(n.Pos()), was: f.text(n), is: is}
}

// wrap puts a call around an expression.
func (f *finder) wrap(n ast.Node, before, after string) {
	start, end := f.offset(n.Pos()), f.offset(n.End())
	f.edits[f.file] = append(f.edits[f.file],
		insertion{offset: start, text: before, opens: true, size: end - start},
		insertion{offset: end, text: after, size: end - start})
}

// number changes a literal by one, both ways where it stays above zero.
func (f *finder) number(lit *ast.BasicLit) {
	if lit.Kind != token.INT && lit.Kind != token.FLOAT {
		return
	}
	name, ok := f.typeName(lit)
	if !ok || name == "time.Duration" && constant.Sign(f.info.Types[lit].Value) == 0 {
		return // a nanosecond is no unit of the model
	}
	first := len(f.all) + 1
	after := ""
	tv := f.info.Types[lit]
	if fits(tv) {
		f.all = append(f.all, f.mutant(lit, lit.Value+" + 1"))
		after += ", " + lit.Value + "+1"
	}
	if constant.Sign(tv.Value) > 0 {
		f.all = append(f.all, f.mutant(lit, lit.Value+" - 1"))
		after += ", " + lit.Value + "-1"
	}
	f.wrap(lit, "mutantOf["+name+"]("+strconv.Itoa(first)+", ", after+")")
}

// fits reports whether a number may be one larger in its type.
func fits(tv types.TypeAndValue) bool {
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsInteger == 0 {
		return true
	}
	bits := int(8 * types.SizesFor("gc", "amd64").Sizeof(basic))
	if basic.Info()&types.IsUnsigned == 0 {
		bits--
	}
	return constant.BitLen(constant.BinaryOp(constant.ToInt(tv.Value), token.ADD, constant.MakeInt64(1))) <= bits
}

// typeName returns how the file writes an expression's type.
func (f *finder) typeName(e ast.Expr) (string, bool) {
	t := f.info.Types[e].Type
	if t == nil {
		return "", false
	}
	if b, ok := t.Underlying().(*types.Basic); !ok || b.Info()&types.IsUntyped != 0 {
		return "", false
	}
	return types.TypeString(t, f.qualifier), true
}

// qualifier names other packages by their name alone, as files do.
func (f *finder) qualifier(p *types.Package) string {
	if p == f.pkg {
		return ""
	}
	return p.Name()
}

// comparison changes an ordering by one, and turns an equality round.
func (f *finder) comparison(e *ast.BinaryExpr) {
	to, ok := flipped[e.Op]
	if !ok {
		return
	}
	is := f.text(e.X) + " " + to.String() + " " + f.text(e.Y)
	m := f.mutant(e, is)
	f.all = append(f.all, m)
	f.wrap(e, "mutantIf("+strconv.Itoa(m.id)+", ", ", func() bool { return "+is+" })")
}

// name changes a named constant, a place of the state space, true or false
// into another.
func (f *finder) name(id *ast.Ident) {
	obj := f.info.Uses[id]
	other, ok := f.next[obj]
	typeName := ""
	switch {
	case ok:
		typeName = types.TypeString(obj.Type(), f.qualifier)
	case obj == types.Universe.Lookup("true"):
		typeName, other = "bool", "false"
	case obj == types.Universe.Lookup("false"):
		typeName, other = "bool", "true"
	default:
		return
	}
	m := f.mutant(id, other)
	f.all = append(f.all, m)
	f.wrap(id, "mutantOf["+typeName+"]("+strconv.Itoa(m.id)+", ", ", "+other+")")
}
