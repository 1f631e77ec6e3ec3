// Package arch keeps the shape of the repository. Its tests fail when a package
// imports what the table does not allow it, when a package-level variable
// changes, when a list that `go generate` writes is stale, and when a file or a
// package breaks one of the rules that hold everywhere: no file over 500 lines,
// no init function, no blank import, no drawer such as "util", a doc.go in every
// package, no path of the machine that somebody worked on.
//
// The checks are functions from what was read to a list of problems, so each is
// tested on a case that breaks it. They use the standard library and the go
// command, and judge no style: that is what the linters are for.
package arch
