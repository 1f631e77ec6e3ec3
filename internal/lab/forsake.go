package lab

import "context"

// fillPerSecond is how fast strangers come while a fault is being set up.
const fillPerSecond = 4000

// forsake lets strangers connect, send payload, if any, and leave, until a server
// that never closes holds Size connections in CLOSE_WAIT. Then they go on coming
// at PerSecond.
func forsake(ctx context.Context, s *Stage, server Server, payload []byte) error {
	if err := s.NeedDescriptors(s.Size); err != nil {
		return err
	}
	actor, err := s.StartServer(ctx, server)
	if err != nil {
		return err
	}
	strangers, err := s.StartStrangers(ctx, sayAndLeave(payload))
	if err != nil {
		return err
	}
	err = strangers.BeginAll(ctx, fillPerSecond, 1, func() bool {
		return actor.Status().Accepted >= s.Size || actor.Err() != nil
	})
	if err != nil {
		return err
	}
	if err := s.UntilCount(ctx, s.Size, CloseWait); err != nil {
		return err
	}
	s.Go(func() error { return strangers.BeginAll(ctx, s.PerSecond, 1, forever) })
	return nil
}
