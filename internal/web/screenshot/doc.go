// Command screenshot makes the pictures of the agent's page for the
// documentation, in a browser without a screen:
//
//	go run ./internal/web/screenshot -url http://127.0.0.1:9737/ -o docs/images/page.png
//	go run ./internal/web/screenshot -from fault.rec -o docs/images/page.png
//	go run ./internal/web/screenshot -made-up -serve 127.0.0.1:8080
//
// With -url it shows a running agent, with -from what recordings tell (as
// `tcpdoctor diagnose --record` writes them), with -made-up a host that does not
// exist. With -serve it makes no picture and keeps serving the page, for those
// who work on it. With -replace names of the machine are shown as others, so that
// a picture of a real fault does not tell where it was taken.
package main
