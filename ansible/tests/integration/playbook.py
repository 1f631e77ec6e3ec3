# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs ansible-playbook and keeps what came of every task."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import itertools
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent


class Run:
    """What came of one run."""

    def __init__(self, code, output, lines):
        self.code, self.output, self.lines = code, output, lines

    def __str__(self):
        return self.output

    def of(self, host, task=None):
        """Return the results of a host, of one task if named."""
        return [line for line in self.lines if line["host"] == host and (task is None or task in line["task"])]

    def one(self, host, task):
        """Return the result of the one task of a host with a name."""
        found = self.of(host, task)
        assert len(found) == 1, "%d results of %r on %s\n%s" % (len(found), task, host, self.output)
        return dict(found[0]["result"], status=found[0]["status"])

    def stats(self, host):
        """Return the host's line of the recap."""
        for line in self.lines:
            if line["status"] == "stats":
                return line["result"].get(host, {})
        raise AssertionError("no recap\n" + self.output)

    def handlers(self):
        """Return the names of the handlers that ran."""
        return [line["task"] for line in self.lines if line["status"] == "handler"]

    def fine(self):
        """Check that all went well."""
        assert self.code == 0, self.output
        return self


class Ansible:
    """The programs of ansible-core, with an environment of their own."""

    def __init__(self, folder, collections):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir()
        (self.dir / "ansible.cfg").touch()
        self.count = itertools.count()
        self.env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.dir),
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_HOME": str(self.dir / "home"),
            "ANSIBLE_CONFIG": str(self.dir / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "0",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_TIMEOUT": "3",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.dir / "cp"),
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60 -o UserKnownHostsFile=/dev/null"
                                " -o StrictHostKeyChecking=no -o LogLevel=ERROR -o ServerAliveInterval=1 -o ServerAliveCountMax=2",
            "ANSIBLE_DEPRECATION_WARNINGS": "1",
            "ANSIBLE_NOCOLOR": "1",
        }

    def start(self, playbook, inventory, *args, **variables):
        """Start a run of a playbook: the name of one, or plays as data."""
        number = next(self.count)
        if not isinstance(playbook, str):
            path = self.dir / ("play-%d.json" % number)
            path.write_text(json.dumps(playbook))
            playbook = str(path)
        if not isinstance(inventory, str):
            path = self.dir / ("hosts-%d.json" % number)
            path.write_text(json.dumps(inventory))
            inventory = str(path)
        lines = self.dir / ("lines-%d" % number)
        argv = ["ansible-playbook", "-i", inventory, playbook] + [str(a) for a in args]
        if variables:
            argv += ["-e", json.dumps(variables)]
        return Started(argv, dict(self.env, ANSIBLE_CALLBACKS_ENABLED="jsonlines", JSONLINES=str(lines)), lines, self.dir)

    def play(self, playbook, inventory, *args, **variables):
        """Run a playbook to its end."""
        return self.start(playbook, inventory, *args, **variables).finish()

    def program(self, *argv, cwd=None, **env):
        """Run another program of ansible-core."""
        return subprocess.run([str(a) for a in argv], env=dict(self.env, **env), cwd=cwd, capture_output=True, text=True,
                              timeout=120, check=False)


class Started:
    """A run that goes on."""

    def __init__(self, argv, env, lines, folder):
        self.lines = lines
        self.file = open(str(lines) + ".out", "w+", encoding="utf-8")
        self.process = subprocess.Popen(argv, env=env, cwd=str(folder), stdin=subprocess.DEVNULL, stdout=self.file,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def finish(self, seconds=300):
        """Wait for the end."""
        self.process.wait(seconds)
        self.file.seek(0)
        return Run(self.process.returncode, self.file.read(), self.results())

    def results(self):
        """Return what has come so far."""
        if not self.lines.exists():
            return []
        return [json.loads(line) for line in self.lines.read_text().splitlines() if line.endswith("}")]

    def kill(self):
        """End the run at once, with all that it started."""
        os.killpg(self.process.pid, 9)
        self.process.wait()


def tasks(*entries, **keys):
    """Return a playbook of one play over all hosts."""
    return [dict({"name": "Test", "hosts": "all", "gather_facts": False, "tasks": list(entries)}, **keys)]
