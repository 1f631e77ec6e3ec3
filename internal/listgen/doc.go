// Command listgen writes a function that returns every package-level value of
// one type. It makes "adding something is one new file" true without a registry
// and without an init function: a new rule, fault or parameter group is a new
// file, and `go generate` puts it into all.go.
//
// It is called from the doc.go of the package that holds the values:
//
//	//go:generate go run ../internal/listgen -type Rule -files "rule_*.go" -doc "every built-in rule, by ID"
//
// The values are listed by the names of their variables, so that the output
// depends on nothing but the sources. It reads syntax only: it sees
// `var x = Rule{...}`, `var x Rule = ...`, `var x = &Rule{...}` for the type
// *Rule, and `var x = newRule(...)` where newRule is a function of the package
// with that result. Values in test files are left out. It refuses a value that
// exists on some platforms only, unless the output file is as limited.
package main
