package sockdiag

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectSNMP6 reads the groups Ip6 and Icmp6. A kernel without IPv6 has no
// such file, which is no failure.
var collectSNMP6 = collector{
	source: facts.SourceSNMP, scope: perNamespace, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		err := readInto(t.net("snmp6"), func(b []byte) error { return parseSNMP6(b, out) })
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	},
}

// parseSNMP6 reads the form of /proc/net/snmp6: one name and one number in each
// line, the name beginning with its group ("Ip6InReceives"). A line that does
// not fit is skipped and reported.
func parseSNMP6(b []byte, out *reading) error {
	var failed error
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		words := bytes.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := parseSNMP6Line(words, out); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func parseSNMP6Line(words [][]byte, out *reading) error {
	if len(words) != 2 {
		return fmt.Errorf("line beginning with %.20q: %d words, want 2", words[0], len(words))
	}
	for _, group := range [...]string{"Icmp6", "Ip6"} {
		name, ok := strings.CutPrefix(string(words[0]), group)
		// Icmp6InType135 and its like repeat what the named ones count.
		if ok && name != "" && !strings.Contains(name, "Type") {
			return out.put(group+"."+name, string(words[1]))
		}
	}
	return nil
}
