package sockdiag

import (
	"bytes"
	"cmp"
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
		err := t.readInto(t.net("snmp6"), func(b []byte) error { return parseSNMP6(b, out) })
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
		name, number, ok := twoWords(line)
		switch {
		case name == nil:
		case !ok:
			failed = cmp.Or(failed, fmt.Errorf("line beginning with %.20q: %d words, want 2", name, countFields(line)))
		default:
			if full := out.names.one(name, snmp6Name); full != "" {
				failed = cmp.Or(failed, out.put(full, string(number)))
			}
		}
	}
	return failed
}

// twoWords splits a line of a name and a number. It is not ok where it is not of
// this form, and has no name where it is empty.
func twoWords(line []byte) (name, number []byte, ok bool) {
	n := 0
	for word := range bytes.FieldsSeq(line) {
		switch n {
		case 0:
			name = word
		case 1:
			number = word
		}
		n++
	}
	return name, number, n == 2
}

// snmp6Name gives the name of a number the form of all others; "" for one that is
// not wanted.
func snmp6Name(kernel string) string {
	for _, group := range [...]string{"Icmp6", "Ip6"} {
		name, ok := strings.CutPrefix(kernel, group)
		// Icmp6InType135 and its like repeat what the named ones count.
		if ok && name != "" && !strings.Contains(name, "Type") {
			return group + "." + name
		}
	}
	return ""
}
