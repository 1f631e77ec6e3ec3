package sysctl

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Other is another program on the host that sets parameters.
type Other struct {
	Name string
	// Active says that it runs, or is set up to run at boot; Evidence how that is
	// known.
	Active   bool
	Evidence string
	// Sets are the lines of its own configuration.
	Sets []Assignment
	// May are parameters, or patterns, that it sets without a line that says so.
	May []Key
	// Note says what it does and when.
	Note string
}

// Claim is what another program has to do with a parameter.
type Claim struct {
	Name     string
	Active   bool
	Evidence string
	// Value is what it sets, empty when that is not known; File and Line where it says
	// so.
	Value string
	File  string
	Line  int
	Note  string
}

// Claim says what the program has to do with a parameter; false for nothing.
func (o Other) Claim(k Key) (Claim, bool) {
	c := Claim{Name: o.Name, Active: o.Active, Evidence: o.Evidence, Note: o.Note}
	file, err := k.Path()
	if err != nil {
		return c, false
	}
	found := false
	for _, a := range o.Sets {
		if a.Path == file || a.IsPattern() && a.matches(file) {
			c.Value, c.File, c.Line, found = a.Value, a.File, a.Line, true
		}
	}
	return c, found || slices.ContainsFunc(o.May, func(m Key) bool {
		pattern, err := m.Path()
		return err == nil && Assignment{Path: pattern}.matches(file)
	})
}

// LoadOthers finds the other programs below a root that set parameters; an empty
// root means the host itself. Only those are returned of which something is there.
func LoadOthers(root string) []Other {
	h := hostFiles{root: root, comms: commsBelow(root)}
	var out []Other
	for _, find := range []func(hostFiles) (Other, bool){
		findTuned, findBpftune, findUFW, findKubeProxy, findContainers, findCloudInit, findNetworkManager, findNetworkd,
	} {
		if o, ok := find(h); ok {
			out = append(out, o)
		}
	}
	return out
}

// hostFiles is a host's files and the names of its processes.
type hostFiles struct {
	root  string
	comms []string
}

// commsBelow returns the names of the processes that can be seen.
func commsBelow(root string) []string {
	names, err := filepath.Glob(filepath.Join("/", root, "proc", "[1-9]*", "comm"))
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil {
			out = append(out, strings.TrimSpace(string(b)))
		}
	}
	return out
}

// runs says whether a process of the name was seen.
func (h hostFiles) runs(comm string) bool { return slices.Contains(h.comms, comm) }

// read returns a file's text, empty when there is none.
func (h hostFiles) read(file string) string {
	real, err := resolve(h.root, file)
	if err != nil {
		return ""
	}
	b, err := os.ReadFile(real)
	if err != nil {
		return ""
	}
	return string(b)
}

// has says whether there is a file or folder.
func (h hostFiles) has(file string) bool {
	real, err := resolve(h.root, file)
	if err != nil {
		return false
	}
	_, err = os.Stat(real)
	return err == nil
}

// setting returns the value of a line "name=value" of a shell-like file.
func setting(text, name string) string {
	value := ""
	for line := range strings.Lines(text) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && strings.TrimSpace(k) == name {
			value = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return value
}

// The folders in which TuneD looks for profiles, of newer and older releases.
var tunedDirs = []string{"/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned"}

// findTuned reads the active profile and what it includes.
func findTuned(h hostFiles) (Other, bool) {
	active := strings.Fields(h.read("/etc/tuned/active_profile"))
	o := Other{Name: "tuned", Active: h.runs("tuned"), Evidence: "profile " + strings.Join(active, " ")}
	if len(active) == 0 {
		return o, o.Active
	}
	if !o.Active {
		o.Evidence += ", not running"
	}
	o.Note = "sets it when it starts and puts the old value back when it stops"
	if v := setting(h.read("/etc/tuned/tuned-main.conf"), "reapply_sysctl"); v != "0" && strings.ToLower(v) != "false" {
		o.Note += "; then lets the lines of /etc/sysctl.d, /run/sysctl.d and /etc/sysctl.conf win"
	}
	var names []string
	for _, name := range active {
		o.Sets = append(o.Sets, h.tunedProfile(name, &names)...)
	}
	return o, true
}

// tunedProfile returns the [sysctl] lines of a profile, those that it includes
// first, without what it drops or replaces of them. seen guards against circles.
func (h hostFiles) tunedProfile(name string, seen *[]string) []Assignment {
	if slices.Contains(*seen, name) {
		return nil
	}
	*seen = append(*seen, name)
	for _, dir := range tunedDirs {
		file := path.Join(dir, name, "tuned.conf")
		text := h.read(file)
		if text == "" {
			continue
		}
		var included, own []Assignment
		var dropped []string
		section, replaced := "", false
		for i, line := range strings.Split(text, "\n") {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				section = strings.Trim(line, "[]")
				continue
			}
			k, v, ok := strings.Cut(line, "=")
			k, v = strings.TrimSpace(k), strings.TrimSpace(v)
			if !ok || strings.HasPrefix(k, "#") || strings.HasPrefix(k, ";") {
				continue
			}
			switch {
			case section == "main" && k == "include":
				for _, parent := range strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ';' || c == ' ' }) {
					included = append(included, h.tunedProfile(strings.TrimPrefix(parent, "-"), seen)...)
				}
			case section == "sysctl" && k == "drop":
				for _, name := range strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ';' || c == ' ' }) {
					dropped = append(dropped, slashed(name))
				}
			case section == "sysctl" && k == "replace":
				replaced = v == "1" || strings.EqualFold(v, "true")
			case section == "sysctl" && slashed(k) != "":
				// ">" means: only if the present value is less.
				a := Assignment{Path: slashed(k), Value: strings.Trim(strings.TrimPrefix(v, ">"), `" `), File: file, Line: i + 1}
				if strings.Contains(v, "${") {
					a.Value = "" // computed when it starts
				}
				own = append(own, a)
			}
		}
		included = slices.DeleteFunc(included, func(a Assignment) bool { return replaced || slices.Contains(dropped, a.Path) })
		return append(included, own...)
	}
	return nil
}

// findBpftune looks for Oracle's self-tuning daemon.
func findBpftune(h hostFiles) (Other, bool) {
	o := Other{
		Name: "bpftune", Active: h.runs("bpftune"), Evidence: "running",
		Note: "changes it while it runs; it backs off when an administrator writes",
		May: []Key{
			"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_mem", "net.core.rmem_max", "net.core.wmem_max", "net.core.netdev_max_backlog",
			"net.core.netdev_budget", "net.core.netdev_budget_usecs", "net.core.flow_limit_cpu_bitmap", "net.ipv4.tcp_congestion_control",
			"net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_orphans", "net.ipv4.neigh.default.gc_thresh*",
			"net.ipv6.neigh.default.gc_thresh*", "net.ipv6.route.max_size", "net.ipv4.ipfrag_high_thresh", "net.ipv6.ip6frag_high_thresh",
		},
	}
	if !o.Active {
		o.Evidence = "installed, not running"
	}
	return o, o.Active || h.has("/usr/sbin/bpftune")
}

// findUFW reads the firewall's own sysctl file.
func findUFW(h hostFiles) (Other, bool) {
	file := cmp.Or(setting(h.read("/etc/default/ufw"), "IPT_SYSCTL"), "/etc/ufw/sysctl.conf")
	text := h.read(file)
	o := Other{Name: "ufw", Evidence: "switched on", Note: "sets it whenever the firewall starts, after the readers at boot"}
	if o.Active = strings.EqualFold(setting(h.read("/etc/ufw/ufw.conf"), "ENABLED"), "yes"); !o.Active {
		o.Evidence = "installed, not switched on"
	}
	o.Sets, _ = ReaderProcps.Parse(ConfFile{Path: file, Text: text})
	return o, text != ""
}

// findKubeProxy looks for the service proxy of Kubernetes.
func findKubeProxy(h hostFiles) (Other, bool) {
	o := Other{
		Name: "kube-proxy", Active: h.runs("kube-proxy"), Evidence: "running", Note: "sets it when it starts",
		May: []Key{
			"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_tcp_timeout_established",
			"net.netfilter.nf_conntrack_tcp_timeout_close_wait", "net.netfilter.nf_conntrack_tcp_be_liberal", "net.ipv4.conf.all.route_localnet",
			"net.ipv4.vs.conntrack", "net.ipv4.vs.conn_reuse_mode", "net.ipv4.vs.expire_nodest_conn", "net.ipv4.vs.expire_quiescent_template",
			"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward", "net.ipv4.conf.all.arp_ignore",
			"net.ipv4.conf.all.arp_announce",
		},
	}
	if !o.Active {
		o.Evidence = "a node of Kubernetes, not running"
	}
	return o, o.Active || h.has("/var/lib/kubelet/config.yaml")
}

// findContainers looks for programs that forward for containers.
func findContainers(h hostFiles) (Other, bool) {
	o := Other{
		Name: "container runtime", Note: "sets it when it starts, or when it makes a network",
		May: []Key{"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.*.route_localnet", "net.ipv4.conf.*.rp_filter",
			"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"},
	}
	for _, comm := range []string{"dockerd", "containerd", "crio", "cilium-agent", "calico-node", "flanneld", "libvirtd"} {
		if h.runs(comm) {
			o.Active = true
			o.Evidence = strings.TrimPrefix(o.Evidence+", "+comm, ", ")
		}
	}
	return o, o.Active
}

// findCloudInit looks for parameters in what the cloud handed to the host at its
// first start.
func findCloudInit(h hostFiles) (Other, bool) {
	o := Other{Name: "cloud-init", Active: true, Evidence: "user data of this host",
		Note: "runs after the reader at boot, and most of it at the first start only"}
	for _, file := range []string{"/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instance/cloud-config.txt", "/var/lib/cloud/instance/vendor-data.txt"} {
		for i, line := range strings.Split(h.read(file), "\n") {
			o.Sets = append(o.Sets, mentioned(line, file, i+1)...)
		}
	}
	return o, len(o.Sets) > 0
}

// mentioned finds assignments of known parameters anywhere in a line, as in a list
// of files to write, or of commands to run.
func mentioned(line, file string, number int) []Assignment {
	words := strings.FieldsFunc(strings.NewReplacer(" = ", "=", " =", "=", "= ", "=").Replace(line), func(c rune) bool {
		return strings.ContainsRune(" \t\"'`,;[]{}", c)
	})
	for _, w := range words {
		name, _, ok := strings.Cut(w, "=")
		k, err := ParseKey(name)
		if _, known := Lookup(k); !ok || err != nil || !known {
			continue
		}
		// The value may have blanks, as vectors do: it ends with the quotation or line.
		_, rest, _ := strings.Cut(line[strings.Index(line, name)+len(name):], "=")
		rest = strings.TrimLeft(rest, ` "'`)
		if end := strings.IndexAny(rest, "\"'`,;]}&|"); end >= 0 {
			rest = rest[:end]
		}
		return []Assignment{{Path: slashed(name), Value: strings.Trim(rest, blanks), File: file, Line: number}}
	}
	return nil
}

// findNetworkManager looks for a program that manages interfaces.
func findNetworkManager(h hostFiles) (Other, bool) {
	o := Other{
		Name: "NetworkManager", Active: h.runs("NetworkManager"), Evidence: "running",
		Note: "sets it for the interfaces that it manages, whenever one comes up",
		May: []Key{"net.ipv6.conf.*.disable_ipv6", "net.ipv6.conf.*.accept_ra", "net.ipv6.conf.*.accept_redirects", "net.ipv6.conf.*.use_tempaddr",
			"net.ipv6.conf.*.addr_gen_mode", "net.ipv6.conf.*.forwarding", "net.ipv6.conf.*.mtu", "net.ipv4.conf.*.forwarding",
			"net.ipv4.conf.*.promote_secondaries", "net.ipv4.ip_forward"},
	}
	if !o.Active {
		o.Evidence = "installed, not running"
	}
	return o, o.Active || h.has("/usr/sbin/NetworkManager")
}

// findNetworkd looks for systemd's program that manages interfaces. The kernel cuts
// the name of a process to 15 bytes.
func findNetworkd(h hostFiles) (Other, bool) {
	o := Other{
		Name: "systemd-networkd", Active: h.runs("systemd-network"), Evidence: "running",
		Note: "sets it where a .network file asks for forwarding or privacy",
		May: []Key{"net.ipv4.ip_forward", "net.ipv4.conf.*.forwarding", "net.ipv6.conf.*.forwarding", "net.ipv6.conf.*.disable_ipv6", "net.ipv6.conf.*.accept_ra",
			"net.ipv6.conf.*.use_tempaddr", "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.*.route_localnet"},
	}
	return o, o.Active
}
