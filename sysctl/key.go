package sysctl

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBadKey is the error for text that cannot name a kernel parameter.
var ErrBadKey = errors.New("not a parameter name")

// Key names one kernel parameter in the dotted form of sysctl(8), such as
// "net.core.somaxconn". A dot inside one component, which only interface names
// have, is written as a slash: "net.ipv4.conf.eth0/100.rp_filter". In the
// catalogue a component may be "*", which stands for any interface.
type Key string

// ParseKey reads a parameter name as sysctl(8) does: the first separator found
// decides whether dots or slashes separate components. A leading "/proc/sys/" is
// accepted. The result is in canonical form and cannot leave the parameter tree.
func ParseKey(s string) (Key, error) {
	text := strings.TrimPrefix(strings.TrimSpace(s), "/proc/sys/")
	var parts []string
	if i := strings.IndexAny(text, "./"); i >= 0 && text[i] == '/' {
		parts = strings.Split(text, "/")
	} else {
		parts = strings.Split(text, ".")
		for i := range parts {
			parts[i] = strings.ReplaceAll(parts[i], "/", ".")
		}
	}
	if err := checkParts(parts); err != nil {
		return "", fmt.Errorf("sysctl: %q: %w", s, err)
	}
	return keyOf(parts), nil
}

// checkParts refuses components that are empty, that name the current or the
// parent folder, or that hold white space or control characters.
func checkParts(parts []string) error {
	if len(parts) < 2 {
		return fmt.Errorf("%w: a parameter has at least two components", ErrBadKey)
	}
	for _, p := range parts {
		if p == "" || p == "." || p == ".." {
			return fmt.Errorf("%w: component %q", ErrBadKey, p)
		}
		for _, r := range p {
			if r <= ' ' || r == 0x7f || r == '/' || r == '\\' {
				return fmt.Errorf("%w: character %q", ErrBadKey, r)
			}
		}
	}
	return nil
}

// keyOf joins path components into the canonical dotted form.
func keyOf(parts []string) Key {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = strings.ReplaceAll(p, ".", "/")
	}
	return Key(strings.Join(out, "."))
}

// String returns the canonical dotted form.
func (k Key) String() string { return string(k) }

// Parts returns the components as file names, so an interface name with dots is
// one component.
func (k Key) Parts() []string {
	parts := strings.Split(string(k), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "/", ".")
	}
	return parts
}

// Path returns the file below /proc/sys, with slashes. It is an error wrapping
// [ErrBadKey] when the key was not made by [ParseKey] and could leave the tree.
func (k Key) Path() (string, error) {
	parts := k.Parts()
	if err := checkParts(parts); err != nil {
		return "", fmt.Errorf("sysctl: %q: %w", string(k), err)
	}
	return strings.Join(parts, "/"), nil
}

// Base returns the last component: "somaxconn" for "net.core.somaxconn".
func (k Key) Base() string {
	return string(k[strings.LastIndexByte(string(k), '.')+1:])
}

// Interface returns the interface that the key is about, and whether it is about
// one: "eth0" for "net.ipv4.conf.eth0.rp_filter". The kernel's own pseudo
// interfaces "all" and "default" are returned as well.
func (k Key) Interface() (string, bool) {
	parts := k.Parts()
	if len(parts) != 5 || parts[0] != "net" || (parts[1] != "ipv4" && parts[1] != "ipv6") {
		return "", false
	}
	if parts[2] != "conf" && parts[2] != "neigh" {
		return "", false
	}
	return parts[3], true
}

// IsPattern says whether the key stands for more than one parameter.
func (k Key) IsPattern() bool { return strings.Contains(string(k), "*") }

// Pattern returns the catalogue form of an interface's key, with "*" in place of
// the interface: "net.ipv4.conf.*.rp_filter". Any other key is returned as it is.
func (k Key) Pattern() Key {
	if _, ok := k.Interface(); !ok {
		return k
	}
	parts := k.Parts()
	parts[3] = "*"
	return keyOf(parts)
}

// WithInterface returns the pattern with "*" replaced by the interface named.
func (k Key) WithInterface(name string) Key {
	return Key(strings.ReplaceAll(string(k), "*", strings.ReplaceAll(name, ".", "/")))
}
