package arch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImportProblems(t *testing.T) {
	t.Parallel()
	rows := map[string]allowed{
		"facts": {pure: true},
		"rules": {project: []string{"facts"}, outside: []string{"example.org/yaml"}, pure: true},
		"cmd":   {project: []string{"..."}},
	}
	tests := []struct {
		name string
		pkg  listed
		want []string
	}{
		{"what the row allows", listed{ImportPath: module + "/rules",
			Imports: []string{"fmt", "net/netip", module + "/facts", module + "/rules/inner", "example.org/yaml/v3"}}, nil},
		{"another package of the project", listed{ImportPath: module + "/facts", Imports: []string{module + "/rules"}},
			[]string{"facts: imports " + module + "/rules: not among the project's packages that it may use"}},
		{"another module", listed{ImportPath: module + "/rules", Imports: []string{"example.org/yamlish"}},
			[]string{"rules: imports example.org/yamlish: not among the modules that it may use"}},
		{"the system, from a pure package", listed{ImportPath: module + "/facts", Imports: []string{"io", "os"}},
			[]string{"facts: imports os: the package is pure: what it says depends on its arguments alone"}},
		{"the system, from a program below one", listed{ImportPath: module + "/facts/tool", Name: "main", Imports: []string{"os"}}, nil},
		{"cgo", listed{ImportPath: module + "/cmd/x", Imports: []string{"C"}},
			[]string{"cmd/x: imports C: everything builds without cgo"}},
		{"a package without a row", listed{ImportPath: module + "/new"}, []string{"new: not in the import table"}},
		{"every package of the project", listed{ImportPath: module + "/cmd/x", Imports: []string{module + "/rules"}}, nil},
		{"test modules and any package in tests", listed{ImportPath: module + "/facts",
			TestImports: []string{"os", module + "/rules"}, XTestImports: []string{"pgregory.net/rapid"}}, nil},
		{"another module in tests", listed{ImportPath: module + "/facts", XTestImports: []string{"example.org/assert"}},
			[]string{"facts: test imports example.org/assert: not among the modules that it may use"}},
		{"its own parent", listed{ImportPath: module + "/facts/bench", Imports: []string{module + "/facts"}}, nil},
		{"another project", listed{ImportPath: "example.org/x", Imports: []string{"C"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, importProblems([]listed{tt.pkg}, rows)); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}
