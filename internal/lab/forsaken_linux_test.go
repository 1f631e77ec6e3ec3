package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// forsakenRole makes the test binary start a fault and wait to be killed.
const forsakenRole = "LAB_TEST_FORSAKEN"

func playForsaken(name string) int {
	f, _ := Find(name)
	r, err := Start(context.Background(), f, Options{MaxDuration: time.Minute})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(r.ServerPID, r.ClientPID)
	_ = r.Wait()
	return 0
}

// A program that is killed leaves no actor behind, and so no namespace either.
func TestKilledParentLeavesNothing(t *testing.T) {
	t.Parallel()
	newBench(t) // to skip without privilege
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), forsakenRole+"=harmless-idle")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	var server, client int
	if _, err := fmt.Sscan(lines.Text(), &server, &client); err != nil || !alive(server) || !alive(client) {
		t.Errorf("got %q, error %v, want two live processes", lines.Text(), err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the actors to die", func() bool { return !alive(server) && !alive(client) })
}
