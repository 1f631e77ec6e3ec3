package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

var update = flag.Bool("update", false, "write the expected output into the scripts instead of comparing with it")

func TestMain(m *testing.M) {
	lab.Main()
	testscript.Main(m, map[string]func(){"tcpdoctor": main})
}

// TestScripts runs the command line as its users do, one situation a file.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/cli",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "encode": encode, "remember": remember, "matches": matches},
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			// Nothing of this host's settings, and a place without any.
			e.Setenv("COLUMNS", "80")
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}

// condition knows [userns]: unprivileged namespaces can be made.
func condition(name string) (bool, error) {
	if name != "userns" {
		return false, errors.New("no such condition")
	}
	if runtime.GOOS != "linux" {
		return false, nil
	}
	err := exec.Command("unshare", "-rn", "true").Run()
	return err == nil || os.Getenv("CI") != "", nil // in CI the script may fail, not skip
}

// exits runs a command and wants an exit code: exits 3 tcpdoctor diagnos.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

// encode makes a recording of a window written as JSON: encode in.json out.
func encode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: encode window.json recording")
	}
	var w facts.Window
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &w))
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(errors.Join(facts.Encode(f, w), f.Close()))
}
