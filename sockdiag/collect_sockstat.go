package sockdiag

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectSockstat reads what sockstat tells about one namespace: sockets in use
// and TIME_WAIT entries. A kernel without IPv6 has no sockstat6.
var collectSockstat = collector{
	source: facts.SourceSockstat, scope: perNamespace, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		four := t.readInto(t.net("sockstat"), func(b []byte) error {
			return parseSockstat(b, out, "sockstat.sockets.used", "sockstat.TCP.inuse", "sockstat.TCP.tw")
		})
		if four != nil {
			return four
		}
		return unlessAbsent(t.readInto(t.net("sockstat6"), func(b []byte) error {
			return parseSockstat(b, out, "sockstat.TCP6.inuse")
		}))
	},
}

// collectSharedSockstat reads what sockstat tells about the whole host: the
// kernel prints the same orphans, allocated sockets and memory (in pages)
// everywhere.
var collectSharedSockstat = collector{
	source: facts.SourceSockstat, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		return t.readInto(t.net("sockstat"), func(b []byte) error {
			return parseSockstat(b, out, "sockstat.TCP.orphan", "sockstat.TCP.alloc", "sockstat.TCP.mem")
		})
	},
}

// parseSockstat files the wanted numbers. A line is the name of a protocol, a colon,
// and pairs of a name and a number; kernels add pairs.
func parseSockstat(b []byte, out *reading, wanted ...string) error {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		protocol, pairs, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		var name []byte
		for word := range bytes.FieldsSeq(pairs) {
			if name == nil {
				name = word
				continue
			}
			if full := wantedPair(wanted, protocol, name); full != "" {
				n, err := strconv.ParseInt(string(word), 10, 64)
				if err != nil {
					return fmt.Errorf("%s: %w", full, err)
				}
				out.gauges[full] = n
			}
			name = nil
		}
	}
	return nil
}

// wantedPair returns the full name of a number if it is wanted.
func wantedPair(wanted []string, protocol, name []byte) string {
	const prefix = "sockstat."
	for _, full := range wanted {
		rest := full[len(prefix):]
		if len(rest) == len(protocol)+1+len(name) && rest[:len(protocol)] == string(protocol) && rest[len(protocol)+1:] == string(name) {
			return full
		}
	}
	return ""
}
