package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the list that the arguments ask for, or compares it with what is
// there, relative to the working folder, which `go generate` sets to that of the
// package.
func run(args []string, stderr io.Writer) error {
	var o options
	var check bool
	set := flag.NewFlagSet("listgen", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&o.Type, "type", "", "`name` of the type whose values are listed")
	set.StringVar(&o.Files, "files", "*.go", "`pattern` of the files to look into")
	set.StringVar(&o.Func, "func", "All", "`name` of the function to write")
	set.StringVar(&o.Doc, "doc", "", "what the function returns, to follow \"All returns\" (`words`)")
	set.StringVar(&o.Out, "out", "all.go", "`file` to write")
	set.BoolVar(&check, "check", false, "write nothing; fail when the file is not what would be written")
	if err := set.Parse(args); err != nil {
		return err
	}
	if o.Type == "" || set.NArg() > 0 {
		return fmt.Errorf("listgen: usage: listgen -type T [-files PATTERN] [-func NAME] [-doc WORDS] [-out FILE] [-check]")
	}
	text, err := generate(os.DirFS("."), o)
	if err != nil {
		return fmt.Errorf("listgen: %w", err)
	}
	if !check {
		return os.WriteFile(o.Out, text, 0o644)
	}
	switch there, err := os.ReadFile(o.Out); {
	case err != nil:
		return fmt.Errorf("listgen: %w", err)
	case !bytes.Equal(there, text):
		return fmt.Errorf("listgen: %s is stale: run `go generate ./...`", o.Out)
	}
	return nil
}
