package lab

import (
	"context"
	"time"
)

// patientFor is how long the clients of an overflow wait for an answer. It is
// shorter than the kernel's first SYN retransmission (1 s), so each refused
// client counts once and the client's side shows no pile-up.
const patientFor = 800 * time.Millisecond

// overrun lets clients come at PerSecond, stay for a while and leave, and waits
// until the accept queue of the listener has overflowed and stands full.
func overrun(ctx context.Context, s *Stage, stay time.Duration) error {
	_, err := s.StartClient(ctx, Client{
		Comm: "lab-clients", PerSecond: s.PerSecond, GiveUp: patientFor, Pending: 1024, Hold: stay,
	})
	if err != nil {
		return err
	}
	if err := s.UntilCounter(ctx, "TcpExt.ListenOverflows", 1); err != nil {
		return err
	}
	return s.Until(ctx, "a full accept queue", func() (bool, error) {
		l, err := s.Listener()
		return l.ReceiveQueue > l.SendQueue, err
	})
}
