// Package lab makes one fault, or one harmless look-alike, in throw-away network
// namespaces, and keeps it going until it is told to stop.
package lab

//go:generate go run ../listgen -type Fault -doc "every fault and every look-alike, in the order of their variables"
