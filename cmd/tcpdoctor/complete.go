package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// joined lists names for a help text.
func joined(names []string) string { return strings.Join(names, ", ") }

// completeDiagnose lets shells complete the values of its flags.
func completeDiagnose(cmd *cobra.Command) {
	complete(cmd, "output", func() []string {
		var out []string
		for _, f := range report.Formats() {
			out = append(out, f.Name+"\t"+f.Doc)
		}
		return out
	})
	complete(cmd, "min-severity", func() []string { return []string{"info", "warning", "critical"} })
	complete(cmd, "netns", func() []string {
		out := []string{"self\tthis namespace", "all\tevery namespace of the host"}
		handles, _ := netns.All()
		for _, h := range handles {
			if h.Name() != "" {
				out = append(out, h.Name())
			}
			_ = h.Close()
		}
		return out
	})
}

func complete(cmd *cobra.Command, flag string, values func() []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic("tcpdoctor: complete --" + flag + ": " + err.Error()) // our own mistake: no such flag
	}
}
