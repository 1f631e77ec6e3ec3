package agent

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Service tells the service manager how the agent is, where there is one
// (NOTIFY_SOCKET); otherwise it says nothing to anybody. Its zero value is ready
// for use by one goroutine.
type Service struct {
	watchdog time.Duration // how often to say that the loop goes round; 0 is never
	asked    bool
	last     time.Time
	status   string
}

// Ready says that the agent watches.
func (s *Service) Ready() { tell(daemon.SdNotifyReady) }

// Stopping says that the agent is about to end.
func (s *Service) Stopping() { tell(daemon.SdNotifyStopping) }

// Reloading says that settings are being read again; [Service.Ready] ends that.
func (s *Service) Reloading() { tell(daemon.SdNotifyReloading) }

// Alive says that the loop has gone round, with a line for `systemctl status`.
// It may be called as often as one likes.
func (s *Service) Alive(status string) {
	if !s.asked {
		s.asked = true
		if every, err := daemon.SdWatchdogEnabled(false); err == nil {
			s.watchdog = every
		}
	}
	if status != "" && status != s.status {
		s.status = status
		tell("STATUS=" + status)
	}
	if now := time.Now(); s.watchdog > 0 && now.Sub(s.last) >= s.watchdog/4 {
		s.last = now
		tell(daemon.SdNotifyWatchdog)
	}
}

// tell is best effort: an agent watches with or without somebody listening.
func tell(state string) { _, _ = daemon.SdNotify(false, state) }
