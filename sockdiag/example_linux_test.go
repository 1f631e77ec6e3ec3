package sockdiag_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

func ExampleCollect() {
	w, err := sockdiag.Collect(context.Background(), sockdiag.Options{Window: 100 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range w.Namespaces {
		_, known := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenOverflows")
		fmt.Println("sockets walked to the end:", n.End.Census.Complete)
		fmt.Println("overflows counted:", known)
	}
	// Output:
	// sockets walked to the end: true
	// overflows counted: true
}
