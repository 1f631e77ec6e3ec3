// Package conformance runs one scenario twice, in the reference model and in the
// running kernel, and compares what comes out: states and queue lengths as
// INET_DIAG shows them, kernel counters, what the application is told, and times.
//
// It proves nothing about a kernel it has not run on, and it makes no fault: it
// uses the pieces of [github.com/tcpdoctor/tcpdoctor/internal/lab] to build
// situations, each in network namespaces of its own.
//
// # Running the suite
//
// [Run] runs every scenario, several at a time, and returns a [Report]. Most of its
// time passes in waiting for the kernel's timers. It takes root, or a user
// namespace as made by `unshare -rn`; the parameters it sets are those of its own
// namespaces, and nothing remains of them.
//
// # What counts as agreement
//
// The model's side of a [Comparison] is computed by the model package from the
// settings read back from the namespace and from the [model.Dialect] of the running
// kernel. The kernel's side is measured. Only what nothing can compute is told to the
// model: initial sequence numbers, the member of a SO_REUSEPORT group that a hash
// chooses, and the retransmission timeout that a round trip has led to.
//
// A time agrees if the kernel's timer may have fired between T and
// [model.Slack](T). What is seen late is not held against the kernel: an observation
// is an interval ([Moment]), and a slow machine makes it wider, not wrong.
//
// A variant that does not agree is run once more when the others are done. What was
// spoilt by a busy machine agrees then, and the report says that it was repeated;
// what differs twice differs.
//
// Where kernel and model differ and the reason is known, the scenario lists a
// [Deviation] with the reason. Anything else is a disagreement.
//
// # Adding a scenario
//
// A subject is one file, scenario_SUBJECT.go, with package-level values of type
// [Scenario]; `go generate` lists them in all.go. Each [Variant] runs on a bench of
// its own. Operations of [Case] and its parts keep the first failure and do nothing
// after it, so a scenario reads as a plain list of what happens.
package conformance

//go:generate go run ../../internal/listgen -type Scenario -doc "every scenario, in the order of their variables"
