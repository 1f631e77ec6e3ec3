package sockdiag

import (
	"fmt"
	"io"
	"os"
)

// maxFile bounds what is read of a file in /proc. The largest of those read
// here, netstat, has about 5 KiB; a row per CPU stays far below it too.
const maxFile = 4 << 20

// readInto hands the content of a small file to parse and says which file it
// was when that fails.
func readInto(path string, parse func([]byte) error) error {
	b, err := readSmall(path)
	if err != nil {
		return err
	}
	if err := parse(b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readSmall reads a file whose size the kernel does not tell beforehand, with
// few system calls: some of these files are made afresh by each.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 0, 16<<10)
	for {
		if len(b) == cap(b) {
			if len(b) >= maxFile {
				return nil, fmt.Errorf("%s: longer than %d bytes", path, maxFile)
			}
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
