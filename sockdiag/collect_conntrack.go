package sockdiag

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// collectConntrack reads how many connections a namespace tracks, and what
// tracking dropped there. Without the module there is nothing to read and
// nothing that could be full.
var collectConntrack = collector{
	source: facts.SourceConntrack, scope: perNamespace, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		err := readNumber(t, t.sysctl("net/netfilter/nf_conntrack_count"), "conntrack.count", out)
		statErr := t.readInto(t.net("stat/nf_conntrack"), func(b []byte) error {
			return parsePerCPU(b, "conntrack.", "entries", out)
		})
		return errors.Join(unlessAbsent(err), unlessAbsent(statErr))
	},
}

// collectConntrackMax reads the limit, one for all namespaces together though
// each counts for itself.
var collectConntrackMax = collector{
	source: facts.SourceConntrack, scope: perHost, limit: defaultLimit,
	read: func(t tree, out *reading) error {
		return unlessAbsent(readNumber(t, t.sysctl("net/netfilter/nf_conntrack_max"), "conntrack.max", out))
	},
}

// unlessAbsent drops the error of a file that does not exist.
func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readNumber files the number that a file holds as a gauge.
func readNumber(t tree, path, name string, out *reading) error {
	return t.readInto(path, func(b []byte) error {
		v, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
		if err != nil {
			return err
		}
		out.gauges[name] = v
		return nil
	})
}

// parsePerCPU reads the form of the files in /proc/net/stat: a line of names,
// then for each CPU a line of hexadecimal numbers, which are summed. The column
// named level is no counter and the same in every row.
func parsePerCPU(b []byte, prefix, level string, out *reading) error {
	line, b := cutLine(b)
	names := bytes.Fields(line)
	sums := make([]uint64, len(names))
	rows := 0
	for len(b) > 0 {
		line, b = cutLine(b)
		numbers := bytes.Fields(line)
		if len(numbers) == 0 {
			continue
		}
		if len(numbers) != len(names) {
			return fmt.Errorf("row %d: %d numbers, want %d", rows, len(numbers), len(names))
		}
		for i, text := range numbers {
			v, err := strconv.ParseUint(string(text), 16, 64)
			if err != nil {
				return fmt.Errorf("row %d: %w", rows, err)
			}
			if rows > 0 && string(names[i]) == level {
				continue
			}
			sums[i] += v
		}
		rows++
	}
	if rows == 0 {
		return errors.New("no row of numbers")
	}
	for i, name := range names {
		if string(name) == level {
			out.gauges[prefix+level] = int64(sums[i])
			continue
		}
		out.counters[prefix+string(name)] = sums[i]
	}
	return nil
}
