package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// The transports of a [SyslogConfig], and where they lead unless told.
const (
	transportJournal = "journal"
	transportLocal   = "local"
	transportUDP     = "udp"
	transportTCP     = "tcp"

	journalSocket = "/run/systemd/journal/socket"
	localSocket   = "/dev/log"
)

// The formats of messages to anything but the journal.
const (
	formatRFC5424 = "rfc5424"
	formatRFC3164 = "rfc3164"
)

// icmpPatience is how long it is waited for the host of a syslog server to say
// that nobody listens there. It is all that UDP can tell.
const icmpPatience = 100 * time.Millisecond

// SyslogConfig is a log that alerts are written to.
type SyslogConfig struct {
	Common   `mapstructure:",squash"`
	Resolved `mapstructure:",squash"`

	// Transport is journal (the default; systemd's own protocol, with a field
	// for each fact), local (the socket of a syslog daemon), udp, or tcp.
	// A message by UDP that is lost on the way is lost; by TCP it is sent again
	// unless the server closed the connection in good order after it.
	Transport string `mapstructure:"transport"`
	// Address is the socket, or host and port for udp and tcp.
	Address string `mapstructure:"address"`
	// Format is rfc5424 or rfc3164. The default is rfc5424 on a network; on
	// local sockets rfc3164, which every daemon understands there.
	Format string `mapstructure:"format"`
	// Facility is the name of a syslog facility. Default: daemon.
	Facility string `mapstructure:"facility"`
}

func (c SyslogConfig) check(p problems) {
	c.Common.check(p)
	switch c.Transport {
	case "", transportJournal, transportLocal:
	case transportUDP, transportTCP:
		host, port, err := net.SplitHostPort(c.Address)
		switch {
		case c.Address == "":
			p.add("address", "is missing")
		case err != nil:
			p.add("address", "%v", err)
		case host == "" || port == "":
			p.add("address", "%s: want host:port", c.Address)
		}
	default:
		p.add("transport", "no transport %q (there are: journal, local, udp, tcp)", c.Transport)
	}
	switch c.Format {
	case "", formatRFC5424, formatRFC3164:
	default:
		p.add("format", "no format %q (there are: rfc5424, rfc3164)", c.Format)
	}
	if _, ok := facility(c.Facility); !ok {
		p.add("facility", "no facility %q (there are: %s)", c.Facility, strings.Join(facilities(), ", "))
	}
}

// facilities lists the names of the facilities in the order of their numbers
// (RFC 5424, table 1, with the names of syslog(3)).
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// facility finds a facility by name.
func facility(name string) (number int, ok bool) {
	if name == "" {
		name = "daemon"
	}
	for i, f := range facilities() {
		if f == name {
			return i, true
		}
	}
	return 0, false
}

// priority returns the syslog severity of a message: 2 critical, 4 warning,
// 5 notice for what is over, 6 informational.
func priority(a incident.Alert) int {
	if a.Status == incident.Resolved {
		return 5
	}
	switch rules.Severity(a.Labels["severity"]) {
	case rules.Critical:
		return 2
	case rules.Warning:
		return 4
	case rules.Info:
		return 6
	}
	return 4
}

// syslog writes one line, or one entry of the journal, per message.
type syslog struct {
	name      string
	transport string
	address   string
	format    string
	facility  int
	limit     time.Duration
	now       func() time.Time
}

func newSyslog(name string, c SyslogConfig, o Options) *syslog {
	s := &syslog{
		name: name, transport: c.Transport, address: c.Address, format: c.Format,
		limit: c.limit(), now: o.Now,
	}
	s.facility, _ = facility(c.Facility)
	if s.transport == "" {
		s.transport = transportJournal
	}
	switch {
	case s.address == "" && s.transport == transportJournal:
		s.address = journalSocket
	case s.address == "" && s.transport == transportLocal:
		s.address = localSocket
	}
	switch {
	case s.format == "" && s.transport == transportLocal:
		s.format = formatRFC3164
	case s.format == "":
		s.format = formatRFC5424
	}
	return s
}

// Name implements [Receiver].
func (s *syslog) Name() string { return s.name }

// Send implements [Receiver].
func (s *syslog) Send(ctx context.Context, a incident.Alert) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	var err error
	switch s.transport {
	case transportJournal:
		err = s.sendJournal(ctx, a)
	case transportLocal:
		err = s.sendLocal(ctx, a)
	case transportUDP:
		err = s.sendUDP(ctx, a)
	default:
		err = s.sendTCP(ctx, a)
	}
	if err != nil {
		return fmt.Errorf("notify: %s: %w", s.transport, err)
	}
	return nil
}

// dial connects, for as long as ctx lasts.
func dial(ctx context.Context, network, address string) (conn net.Conn, release func(), err error) {
	conn, err = new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { stop(); conn.Close() }, nil
}

// sendJournal writes an entry, without the finding where that is too large for a
// datagram.
func (s *syslog) sendJournal(ctx context.Context, a incident.Alert) error {
	conn, release, err := dial(ctx, "unixgram", s.address)
	if err != nil {
		return err
	}
	defer release()
	entry, err := journalEntry(a, s.facility)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(entry.short, entry.finding...))
	if errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ENOBUFS) {
		_, err = conn.Write(entry.short)
	}
	return err
}

// sendLocal writes to a syslog daemon, whichever kind of socket it has.
func (s *syslog) sendLocal(ctx context.Context, a incident.Alert) error {
	line := s.line(a)
	conn, release, err := dial(ctx, "unixgram", s.address)
	if errors.Is(err, syscall.EPROTOTYPE) {
		line += "\n"
		conn, release, err = dial(ctx, "unix", s.address)
	}
	if err != nil {
		return err
	}
	defer release()
	_, err = io.WriteString(conn, line)
	return err
}

func (s *syslog) sendUDP(ctx context.Context, a incident.Alert) error {
	conn, release, err := dial(ctx, "udp", s.address)
	if err != nil {
		return err
	}
	defer release()
	if _, err = io.WriteString(conn, s.line(a)); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(icmpPatience)); err != nil {
		return err
	}
	if _, err = conn.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return nil
}

// sendTCP writes a line with its length before it (RFC 6587, section 3.4.1) and
// waits for the server to close too: that it took the bytes is all that can be
// known, and a connection that is torn down took nothing.
func (s *syslog) sendTCP(ctx context.Context, a incident.Alert) error {
	conn, release, err := dial(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	defer release()
	line := s.line(a)
	if _, err = fmt.Fprintf(conn, "%d %s", len(line), line); err != nil {
		return err
	}
	if half, ok := conn.(*net.TCPConn); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	// Whatever the server says is of no interest, and not all of it is read.
	if _, err = io.CopyN(io.Discard, conn, bodyAtMost); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
