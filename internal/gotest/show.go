package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

// key names a test, or a package when there is no test in it.
type key struct{ pkg, test string }

// show prints the events of `go test -json` in the words of `go test`: of
// packages that pass one line, of tests that fail or skip all they said. It
// returns the tests that skipped.
func show(events io.Reader, out io.Writer) ([]string, error) {
	said := make(map[key]*strings.Builder)
	var skipped []string
	in := bufio.NewReader(events)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if name, err := showLine(line, said, out); err != nil {
				return skipped, err
			} else if name != "" {
				skipped = append(skipped, name)
			}
		}
		if errors.Is(err, io.EOF) {
			return skipped, nil
		}
		if err != nil {
			return skipped, err
		}
	}
}

// showLine handles one line and returns the name of the test that it says was
// skipped, if it does.
func showLine(line []byte, said map[key]*strings.Builder, out io.Writer) (string, error) {
	var e event
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
		_, err := out.Write(line)
		return "", err
	}
	k := key{e.Package, e.Test}
	var err error
	switch e.Action {
	case "build-output":
		_, err = io.WriteString(out, e.Output)
	case "output":
		if said[k] == nil {
			said[k] = new(strings.Builder)
		}
		said[k].WriteString(e.Output)
	case "pass", "fail", "skip":
		if b := said[k]; b != nil {
			_, err = io.WriteString(out, worth(b.String(), e))
			delete(said, k)
		}
		if e.Action == "skip" && e.Test != "" {
			return fmt.Sprintf("%s.%s", e.Package, e.Test), err
		}
	}
	return "", err
}

// worth picks what `go test` without -v would print of what a test or package
// said.
func worth(text string, e event) string {
	if e.Test != "" && e.Action == "pass" {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		verdict := strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") || strings.HasPrefix(line, "\t")
		switch {
		case e.Test == "" && e.Action != "fail" && !verdict:
		case strings.HasPrefix(line, "=== "):
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}
