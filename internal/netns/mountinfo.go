package netns

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
)

// mount is a namespace file bound to a path, as /proc/PID/mountinfo shows it.
type mount struct {
	inode uint64
	path  string
}

// readMounts returns the network namespaces bound to a path. Lines of other
// file systems, and lines it cannot read, are passed over.
//
// A line reads: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE
// SOURCE OPTIONS (proc_pid_mountinfo(5)); the root of a bound network namespace
// is net:[INODE].
func readMounts(r io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(" net:[")) {
			continue // a host with many containers has thousands of others
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		if inode, ok := parseInode(fields[3]); ok {
			mounts = append(mounts, mount{inode: inode, path: unescape(fields[4])})
		}
	}
	return mounts, lines.Err()
}

// parseInode reads the inode number out of net:[4026531833].
func parseInode(link string) (uint64, bool) {
	digits, ok := strings.CutPrefix(link, "net:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, err == nil
}

// unescape undoes the octal escapes that the kernel writes for white space and
// the backslash itself in a path (mangle_path in fs/seq_file.c).
func unescape(path string) string {
	if !strings.Contains(path, `\`) {
		return path
	}
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+3 < len(path) {
			if code, err := strconv.ParseUint(path[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		out.WriteByte(path[i])
	}
	return out.String()
}
