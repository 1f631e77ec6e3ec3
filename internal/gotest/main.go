package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	code, err := run(os.Args[1:], os.Getenv("CI"), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// run runs `go test` with the arguments and returns the exit code.
func run(args []string, ci string, stdout, stderr io.Writer) (int, error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, fmt.Errorf("gotest: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("gotest: %w", err)
	}
	skipped, printErr := show(events, stdout)
	err = cmd.Wait()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		fmt.Fprintln(stdout, "FAIL")
		return max(failed.ExitCode(), 1), printErr
	case err != nil || printErr != nil:
		return 1, fmt.Errorf("gotest: %w", errors.Join(err, printErr))
	case len(skipped) > 0 && ci != "" && ci != "false":
		fmt.Fprintf(stdout, "%d tests skipped, and none may where CI is set:\n", len(skipped))
		for _, name := range skipped {
			fmt.Fprintf(stdout, "\t%s\n", name)
		}
		fmt.Fprintln(stdout, "FAIL")
		return 1, nil
	}
	return 0, nil
}
