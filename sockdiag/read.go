package sockdiag

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// maxFile bounds what is read of a file in /proc. The largest of those read
// here, netstat, has about 5 KiB; a row per CPU stays far below it too.
const maxFile = 4 << 20

// readInto hands the content of a small file to parse and says which file it
// was when that fails. What parse gets is overwritten by the next file.
func (t tree) readInto(path string, parse func([]byte) error) error {
	buf := t.files.take()
	b, err := t.kept.append(buf[:0], path, t.inside)
	if err == nil {
		if err = parse(b); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	t.files.give(b)
	return err
}

// readSmall reads a file whose size the kernel does not tell beforehand.
func readSmall(path string) ([]byte, error) {
	return appendFile(make([]byte, 0, fileBufferLen), path)
}

// appendFile appends a file to b. It returns b in any case, grown where it had to
// be.
func appendFile(b []byte, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return b, err
	}
	defer f.Close()
	return appendAll(b, path, f.Read)
}

// appendAll appends what read brings until its end, with few system calls: some of
// these files are made afresh by each.
func appendAll(b []byte, path string, read func([]byte) (int, error)) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			if len(b) >= maxFile {
				return b, fmt.Errorf("%s: longer than %d bytes", path, maxFile)
			}
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
