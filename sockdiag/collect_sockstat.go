package sockdiag

import (
	"errors"
	"io/fs"

	"github.com/prometheus/procfs"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectSockstat reads what sockstat tells about one namespace: sockets in use
// and TIME_WAIT entries.
var collectSockstat = collector{
	source: facts.SourceSockstat, scope: perNamespace, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		four, six, err := readSockstat(t)
		out.putSockstat(four, six)
		return err
	},
}

// collectSharedSockstat reads what sockstat tells about the whole host: the
// kernel prints the same orphans, allocated sockets and memory everywhere.
var collectSharedSockstat = collector{
	source: facts.SourceSockstat, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		four, _, err := readSockstat(t)
		out.putSharedSockstat(four)
		return err
	},
}

// readSockstat returns sockstat and sockstat6; a kernel without IPv6 has no
// sockstat6.
func readSockstat(t tree) (four, six *procfs.NetSockstat, err error) {
	root, err := procfs.NewFS(t.thread())
	if err != nil {
		return nil, nil, err
	}
	four, err = root.NetSockstat()
	if err != nil {
		return nil, nil, err
	}
	six, err = root.NetSockstat6()
	if errors.Is(err, fs.ErrNotExist) {
		return four, nil, nil
	}
	return four, six, err
}

// putSockstat files the numbers that each namespace has of its own.
func (r *reading) putSockstat(four, six *procfs.NetSockstat) {
	if four != nil {
		if four.Used != nil {
			r.gauges["sockstat.sockets.used"] = int64(*four.Used)
		}
		if p, ok := protocol(four, "TCP"); ok {
			r.gauges["sockstat.TCP.inuse"] = int64(p.InUse)
			r.gauge("sockstat.TCP.tw", p.TW)
		}
	}
	if six != nil {
		if p, ok := protocol(six, "TCP6"); ok {
			r.gauges["sockstat.TCP6.inuse"] = int64(p.InUse)
		}
	}
}

// putSharedSockstat files the numbers that are the same in every namespace;
// memory is in pages.
func (r *reading) putSharedSockstat(four *procfs.NetSockstat) {
	if four == nil {
		return
	}
	if p, ok := protocol(four, "TCP"); ok {
		r.gauge("sockstat.TCP.orphan", p.Orphan)
		r.gauge("sockstat.TCP.alloc", p.Alloc)
		r.gauge("sockstat.TCP.mem", p.Mem)
	}
}

func (r *reading) gauge(name string, v *int) {
	if v != nil {
		r.gauges[name] = int64(*v)
	}
}

func protocol(s *procfs.NetSockstat, name string) (procfs.NetSockstatProtocol, bool) {
	for _, p := range s.Protocols {
		if p.Protocol == name {
			return p, true
		}
	}
	return procfs.NetSockstatProtocol{}, false
}
