// Command mutate measures how well the tests of package model hold it: it
// changes one number, one comparison or one table entry of the package at a
// time, runs the tests, and names the changes that no test notices.
//
//	go run ./model/mutate            all of it, a few minutes
//	go run ./model/mutate -file ports.go
//
// All changes are compiled into one test binary and switched on one by one by
// an environment variable, so that a change costs one run of the tests. Only
// constants need a build each. It refuses nothing and writes nothing but a
// temporary folder.
package main
