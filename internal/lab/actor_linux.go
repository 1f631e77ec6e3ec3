package lab

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// actorAttributes makes an actor die with the thread that starts it, and keeps
// an interrupt typed at the terminal from reaching it.
func actorAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
}

// play plays a part until its end.
func play(p part, in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	l, err := newLoop(p.Life, in, out)
	if err != nil {
		return err
	}
	switch {
	case p.Server != nil:
		if err = setComm(p.Server.Comm); err == nil {
			err = playServer(l, *p.Server)
		}
	case p.Client != nil:
		if err = setComm(p.Client.Comm); err == nil {
			err = playClient(l, *p.Client)
		}
	default:
		err = errors.New("no part to play")
	}
	if errors.Is(err, errCurtain) {
		return nil
	}
	return err
}

// setComm gives the process the name that ps and ss show.
func setComm(comm string) error {
	if comm == "" {
		return nil
	}
	return os.WriteFile("/proc/self/comm", []byte(comm), 0)
}
