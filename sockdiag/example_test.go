package sockdiag_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// Listeners gives the queue and the limit of every listening socket.
func ExampleConn_Listeners() {
	c, err := sockdiag.Dial()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for s, err := range c.Listeners(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d of %d waiting for accept\n", s.Local, s.RecvQueue, s.SendQueue)
	}
}

// Sockets streams, so a census of any number of sockets fits in a few
// megabytes.
func ExampleConn_Sockets() {
	c, err := sockdiag.Dial()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	walk := c.Sockets(context.Background(), sockdiag.Request{Attributes: sockdiag.AllAttributes})
	census, err := facts.Reduce(walk, facts.ReduceOptions{})
	if err != nil {
		fmt.Println("incomplete:", err)
	}
	fmt.Println(census.States()[facts.CloseWait], "sockets in CLOSE_WAIT")
}
