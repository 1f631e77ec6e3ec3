package netns_test

import (
	"fmt"
	"os"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

func ExampleHandle_Do() {
	self, err := netns.Self()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer self.Close()
	err = self.Do(func() error {
		// Not /proc/net, which is the leading thread's.
		_, err := os.ReadFile("/proc/thread-self/net/netstat")
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}
