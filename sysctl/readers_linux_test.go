package sysctl

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readerKeys are the parameters that the generated files set.
var readerKeys = []Key{
	"net.core.somaxconn", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_retries2", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_rmem",
	"net.ipv4.conf.lo.rp_filter", "net.ipv4.conf.all.rp_filter", "net.ipv4.ip_local_reserved_ports",
}

// confSet makes the files of one host below a folder.
type confSet struct {
	rng  *rand.Rand
	root string
	log  strings.Builder
}

func (c *confSet) pick(options ...string) string { return options[c.rng.IntN(len(options))] }

func (c *confSet) key() string {
	k := readerKeys[c.rng.IntN(len(readerKeys))]
	switch c.rng.IntN(10) {
	case 0:
		return strings.ReplaceAll(string(k), ".", "/")
	case 1:
		return "/" + strings.ReplaceAll(string(k), ".", "/")
	case 2:
		return c.pick("net.ipv4.conf.[al]*.rp_filter", "net.core.somax*", "net.ipv4.tcp_keepalive_int?l", "net.ipv4.tcp_[rs]mem", "net.ipv4.conf.l*.rp_filter")
	case 3:
		return c.pick("net.core.nosuch", "net.ipv4.tcp_tw_recycle", "net..core.somaxconn")
	}
	return string(k)
}

func (c *confSet) line() string {
	key := c.key()
	n := c.rng.IntN(100) + 1
	value := fmt.Sprint(n)
	switch {
	case strings.Contains(key, "mem"):
		value = c.pick(fmt.Sprintf("%d 131072 6291456", 4096+n), fmt.Sprintf("%d", 5000+n), fmt.Sprintf("%d\t%d\t%d", 4000+n, 80000+n, 900000+n))
	case strings.Contains(key, "rp_filter"):
		value = fmt.Sprint(n % 3)
	case strings.Contains(key, "ports"):
		value = fmt.Sprintf("%d,%d-%d", n, 200+n, 300+n)
	}
	switch c.rng.IntN(16) {
	case 0:
		return c.pick("# comment = 1", "; comment", "", "   ", "nonsense", "=5")
	case 1:
		return "-" + key + "=" + value
	case 2:
		return "-" + key
	case 3:
		return "  " + key + "\t=  " + value + "  "
	case 4:
		return key + "=" + value + "\r"
	case 5:
		return key + " = " + c.pick("0x1f", "017", value+"x", `"`+value+`"`, "", "+5", value+" # why", value+";")
	case 6:
		return "- " + key + " = " + value
	}
	return key + " = " + value
}

func (c *confSet) text() string {
	var b strings.Builder
	for range c.rng.IntN(5) + 1 {
		b.WriteString(c.line())
		b.WriteString(c.pick("\n", "\n", "\n", "\r\n"))
	}
	return strings.TrimSuffix(b.String(), c.pick("", "\n"))
}

func (c *confSet) write(path, text string) error {
	full := filepath.Join(c.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	fmt.Fprintf(&c.log, "--- %s\n%s\n", path, text)
	return os.WriteFile(full, []byte(text), 0o644)
}

// make writes a set of files with names that meet.
func (c *confSet) make() error {
	for _, dir := range confDirs[:4] {
		if err := os.MkdirAll(filepath.Join(c.root, dir), 0o755); err != nil {
			return err
		}
	}
	for range c.rng.IntN(7) + 1 {
		name := c.pick("10-a.conf", "50-b.conf", "60-local.conf", "9-x.conf", "99-vendor.conf", "100-c.conf", "zz.conf", ".99-dot.conf", "a.conf~", "B.conf", "90-tcpdoctor.conf")
		path := c.pick(confDirs[:4]...) + "/" + name
		if _, err := os.Lstat(filepath.Join(c.root, path)); err == nil {
			continue
		}
		var err error
		switch c.rng.IntN(12) {
		case 0:
			fmt.Fprintf(&c.log, "--- %s -> /dev/null\n", path)
			err = os.Symlink("/dev/null", filepath.Join(c.root, path))
		case 1:
			target := c.pick("/etc/sysctl.conf", "../sysctl.conf", "/nonexistent")
			fmt.Fprintf(&c.log, "--- %s -> %s\n", path, target)
			err = os.Symlink(target, filepath.Join(c.root, path))
		default:
			err = c.write(path, c.text())
		}
		if err != nil {
			return err
		}
	}
	if c.rng.IntN(2) == 0 {
		return c.write(plainFile, c.text())
	}
	return nil
}

// readerScript runs both readers on each set, each in a network namespace of its
// own, and shows what the parameters are afterwards. The root folder of the
// readers holds the set's files and this host's programs.
const readerScript = `
set -e
mount --make-rprivate /
cd "$1"
mkdir root
mount -t tmpfs none root
mkdir root/usr root/proc root/dev root/etc root/run
for l in bin sbin lib lib64; do [ -L /$l ] && ln -s "$(readlink /$l)" root/$l; done
mount --bind /usr root/usr
mount --bind /proc root/proc
touch root/dev/null
mount --bind /dev/null root/dev/null
mount -t tmpfs none root/usr/local
mkdir -p root/usr/local/lib/sysctl.d
mount -t tmpfs none root/usr/lib/sysctl.d
for set in set-*; do
	rm -rf root/etc/* root/run/* root/usr/local/lib/sysctl.d/* root/usr/local/lib/sysctl.d/.[!.]* root/usr/lib/sysctl.d/* root/usr/lib/sysctl.d/.[!.]*
	cp -a $set/. root/
	for reader in /lib/systemd/systemd-sysctl "/usr/sbin/sysctl --system"; do
		echo "== $set $reader"
		unshare -n chroot root sh -c '
			reader=$1; shift
			$reader >/dev/null 2>&1 || :
			cd /proc/sys
			for f; do printf "%s=" $f; tr "\n" " " <$f; echo; done
		' sh "$reader" $2
	done
done
`

// ranReader is what one real reader left of one set of files.
type ranReader struct {
	set    string
	reader Reader
	values map[Key]string
}

// runReaders runs both real readers on every set below a folder, each in a network
// namespace of its own.
func runReaders(t *testing.T, dir string) []ranReader {
	t.Helper()
	var files []string
	for _, k := range readerKeys {
		p, _ := k.Path()
		files = append(files, p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", readerScript, "sh", dir, strings.Join(files, " "))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var ran []ranReader
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if header, ok := strings.CutPrefix(line, "== "); ok {
			name, program, _ := strings.Cut(header, " ")
			r := ReaderSystemd
			if strings.Contains(program, "--system") {
				r = ReaderProcps
			}
			ran = append(ran, ranReader{set: name, reader: r, values: map[Key]string{}})
			continue
		}
		file, value, _ := strings.Cut(line, "=")
		k, err := ParseKey(file)
		if err != nil {
			t.Fatal(err)
		}
		ran[len(ran)-1].values[k] = normalise(k, value)
	}
	return ran
}

// makeConfSets writes sets of files, and returns the folder of each and what was
// written into it. It ends the test where there is no reader to compare with.
func makeConfSets(t *testing.T, sets int, seed uint64) (dir string, logs map[string]string) {
	t.Helper()
	for _, program := range []string{"/lib/systemd/systemd-sysctl", "/usr/sbin/sysctl"} {
		if _, err := os.Stat(program); err != nil {
			if os.Getenv("CI") == "" {
				t.Skipf("no reader to compare with: %v", err)
			}
			t.Fatal(err)
		}
	}
	dir, logs = fastDir(t), make(map[string]string)
	for i := range sets {
		name := fmt.Sprintf("set-%02d", i)
		c := &confSet{rng: rand.New(rand.NewPCG(uint64(i), seed)), root: filepath.Join(dir, name)}
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		logs[name] = c.log.String()
	}
	return dir, logs
}

// Both simulated readers agree with the real ones on every generated set of files.
func TestReadersAgainstTheRealOnes(t *testing.T) {
	t.Parallel()
	const sets = 60
	dir, logs := makeConfSets(t, sets, 7)
	compared, set := compareReaders(t, dir, runReaders(t, dir), logs)
	t.Logf("%d values compared over %d sets of files and two readers, %d of them set by a file", compared, sets, set)
	if compared != sets*2*len(readerKeys) || set < compared/4 {
		t.Errorf("got %d values compared and %d set, want %d and more", compared, set, sets*2*len(readerKeys))
	}
}

// compareReaders compares what the programs did with what was expected.
func compareReaders(t *testing.T, dir string, ran []ranReader, logs map[string]string) (compared, set int) {
	t.Helper()
	fresh := map[Key]string{}
	h := freshNetns(t)
	tree := openProc(t)
	inNetns(t, h, func() error {
		fresh = tree.ReadAll(readerKeys).Value
		return nil
	})
	for _, r := range ran {
		conf, err := LoadConf(filepath.Join(dir, r.set))
		if err != nil {
			t.Fatal(err)
		}
		for k, got := range r.values {
			e := conf.Expect(r.reader, k)
			want := fresh[k]
			if e.Set {
				want = e.Value
				set++
				// A vector of which only the beginning was set keeps the rest.
				if s, _ := Lookup(k); s.Type == TypeVector {
					if full, ok := s.taken(e.Value, fresh[k]); ok {
						want = full
					}
				}
			}
			compared++
			if got != want {
				t.Errorf("%s, %s, %s: the real one has %q, expected %q (%+v)\n%s", r.set, r.reader, k, got, want, e.Steps, logs[r.set])
			}
		}
	}
	return compared, set
}
