package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// interfaceNumber counts what programs that call this one can rely on: it grows
// with every flag and field that they may need to ask for.
const interfaceNumber = 1

// versionDocument is what `version -o json` writes.
type versionDocument struct {
	Schema    string `json:"schema"`
	Version   string `json:"version"`
	Interface int    `json:"interface"`
	Go        string `json:"go"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
}

func newVersionDocument() versionDocument {
	return versionDocument{
		Schema: "tcpdoctor.version/v1", Version: version(), Interface: interfaceNumber, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}

func newVersionCmd(io streams) *cobra.Command {
	output := applyFormat("text")
	cmd := &cobra.Command{
		Use:   "version",
		Short: "say which version this is",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if output == "json" {
				return writeJSON(io.Out, newVersionDocument())
			}
			_, err := fmt.Fprintf(io.Out, "tcpdoctor %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().VarP(&output, "output", "o", "`format`: json, text")
	return cmd
}

// version is that of the module this program was built from, or its revision
// where it was built from a working copy.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
