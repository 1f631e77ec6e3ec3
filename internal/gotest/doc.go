// Command gotest runs `go test` and prints what it would print, with one
// difference: a test that skips is told, and where the environment variable CI
// is set it fails the run. What is claimed to be tested is then tested.
//
//	go run ./internal/gotest -race -shuffle=on ./...
//
// All arguments go to `go test` as they are. The exit code is that of `go test`,
// or 1 when tests skipped that should not.
package main
