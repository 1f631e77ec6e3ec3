# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs every command of docs/ansible.md."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import json
import pathlib
import re
import shutil

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
KEEPALIVE = "net.ipv4.tcp_keepalive_time"


def blocks(language):
    """Return the page's blocks of a language."""
    page = (REPOSITORY / "docs/ansible.md").read_text()
    return re.findall(r"^```%s\n(.*?)^```$" % language, page, re.M | re.S)


@pytest.fixture
def hosts(three):
    """Two hosts that nobody has changed."""
    yield three[:2]
    for h in three[:2]:
        h.reset()


@pytest.fixture
def folder(ansible, fleet, hosts, work):
    """A folder with the page's files, an inventory, and the repository where its address leads."""
    path = work / "page"
    path.mkdir()
    for block in blocks("yaml"):
        name = re.match(r"# (\S+)\n", block).group(1)
        (path / name).write_text("---\n" + block)
    inventory = fleet.inventory(hosts)
    inventory["all"]["children"] = {"web": {"hosts": {h.name: {} for h in hosts}}}
    (path / "hosts.yml").write_text(json.dumps(inventory))
    shutil.copy2(str(fleet.binary), str(path / "tcpdoctor"))
    return path


def test_the_page(ansible, fleet, hosts, folder, work):
    """The commands do what the page says, in its order."""
    repository = work / "repository"
    repository.mkdir()
    shutil.copytree(str(REPOSITORY / "ansible"), str(repository / "ansible"))
    git = {"GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": "url.%s.insteadOf" % repository, "GIT_CONFIG_VALUE_0": "https://github.com/tcpdoctor/tcpdoctor.git",
           "GIT_CONFIG_KEY_1": "user.name", "GIT_CONFIG_VALUE_1": "test", "GIT_CONFIG_KEY_2": "user.email", "GIT_CONFIG_VALUE_2": "test@example.net",
           "ANSIBLE_COLLECTIONS_PATH": str(work / "page-collections"), "PATH": "%s:%s" % (folder, ansible.env["PATH"])}
    for argv in (["git", "init", "-q"], ["git", "add", "."], ["git", "commit", "-qm", "all"]):
        done = ansible.program(*argv, cwd=str(repository), **git)
        assert done.returncode == 0, done.stderr
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) > 10
    for command in commands:
        if "migrate_from_posix" in command:
            hosts[0].write("/etc/sysctl.d/50-site.conf", KEEPALIVE + " = 1200\n")
        keepalive = [h.sysctl(KEEPALIVE) for h in hosts]
        done = ansible.program("/bin/sh", "-ec", command, cwd=str(folder), PWD=str(folder), **git)
        assert done.returncode == 0, "%s\n%s%s" % (command, done.stdout, done.stderr)
        now = [h.sysctl(KEEPALIVE) for h in hosts]
        if "localhost" in command:
            assert now == keepalive and "rolled back" not in done.stdout and "nothing got worse" in done.stdout
        elif "--check" in command:
            assert now == keepalive and "+%s = 600" % KEEPALIVE in done.stdout
        elif command.endswith(" site.yml") or "rollout" in command or "migrate_comment_out" in command:
            assert now == ["600"] * len(hosts), command
            assert all(h.changes()[-1]["phase"] == "applied" for h in hosts)
        elif "drift_report" in command:
            report = json.loads((folder / "drift.json").read_text())
            assert [h["status"] for h in report["hosts"]] == ["as-wanted"] * len(hosts)
            if "comment_out" in command:
                assert hosts[0].read("/etc/sysctl.d/50-site.conf").startswith("# tcpdoctor")
                hosts[0].run("rm", "/etc/sysctl.d/50-site.conf")
        elif "rolled_back" in command or "kernel-defaults" in command:
            assert now == ["7200"] * len(hosts), command
