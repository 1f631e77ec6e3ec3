// Command record writes the recordings that the day in the tests of package
// incident is played from: windows of every fault of the lab, of every look-alike,
// and of what happens on a healthy host, taken on the running kernel.
//
//	go run ./internal/incident/record -out internal/incident/testdata
//	go run ./internal/incident/record -out internal/incident/testdata -only time-wait
//
// It takes root, or a user namespace (unshare -rn), and a few minutes. The
// recordings are redacted with a salt that nobody keeps. It changes nothing but
// the folder it is given.
package main
