"""Runs modules as Ansible does: a process of their own with their arguments on standard input,
the real program, and a host that is a set of namespaces of its own."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
COLLECTION = os.path.dirname(os.path.dirname(HERE))
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
PATIENCE_SECONDS = 30

GOOD_VERSION = json.dumps(dict(schema="tcpdoctor.version/v1", version="v1.2.3", interface=1))


class Host(object):
    """A host: user, network, mount and process namespaces, and folders for files and state."""

    def __init__(self, folder, binary, collections):
        self.folder = folder
        self.binary = binary
        self.collections = collections
        self.state = os.path.join(folder, "state")
        self.root = os.path.join(folder, "root")
        self.kept = os.path.join(self.root, "etc/sysctl.d/90-tcpdoctor.conf")
        self.environment = {}
        os.makedirs(os.path.join(self.root, "etc/sysctl.d"))
        self.keeper = subprocess.Popen(
            ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", "ip link set lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
        if self.keeper.stdout.readline() != "ready\n":
            raise RuntimeError("no host: %s" % self.keeper.wait())
        with open("/proc/%d/task/%d/children" % (self.keeper.pid, self.keeper.pid)) as children:
            self.pid = int(children.read().split()[0])

    def close(self):
        """Ends the host and everything in it."""
        os.kill(self.pid, signal.SIGKILL)  # the first process of the host, and with it all others
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait()

    def enter(self, command):
        """The command that runs a command on the host."""
        return ["nsenter", "--target", str(self.pid), "--user", "--preserve-credentials", "--net", "--mount", "--pid",
                "--wdns=" + self.folder] + command

    def env(self):
        """The environment of tasks."""
        out = {"PATH": os.environ["PATH"], "HOME": self.folder, "TMPDIR": self.folder, "LANG": "de_DE.UTF-8",
               "TCPDOCTOR_STATE_DIR": self.state, "TCPDOCTOR_ROOT": self.root, "PYTHONPATH": self.collections,
               "PYTHONDONTWRITEBYTECODE": "1"}
        out.update(self.environment)
        return out

    def shell(self, script):
        """Runs a script on the host and returns what it says."""
        return subprocess.check_output(self.enter(["sh", "-ec", script]), env=self.env(), universal_newlines=True).strip()

    def start(self, command):
        """Starts a process on the host that lives until the test ends."""
        return subprocess.Popen(self.enter(command), env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                universal_newlines=True)

    def get(self, *keys):
        """The values of parameters below net, as the kernel shows them but for white space."""
        values = [" ".join(self.shell("cat /proc/sys/net/" + key).split()) for key in keys]
        return values[0] if len(keys) == 1 else values

    def set(self, key, value):
        """Gives a parameter below net a value, as somebody at a prompt does."""
        self.shell("echo '%s' >/proc/sys/net/%s" % (value, key))

    def files(self):
        """Everything below the host's folder, with its content."""
        out = {}
        for folder, folders, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with open(path) as f:
                    out[path] = f.read()
        return out

    def task(self, module, check=False, **arguments):
        """Runs a module and returns its result."""
        arguments.setdefault("binary", self.binary)
        arguments["_ansible_check_mode"] = check
        arguments["_ansible_diff"] = True
        arguments["_ansible_remote_tmp"] = self.folder
        path = os.path.join(self.collections, "ansible_collections/tcpdoctor/tcpdoctor/plugins/modules", module + ".py")
        process = subprocess.Popen(
            self.enter([PYTHON, path]), env=self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
        out, err = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        try:
            result = json.loads(out)
        except ValueError:
            pytest.fail("%s said: %s%s" % (module, out, err))
        result.pop("invocation", None)
        assert bool(result.get("failed")) == (process.returncode != 0)
        return result

    def good(self, module, check=False, **arguments):
        """The result of a task that has to go well."""
        result = self.task(module, check, **arguments)
        assert not result.get("failed"), result.get("msg")
        return result

    def bad(self, module, check=False, **arguments):
        """The result of a task that has to fail, without a traceback."""
        result = self.task(module, check, **arguments)
        assert result.get("failed"), result
        assert "exception" not in result, result["exception"]
        assert result["msg"] and "\n" not in result["msg"]
        return result


def wait_until(condition, what):
    """Polls for a condition."""
    deadline = time.time() + PATIENCE_SECONDS
    while not condition():
        assert time.time() < deadline, "waited in vain: " + what
        time.sleep(0.05)


def answering(script):
    """A program that is new enough, and does something else on other commands."""
    return "if [ \"$1\" = version ]; then echo '%s'; exit 0; fi\n%s" % (GOOD_VERSION, script)


@pytest.fixture(scope="session")
def collections(tmp_path_factory):
    """A folder in which Python finds the collection."""
    folder = tmp_path_factory.mktemp("collections")
    parent = folder / "ansible_collections" / "tcpdoctor"
    parent.mkdir(parents=True)
    (parent / "tcpdoctor").symlink_to(COLLECTION)
    return str(folder)


@pytest.fixture(scope="session")
def binary(tmp_path_factory):
    """The program, as TCPDOCTOR_BINARY says or built from the tree around the collection."""
    given = os.environ.get("TCPDOCTOR_BINARY")
    if given:
        return given
    path = str(tmp_path_factory.mktemp("bin") / "tcpdoctor")
    subprocess.check_call(["go", "build", "-trimpath", "-o", path, "./cmd/tcpdoctor"],
                          cwd=os.path.dirname(COLLECTION), env=dict(os.environ, CGO_ENABLED="0"))
    return path


@pytest.fixture
def host(tmp_path, binary, collections):
    """A host that has the program."""
    made = Host(str(tmp_path / "host"), binary, collections)
    yield made
    made.close()
    shutil.rmtree(made.folder)


@pytest.fixture
def fake(host):
    """Makes a program of a shell script."""

    def make(script, name="tcpdoctor", mode=0o755):
        path = os.path.join(host.folder, "bin", name)
        if not os.path.isdir(os.path.dirname(path)):
            os.mkdir(os.path.dirname(path))
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(path, mode)
        return path

    return make


def pytest_collection_modifyitems(items):
    """A test that cannot run is a failure: nothing here is skipped."""
    for item in items:
        assert not item.get_closest_marker("skip"), item
