package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// explainOptions are what `explain` can be told.
type explainOptions struct {
	io     streams
	output string
	term   string // "" lists what can be explained
}

func newExplainCmd(io streams) *cobra.Command {
	o := explainOptions{io: io, output: "text"}
	cmd := &cobra.Command{
		Use:   "explain [FINDING|STATE|SETTING|COUNTER|states]",
		Short: "what a finding, a TCP state, a kernel setting or a kernel counter means",
		Long: `Explain a finding (accept-queue-overflow), a TCP state (CLOSE_WAIT), a kernel
setting (net.core.somaxconn, or just somaxconn) or a kernel counter
(TcpExt.ListenDrops, or just ListenDrops). "states" draws how connections open
and close, with -o mermaid for a document. Without a term, list all of them.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q: one term at a time", args[1])
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return terms(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.term = args[0]
			}
			return runExplain(o)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "`format`: "+joined(articleFormats())+"; of states also mermaid")
	return cmd
}

// articleFormats are the forms an explanation can be written in.
func articleFormats() []string { return []string{"json", "text", "yaml"} }

func runExplain(o explainOptions) error {
	formats := articleFormats()
	if isStates(o.term) {
		formats = statesFormats()
	}
	if !slices.Contains(formats, o.output) {
		return fmt.Errorf("no format %q (there are: %s)", o.output, joined(formats))
	}
	if isStates(o.term) {
		return o.writeStates()
	}
	a, ok := contents(), true
	if o.term != "" {
		a, ok = find(o.term)
	}
	if !ok {
		return fmt.Errorf("nothing known about %q%s", o.term, suggestion(o.term, terms()))
	}
	return a.Write(o.io.Out, o.output, o.io.text())
}

// find explains a term; findings go before states, states before the rest.
func find(term string) (report.Article, bool) {
	for _, explain := range []func(string) (report.Article, bool){explainFinding, explainState, explainSetting, explainCounter} {
		if a, ok := explain(term); ok {
			return a, true
		}
	}
	return report.Article{}, false
}

// terms lists everything that can be explained, settings and counters by their
// short names too.
func terms() []string {
	out := []string{statesTerm}
	for _, s := range contents().Sections {
		for _, name := range s.Names {
			out = append(out, name)
			if at := strings.LastIndexByte(name, '.'); at >= 0 {
				out = append(out, name[at+1:])
			}
		}
		for _, i := range s.Items {
			out = append(out, i.Name)
		}
	}
	return out
}
