// Package web tells over HTTP what the agent found: metrics for Prometheus, the
// report and the incidents as JSON, and one page for people.
//
// It only reads, and only what was published to it: no request makes it look at
// a socket, wait for the loop, or keep the loop waiting. (A scrape reads what
// the process itself costs from /proc/self.) However many sockets,
// listeners and namespaces a host has, the number of series and the memory stay
// bounded; what is left out is counted. It refuses every method but GET and
// HEAD, and on a loopback address every name but the host's own, so that a page
// of somebody else cannot read it through a browser.
package web
