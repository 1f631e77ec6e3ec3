package lab_test

import (
	"context"
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

func ExampleFind() {
	f, ok := lab.Find("accept-queue-overflow-fd-limit")
	fmt.Println(ok, f.Title)
	fmt.Println(f.Expect.ID, f.Expect.Cause, f.Expect.Culprit)
	// Output:
	// true accept queue, the process is out of descriptors
	// accept-queue-overflow fd-limit server
}

// A fault is started, looked at, and ended.
func ExampleStart() {
	f, _ := lab.Find("close-wait-leak-descriptor-leak")
	running, err := lab.Start(context.Background(), f, lab.Options{Family: lab.IPv6, Size: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer running.Close()
	pid, _ := running.Culprit()
	stuck, err := lab.Sockets(running.Server, lab.CloseWait)
	fmt.Println(pid, len(stuck), err)
}
