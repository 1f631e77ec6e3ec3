// Command tcpdoctor samples how the kernel manages TCP connections and says
// what is wrong, who must act, and what to do.
//
// Results go to standard output, everything else to standard error. The exit
// codes are those of monitoring plugins for `diagnose` (0 nothing at warning or
// above, 1 warning, 2 critical, 3 not judged); for other commands 0 and 3.
//
// Each command is one file: its options, newXCmd that declares its flags, and
// runX that does the work and could be called without a command line.
package main
