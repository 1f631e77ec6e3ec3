// Package fix decides what to change about findings, and whether a change did what
// the model said it would.
//
// [Choose] takes from the findings the settings that the model says would help, and
// leaves out those that no longer would once the others are in force. [Group] puts
// what touches the same parameters into one [Attempt]. [Take] reads off a window the
// figures that a prediction is about, and [Case.Judge] compares those of the window
// after a change with those before and with the range that was predicted. A [Record]
// keeps what has to be known to judge later, in another process.
//
// It measures nothing itself, changes nothing and reads no clock.
package fix
