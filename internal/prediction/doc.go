// Package prediction puts [model.Predict] to the test: it makes a load for real in
// network namespaces of its own, has the model predict what a change of a setting
// would do about it, writes that down, makes the change, and measures what happened.
//
// It proves nothing about a kernel or a load it has not run, and it never corrects
// a prediction: what the model said before the change is what is held against the
// measurement.
//
// # One trial
//
// A [Trial] is a [Load], a [Change] and the time until the change has had its
// effect. [Run] does the same with each:
//
//  1. the load is started and left alone until it is steady;
//  2. a window is taken with [sockdiag.Collect], as diagnose takes it, and the model
//     predicts from nothing but that window;
//  3. the change is made, and after the settling time another window is taken;
//  4. where nothing got better or worse, the application is restarted (it calls
//     listen() again, or connects anew) and a third window is taken.
//
// # Who is right
//
// The verdict observed is not written down by hand. Every load has a [Subject], which
// says what can be wrong about loads of its kind and how that is measured: its harms.
// [Observe] turns the harms of the windows into a verdict, by a rule that is the same
// for all. The numbers are compared by [Subject.Figures]; see [Number].
//
// # Adding a trial
//
// A trial is a package-level value of type [Trial] in a file trial_SUBJECT.go;
// `go generate` lists it in all.go. Loads are in load_SUBJECT.go. The table of all
// trials is docs/predictions.md, written by the command in the folder table.
package prediction

//go:generate go run ../../internal/listgen -type Trial -doc "every trial, in the order of their variables"
