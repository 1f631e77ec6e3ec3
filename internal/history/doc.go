// Package history is the memory of the agent: what it knew when it last looked,
// which incidents there were, how the figures went over weeks, and which
// messages still wait for a receiver. All of it is one bbolt file, bounded in
// size and age. Beside it the flight [Recorder] keeps what was seen in the
// minutes before something was found.
//
// A [Store] takes the news of one tick at a time, and what it acknowledged is
// there after the process was killed at any moment. Whatever is wrong with the
// disk or with the file is an error, never a panic: a file that is damaged is
// moved aside and a new one begun, one that a newer program wrote is refused and
// left alone, and while nothing can be written the store goes on in memory.
//
// It judges nothing and has no clock: every time comes in with what happened
// then, and a wrong one costs neither the store nor what is in it.
package history
