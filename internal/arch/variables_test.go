package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const changing = `package p

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
)

type held struct{ mu sync.Mutex }

var (
	errGone = errors.New("gone")
	word    = regexp.MustCompile("a")
	once    = sync.OnceValue(func() int { return 1 })
	names   = map[string]int{"a": 1}
	rows    = []struct{ n int }{{1}}
	buffer  bytes.Buffer
	total   int
)

var lock sync.Mutex
var queue = make(chan int)
var count atomic.Int64
var state = &held{}

func reads() int {
	total := len(names)
	total++
	rows := append([]int(nil), rows[0].n)
	rows[0] = 2
	local := names
	_ = local
	return total + once() + len(word.String())
}

func writes(arg map[string]int) {
	total = 1
	total++
	names["b"] = 2
	rows[0].n = 3
	delete(names, "a")
	delete(arg, "a")
	buffer.WriteString("x")
	for total = range 3 {
	}
	os.Args = nil
	queue <- 1
}
`

func TestVariableProblems(t *testing.T) {
	t.Parallel()
	pkgs, err := goList(".", "", "-export", "-deps", "bytes", "errors", "os", "regexp", "sync", "sync/atomic")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "p.go", changing, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	got, err := changes(set, module+"/p", []*ast.File{f}, exports(pkgs))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"p.go:26: sync/atomic.Int64 as package variable p.count",
		"p.go:24: sync.Mutex as package variable p.lock",
		"p.go:25: chan int as package variable p.queue",
		"p.go:27: *" + module + "/p.held as package variable p.state",
		"p.go:40: changes package variable p.total",
		"p.go:41: changes package variable p.total",
		"p.go:42: changes package variable p.names",
		"p.go:43: changes package variable p.rows",
		"p.go:44: changes package variable p.names",
		"p.go:46: calls WriteString, which may change, package variable p.buffer",
		"p.go:47: changes package variable p.total",
		"p.go:49: changes package variable os.Args",
		"p.go:50: changes package variable p.queue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}
