// Command table tries every prediction on the running kernel and writes the table of
// what was predicted and what was measured, as Markdown, to standard output:
//
//	go run ./internal/prediction/table > docs/predictions.md
//
// It takes root, or `unshare -rn`, and a few minutes.
package main
