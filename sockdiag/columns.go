package sockdiag

import (
	"bytes"
	"sync"
)

// columnNames remembers how the columns of the kernel's tables are called, so that
// reading them again makes no strings. Nil remembers nothing.
type columnNames struct {
	mu      sync.Mutex
	columns map[string][]string // by the whole line of names
	single  map[string]string   // by the kernel's own name
}

// namesKept bounds what is remembered: a kernel has a dozen such lines and some
// hundred single names.
const namesKept = 1024

// of returns the full names of the columns of a line, which begins with their
// group.
func (n *columnNames) of(line []byte) []string {
	if n == nil {
		return fullNames(line)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.columns[string(line)]; ok {
		return known
	}
	if n.columns == nil || len(n.columns) >= namesKept {
		n.columns = make(map[string][]string)
	}
	made := fullNames(line)
	n.columns[string(line)] = made
	return made
}

func fullNames(line []byte) []string {
	group, columns, _ := bytes.Cut(line, []byte(":"))
	var out []string
	for column := range bytes.FieldsSeq(columns) {
		out = append(out, string(group)+"."+string(column))
	}
	return out
}

// one returns the full name of a single number, made by the given function; "" is
// remembered too.
func (n *columnNames) one(kernel []byte, full func(string) string) string {
	if n == nil {
		return full(string(kernel))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.single[string(kernel)]; ok {
		return known
	}
	if n.single == nil || len(n.single) >= namesKept {
		n.single = make(map[string]string)
	}
	made := full(string(kernel))
	n.single[string(kernel)] = made
	return made
}
