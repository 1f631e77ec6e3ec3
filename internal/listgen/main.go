package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the list that the arguments ask for, relative to the working
// folder, which `go generate` sets to that of the package.
func run(args []string, stdout, stderr io.Writer) error {
	var o options
	var out string
	fs := flag.NewFlagSet("listgen", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.Type, "type", "", "`name` of the type whose values are listed")
	fs.StringVar(&o.Files, "files", "*.go", "`pattern` of the files to look into")
	fs.StringVar(&o.Func, "func", "All", "`name` of the function to write")
	fs.StringVar(&o.Doc, "doc", "", "what the function returns, to follow \"All returns\" (`words`)")
	fs.StringVar(&out, "out", "all.go", "`file` to write; - is standard output")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.Type == "" || fs.NArg() > 0 {
		return fmt.Errorf("listgen: usage: listgen -type T [-files PATTERN] [-func NAME] [-doc WORDS] [-out FILE]")
	}
	o.Out = out
	if out == "-" {
		o.Out = ""
	}
	text, err := generate(os.DirFS("."), o)
	if err != nil {
		return fmt.Errorf("listgen: %w", err)
	}
	if out == "-" {
		_, err = stdout.Write(text)
		return err
	}
	return os.WriteFile(out, text, 0o644)
}
