// Package lab makes one fault, or one harmless look-alike, in throw-away network
// namespaces, and keeps it going until it is told to stop.
//
// It changes nothing outside the namespaces it makes, and it does not judge: what
// must be found is written in [Fault].Expect, and others compare.
//
// # Running a fault
//
// [All] lists the faults and [Find] picks one by name. [Start] makes it and returns
// once it stands; it goes on until [Running.Close]. Running tells the namespaces,
// processes and addresses, and [Running.Culprit] who must be found guilty:
//
//	func main() {
//		lab.Main() // plays an actor if the process was started as one
//		...
//		fault, _ := lab.Find("syn-flood-cookies-off")
//		running, err := lab.Start(ctx, fault, lab.Options{Family: lab.IPv6})
//		...
//		defer running.Close()
//	}
//
// The culprits are processes of their own, so that they have their own process
// ID, name and limit of descriptors: the program starts itself anew, inside the
// namespace, with an environment variable that [Main] looks for. Every program
// that starts faults must call Main first, and every test in TestMain. An actor
// dies with the process that started it, and its namespaces with the last of both.
//
// Several faults fit on one [Bench] (Options.Bench); they are refused where they
// contradict each other in a kernel parameter. [StartCrowd] hides one fault among
// many healthy namespaces.
//
// It takes root, or a user namespace (`unshare -rn`). Nothing is bound to a path,
// so nothing remains if the program is killed.
//
// # The bench
//
// A bench is two namespaces joined by a link:
//
//	server namespace            client namespace
//	10.7.0.1, fd00:7::1 ─ lab0 ═ lab0 ─ 10.7.0.2, fd00:7::2
//	                              └ raw peer: 10.8.0.0/16, fd00:8::/64
//
// The server routes the addresses of the last line over the link to a hardware
// address that is nobody's. Nobody owns them and no kernel answers for them; a
// [Peer] in the client namespace speaks for them, segment by segment, and nothing
// else ever does. [Strangers] are clients made of such segments.
//
// # The pieces
//
// What faults are made of serves other experiments as well: [NewBench], [Peer] and
// [Segment]; [StartServer], [StartClient] and [Actor]; [SetSysctl], [Sysctl] and
// [LoopbackUp]; [ReadCounters] and [Sockets] to see what the kernel made of it.
//
// # Adding a fault
//
// A fault is one file, fault_NAME.go or harmless_NAME.go, with a package-level
// [Fault]; `go generate` lists it in all.go. Its Run sets parameters on the
// [Stage], starts actors or strangers, waits by what the kernel shows until the
// fault stands, and ends with [Stage.Stand]. A test finds its signature.
package lab

//go:generate go run ../../internal/listgen -type Fault -doc "every fault and every look-alike, in the order of their variables"
