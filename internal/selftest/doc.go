// Package selftest makes every fault of the lab, and every look-alike, on the
// running kernel and compares what the rules find with what the lab says must be
// found: [Run]. [Judge] is the comparison alone, a pure function.
//
// It changes nothing outside the namespaces that the lab makes, and it knows no
// fault and no rule by name: what must be found is written in [lab.Expect].
package selftest
