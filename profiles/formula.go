package profiles

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// Formula is an expression over the machine, the load and the parameters. It can
// use
//
//   - RAM (bytes), CPUs, every input of the profile by its symbol, and BDP, the
//     bytes under way on the path (bandwidth × RTT / 8), where both are inputs;
//   - KiB, MiB, GiB;
//   - pow2(x), the power of two that is x or the next above; clamp(x, low, high);
//     min, max, floor, ceil, round, abs;
//   - current(key) and current(key, element), what the kernel has now;
//     standard(key, ...), what it would choose itself; after(key, ...), what it will
//     have once the entries before this one are met; nil where that is not known;
//   - portsFrom(ports, low), the ports of a set that are at least low.
type Formula struct {
	text    string
	place   Place
	program *vm.Program
	names   []string     // inputs and machine figures that it reads
	keys    []sysctl.Key // parameters that it reads
}

// String returns the text of the formula.
func (f *Formula) String() string { return f.text }

// bandwidthDelay is the variable that follows from two inputs.
const bandwidthDelay = "BDP"

// functions lists the built-in functions of the language that formulas may use.
func functions() []string { return []string{"min", "max", "floor", "ceil", "round", "abs"} }

// compile returns the formula ready to run, with the inputs that it may use.
func (f Formula) compile(inputs []Input) (*Formula, error) {
	fail := func(why any) (*Formula, error) {
		return nil, fmt.Errorf("profiles: %s: formula %q: %v", f.place, f.text, why)
	}
	known := scope{inputs: inputs}.variables()
	options := []expr.Option{expr.Env(known), expr.DisableAllBuiltins(), expr.Optimize(false)}
	for _, name := range functions() {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(f.text, options...)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return fail(first)
	}
	f.program = program
	tree := program.Node()
	ast.Walk(&tree, &f)
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
	for _, k := range f.keys {
		if _, ok := sysctl.Lookup(k); !ok {
			return fail(unknownKey(k))
		}
	}
	return &f, nil
}

// Visit notes what the formula reads. It makes [Formula] an [ast.Visitor].
func (f *Formula) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		f.names = append(f.names, n.Value)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || len(n.Arguments) == 0 || !slices.Contains([]string{"current", "standard", "after"}, callee.Value) {
			return
		}
		if key, ok := n.Arguments[0].(*ast.StringNode); ok {
			f.keys = append(f.keys, sysctl.Key(key.Value))
		}
	}
}

// missing returns the first input that the formula reads and nobody gave.
func (f *Formula) missing(s scope) string {
	for _, name := range f.names {
		if name == bandwidthDelay {
			for _, part := range []string{"bandwidth", "RTT"} {
				if !s.knows(part) {
					return part
				}
			}
			continue
		}
		if !s.knows(name) {
			return name
		}
	}
	return ""
}

// run evaluates the formula.
func (f *Formula) run(s scope) (any, error) {
	out, err := expr.Run(f.program, s.variables())
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("formula %q: %s", f.text, first)
	}
	return out, nil
}

// value evaluates the formula to the text of a value. A fraction is rounded so
// that the relation still holds.
func (f *Formula) value(s scope, op sysctl.Op) (string, error) {
	out, err := f.run(s)
	if err != nil {
		return "", err
	}
	if text, ok := out.(string); ok {
		return text, nil
	}
	n, err := toFloat(out)
	if err != nil {
		return "", fmt.Errorf("formula %q: %w", f.text, err)
	}
	n = math.Ceil(n)
	if op == sysctl.AtMost {
		n = math.Floor(n)
	}
	if math.IsNaN(n) || math.Abs(n) > 1<<62 {
		return "", fmt.Errorf("formula %q: its value is %g", f.text, n)
	}
	return fmt.Sprintf("%d", int64(n)), nil
}

// holds evaluates the formula to a yes or no.
func (f *Formula) holds(s scope) (bool, error) {
	out, err := f.run(s)
	if err != nil {
		return false, err
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("formula %q: its value is %v, neither true nor false", f.text, out)
	}
	return yes, nil
}

// scope is what formulas can see. The zero scope has the names and types only.
type scope struct {
	inputs   []Input
	values   map[string]Value // by input name
	cpus     int
	env      sysctl.Env
	current  func(key string, field ...string) (any, error)
	standard func(key string, field ...string) (any, error)
	after    func(key string, field ...string) (any, error)
}

// knows says whether a name has a value. Functions and constants have.
func (s scope) knows(name string) bool {
	switch name {
	case "RAM":
		return s.env.RAMBytes > 0
	case "CPUs":
		return s.cpus > 0
	}
	i := slices.IndexFunc(s.inputs, func(in Input) bool { return in.Symbol == name })
	if i < 0 {
		return true
	}
	_, ok := s.values[s.inputs[i].Name]
	return ok
}

// variables returns everything that formulas can see, by name.
func (s scope) variables() map[string]any {
	vars := map[string]any{
		"RAM": float64(s.env.RAMBytes), "CPUs": float64(s.cpus),
		"KiB": float64(1 << 10), "MiB": float64(1 << 20), "GiB": float64(1 << 30),
		"pow2": pow2, "clamp": clamp, "portsFrom": portsFromAny,
		"current": s.current, "standard": s.standard, "after": s.after,
	}
	for _, in := range s.inputs {
		vars[in.Symbol] = in.variable(s.values[in.Name])
	}
	bandwidth, okB := vars["bandwidth"].(float64)
	rtt, okR := vars["RTT"].(float64)
	if okB && okR {
		vars[bandwidthDelay] = bandwidth * rtt / 8
	}
	return vars
}

// reserved says whether a name cannot be the symbol of an input.
func reserved(symbol string) bool {
	_, taken := scope{}.variables()[symbol]
	return taken || symbol == bandwidthDelay || slices.Contains(functions(), symbol)
}

// pow2 returns the least power of two that is at least x.
func pow2(x any) (float64, error) {
	n, err := toFloat(x)
	if err != nil {
		return 0, err
	}
	if n <= 1 {
		return 1, nil
	}
	return math.Exp2(math.Ceil(math.Log2(n))), nil
}

// clamp returns x, or the bound that it is beyond.
func clamp(x, low, high any) (float64, error) {
	var n [3]float64
	for i, v := range []any{x, low, high} {
		f, err := toFloat(v)
		if err != nil {
			return 0, err
		}
		n[i] = f
	}
	return max(n[1], min(n[0], n[2])), nil
}

// portsFromAny is portsFrom as formulas call it.
func portsFromAny(ports string, low any) (string, error) {
	n, err := toFloat(low)
	if err != nil {
		return "", err
	}
	return portsFrom(ports, int(n))
}

// toFloat turns any number of the language into one kind.
func toFloat(v any) (float64, error) {
	switch n := v.(type) {
	case float64:
		return n, nil
	case int:
		return float64(n), nil
	case int64:
		return float64(n), nil
	}
	return 0, fmt.Errorf("%v is no number", v)
}
