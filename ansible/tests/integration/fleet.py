# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Hosts for the tests: namespaces of this machine with an sshd in each."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import base64
import json
import os
import pathlib
import shutil
import subprocess
import time

HERE = pathlib.Path(__file__).parent
BRIDGE = "fleet0"
CONTROLLER = "192.0.2.1"

SSHD_CONFIG = """\
HostKey /etc/fleet/ssh_host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
MaxSessions 50
MaxStartups 50
PidFile none
Subsystem sftp internal-sftp
"""


def run(*argv, check=True, **kwargs):
    """Run a program and return what it wrote."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120, check=False, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit code %d\n%s%s" % (argv, done.returncode, done.stdout, done.stderr))
    return done


def until(what, condition, seconds=60.0):
    """Poll a condition until it is true, and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError("%s: not within %g s" % (what, seconds))
        time.sleep(0.05)


class Host:
    """One host: the namespaces of one process, which is its init."""

    def __init__(self, fleet, name, number, init="plain"):
        self.fleet, self.name, self.init = fleet, name, init
        self.address = "192.0.2.%d" % (10 + number)
        self.link = "fleet-%d" % number
        self.dir = fleet.dir / "hosts" / name
        self.dir.mkdir(parents=True)
        self._start()

    def _start(self):
        argv = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"]
        cgroup = None
        if self.init == "systemd":
            argv.append("--cgroup")
            cgroup = self.fleet.cgroups() / ("tcpdoctor-%s-%s" % (self.name, os.urandom(4).hex()))
            cgroup.mkdir()
        self.cgroup = cgroup
        argv += [str(HERE / "hostinit"), str(self.dir), self.name, str(self.fleet.base), self.init]
        if cgroup is not None:  # into the control group first, which is then the root that the host sees
            argv = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(cgroup)] + argv
        self.log = open(self.dir / "log", "w+b")
        self.outer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid = int(until("init of " + self.name, self._child))
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        run("ip", "link", "set", self.link, "master", BRIDGE, "up")
        self.run("ip", "address", "add", self.address + "/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def _child(self):
        if self.outer.poll() is not None:
            raise AssertionError(self.name + " did not start: " + self.output())
        pid = self.outer.pid
        for child in pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split():
            if os.readlink("/proc/%s/ns/net" % child) != os.readlink("/proc/self/ns/net"):
                return child
        return None

    def wait(self):
        """Wait until the host lets one in."""
        until("sshd of " + self.name, lambda: self.outer.poll() is not None or self.answers())
        assert self.outer.poll() is None, self.output()
        self.first = self.sysctls()

    def answers(self):
        """Say whether there is an sshd that listens."""
        done = self.run("ss", "-Hltn", "sport = :22", check=False)
        return done.returncode == 0 and ":22" in done.stdout

    def output(self):
        """Return what the init has written."""
        return (self.dir / "log").read_text(errors="replace")

    def stop(self):
        """End the host and everything in it."""
        self.outer.kill()
        self.outer.wait()
        run("ip", "link", "del", self.link, check=False)
        if self.cgroup is not None:
            until("the end of " + self.name, lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text())
            for folder, _dirs, _files in os.walk(str(self.cgroup), topdown=False):
                os.rmdir(folder)

    def enter(self, *argv):
        """Return the command line that runs a program inside."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--ipc", "--uts",
                "--root", "--wd=/", "--"] + [str(a) for a in argv]

    def run(self, *argv, **kwargs):
        """Run a program inside."""
        return run(*self.enter(*argv), **kwargs)

    def spawn(self, *argv):
        """Start a program inside; whoever starts it also ends it."""
        return subprocess.Popen(self.enter(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    def doctor(self, *argv):
        """Run tcpdoctor inside and return what it says."""
        done = self.run("tcpdoctor", *argv, "-o", "json", check=False)
        return json.loads(done.stdout)

    def path(self, name):
        """Return the way to a file of the host from outside."""
        return pathlib.Path("/proc/%d/root" % self.pid) / str(name).lstrip("/")

    def read(self, name):
        """Return a file's text; None where there is no file."""
        path = self.path(name)
        return path.read_text() if path.is_file() else None

    def write(self, name, text):
        """Write a file, with the folders that lead to it."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def sysctl(self, key, value=None):
        """Return a parameter's value, after giving it one if asked."""
        if value is not None:
            self.run("sysctl", "-qw", "%s=%s" % (key, value))
        return " ".join(self.run("sysctl", "-n", key).stdout.split())

    def sysctls(self):
        """Return all parameters of the network that do not change on their own."""
        lines = self.run("sysctl", "-a", "--pattern", r"^net\.", check=False).stdout.splitlines()
        moving = ("nf_conntrack_count", "neigh", "fib_notify", "stable_secret", "tcp_fastopen_key", "tcp_mem", "udp_mem")
        return sorted(line for line in lines if not any(m in line for m in moving))

    def files(self, *folders):
        """Return the texts of all files below folders."""
        found = {}
        for folder in folders:
            root = self.path(folder)
            for path in sorted(root.rglob("*")) if root.is_dir() else []:
                if path.is_file() and not path.is_symlink():
                    found[folder + "/" + str(path.relative_to(root))] = path.read_bytes()
        return found

    def reset(self):
        """Take everything back that a test did to parameters, files and the journal."""
        self.run("pkill", "-9", "-x", "tcpdoctor", check=False)
        self.run("rm", "-rf", "/var/lib/tcpdoctor", "/etc/sysctl.d", "/etc/sysctl.conf", "/etc/tcpdoctor")
        self.run("mkdir", "/etc/sysctl.d")
        for line in sorted(set(self.first) - set(self.sysctls())):
            key, value = line.split(" = ", 1)
            self.sysctl(key, value)
        assert self.sysctls() == self.first

    def state(self):
        """Return everything that a profile could touch."""
        return {"sysctls": self.sysctls(), "files": self.files("/etc/sysctl.d", "/etc/tcpdoctor", "/var/lib/tcpdoctor")}

    def changes(self):
        """Return the journal of changes."""
        return self.doctor("change", "list")["changes"]

    def read_only(self, on):
        """Make the parameters read-only, or writable again."""
        if on:
            self.run("mount", "--bind", "/proc/sys", "/proc/sys")
            self.run("mount", "-o", "remount,ro,bind", "/proc/sys")
        else:
            self.run("umount", "/proc/sys")

    def cut(self, on=True):
        """Drop the link to the host, or bring it back."""
        run("ip", "link", "set", self.link, "down" if on else "up")


class Fleet:
    """The network between the hosts, and what they have in common."""

    def __init__(self, folder, binary):
        self.dir, self.binary = pathlib.Path(folder), pathlib.Path(binary)
        self.hosts = {}
        self.base = self.dir / "base"
        self._cgroups = None
        self.dir.mkdir()
        run("mount", "-t", "tmpfs", "fleet", self.dir)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", CONTROLLER + "/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self._make_base()

    def _make_base(self):
        """Make the layer that all hosts see over this machine's files."""
        etc = self.base / "etc/fleet"
        etc.mkdir(parents=True)
        for key in (self.dir / "id", etc / "ssh_host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "fleet", "-f", key)
        shutil.copy(str(self.dir / "id.pub"), str(etc / "authorized_keys"))
        (etc / "sshd_config").write_text(SSHD_CONFIG)
        bindir = self.base / "usr/local/bin"
        bindir.mkdir(parents=True)
        shutil.copy2(str(self.binary), str(bindir / "tcpdoctor"))

    def cgroups(self):
        """Return the root of control groups of version 2, mounted here alone."""
        if self._cgroups is None:
            self._cgroups = self.dir / "cgroup"
            self._cgroups.mkdir()
            run("mount", "-t", "cgroup2", "cgroup2", self._cgroups)
        return self._cgroups

    def add(self, *names, init="plain"):
        """Start hosts and return them."""
        added = []
        for name in names:
            host = Host(self, name, len(self.hosts), init)
            self.hosts[name] = host
            added.append(host)
        for host in added:
            host.wait()
        return added

    def stop(self):
        """End all hosts."""
        for host in self.hosts.values():
            host.stop()

    def inventory(self, hosts, **variables):
        """Return an inventory of hosts, each with variables of its own if wanted."""
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.dir / "id"),
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        return {"all": {"vars": common, "hosts": {
            h.name: dict(variables.get(h.name, {}), ansible_host=h.address) for h in hosts}}}


def slurped(result):
    """Return the text that the module slurp read."""
    return base64.b64decode(result["content"]).decode()
