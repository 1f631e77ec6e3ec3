package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Reader is a program that reads configuration files and writes parameters.
type Reader string

// The readers. They do not agree with each other.
const (
	ReaderSystemd Reader = "systemd-sysctl"  // at boot
	ReaderProcps  Reader = "sysctl --system" // by hand
)

// Readers are both of them.
func Readers() []Reader { return []Reader{ReaderSystemd, ReaderProcps} }

// The files that the readers take in, from the one that counts most. A file in an
// earlier folder hides one of the same name in a later one.
var (
	confDirs  = []string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}
	credFile  = "/run/credentials/systemd-sysctl.service/sysctl.extra"
	plainFile = "/etc/sysctl.conf"
)

// ConfFile is one file as it lies in a folder.
type ConfFile struct {
	// Path is where it lies, as seen from the root.
	Path string
	// Text is its content; empty when Err is set, or when it is masked by a link to
	// /dev/null.
	Text string
	// Masked says that it hides others of its name and holds nothing itself.
	Masked bool
	// Hidden says that a file of the same name in an earlier folder replaces it.
	Hidden bool
	// Err says why it could not be read.
	Err error
}

// Conf is all configuration files of a host.
type Conf struct {
	// Files are the folders' files in the order of their names, hidden ones after
	// what hides them.
	Files []ConfFile
	// Plain is /etc/sysctl.conf, nil when there is none.
	Plain *ConfFile
	// Credential is what systemd passes to its reader, nil when there is none.
	Credential *ConfFile
	// Cmdline is the kernel's command line.
	Cmdline string
}

// LoadConf reads the configuration files below a root; an empty root means the
// host's own. A file that cannot be read is listed with its error.
func LoadConf(root string) (Conf, error) {
	var c Conf
	seen := map[string]bool{}
	for _, dir := range confDirs {
		real, err := resolve(root, dir)
		if err != nil {
			continue
		}
		if dir == "/lib/sysctl.d" {
			if usr, err := resolve(root, "/usr/lib/sysctl.d"); err == nil && usr == real {
				continue
			}
		}
		entries, err := os.ReadDir(real)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Conf{}, fmt.Errorf("sysctl: read configuration: %w", err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".conf") {
				continue
			}
			f := loadFile(root, dir+"/"+e.Name())
			f.Hidden = seen[e.Name()]
			seen[e.Name()] = true
			c.Files = append(c.Files, f)
		}
	}
	slices.SortStableFunc(c.Files, func(a, b ConfFile) int {
		return strings.Compare(filepath.Base(a.Path), filepath.Base(b.Path))
	})
	for path, to := range map[string]**ConfFile{plainFile: &c.Plain, credFile: &c.Credential} {
		if real, err := resolve(root, path); err == nil {
			if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() {
				f := loadFile(root, path)
				*to = &f
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join("/", root, "proc/cmdline")); err == nil {
		c.Cmdline = strings.TrimSpace(string(b))
	}
	return c, nil
}

// loadFile reads one file.
func loadFile(root, path string) ConfFile {
	f := ConfFile{Path: path}
	real, err := resolve(root, path)
	if err != nil {
		f.Err = err
		return f
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		f.Err = err
	case info.IsDir():
		f.Err = fmt.Errorf("sysctl: %s is a folder", path)
	case !info.Mode().IsRegular():
		f.Masked = true
	default:
		b, err := os.ReadFile(real)
		f.Text, f.Err = string(b), err
	}
	return f
}

// resolve follows links as a process would whose root is the one given.
func resolve(root, path string) (string, error) {
	done := "/"
	todo := strings.Split(path, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		next := filepath.Join(done, part)
		full := filepath.Join("/", root, next)
		target, err := os.Readlink(full)
		if err != nil {
			done = next
			continue
		}
		if links++; links > 40 {
			return "", fmt.Errorf("sysctl: %s: too many links", path)
		}
		if strings.HasPrefix(target, "/") {
			done = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return filepath.Join("/", root, done), nil
}

// With returns the configuration as it would be with one file replaced, or added.
// A nil text removes it.
func (c Conf) With(path string, text *string) Conf {
	out := c
	out.Files = slices.DeleteFunc(slices.Clone(c.Files), func(f ConfFile) bool { return f.Path == path })
	if text != nil {
		out.Files = append(out.Files, ConfFile{Path: path, Text: *text})
	}
	order := func(f ConfFile) int { return slices.Index(confDirs, filepath.Dir(f.Path)) }
	slices.SortStableFunc(out.Files, func(a, b ConfFile) int {
		if n := strings.Compare(filepath.Base(a.Path), filepath.Base(b.Path)); n != 0 {
			return n
		}
		return order(a) - order(b)
	})
	for i := range out.Files {
		out.Files[i].Hidden = i > 0 && filepath.Base(out.Files[i].Path) == filepath.Base(out.Files[i-1].Path)
	}
	return out
}

// Order returns the files that a reader takes in, in its order.
func (c Conf) Order(r Reader) []ConfFile {
	var out []ConfFile
	for _, f := range c.Files {
		// systemd passes over dot files; procps 4.0.2 reads them.
		if f.Hidden || r == ReaderSystemd && strings.HasPrefix(filepath.Base(f.Path), ".") {
			continue
		}
		out = append(out, f)
	}
	switch {
	case r == ReaderSystemd && c.Credential != nil:
		out = append(out, *c.Credential)
	case r == ReaderProcps && c.Plain != nil:
		out = append(out, *c.Plain)
	}
	return out
}
