// Package profiles holds named intents, such as "web-server", as data: which
// parameter should have at least, at most or exactly which value, by a number or
// by a formula over the machine and its load, and under which condition, with the
// reason, the risk and the source of each.
//
// [Load] reads the built-in profiles and the user's own. [Resolve] turns one into
// what package sysctl can plan, for one kernel, one machine and one load.
//
// It changes nothing and measures nothing: the state of the kernel and the inputs
// are arguments. It never asks for less than the kernel's own default unless the
// profile says so in as many words, and it leaves out, with the reason, whatever a
// host does not have, does not need or cannot take.
package profiles
