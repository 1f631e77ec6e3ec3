// Package facts holds what was observed on one host during one window:
// sockets reduced to a census, kernel counters, settings, processes, and the
// gaps where something could not be read.
//
// Everything here is a plain value. The package opens no file, reads no clock
// and judges nothing: collectors fill it, the model and the rules read it, and
// [Encode] and [Decode] carry it to another machine where it is judged the
// same way.
package facts
