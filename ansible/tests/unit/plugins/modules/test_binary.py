"""How modules get on with programs that are missing, broken, old or slow."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import re
import time

import pytest
from conftest import COLLECTION, answering

MODULES = [("profile", dict(name="database")), ("change", dict()), ("diagnose", dict()), ("facts", dict())]


@pytest.mark.parametrize("module, arguments", MODULES)
def test_missing(host, module, arguments):
    said = host.bad(module, binary="/nowhere/tcpdoctor", **arguments)["msg"]
    assert said.startswith("the program /nowhere/tcpdoctor does not exist on this host; install it")
    host.environment["PATH"] = "/usr/bin:/bin"
    said = host.bad(module, binary="no-such-tcpdoctor", **arguments)["msg"]
    assert said.startswith("the program no-such-tcpdoctor is not on this host (looked in PATH and in /usr/local/bin, ")


def test_found_in_path(host, fake):
    path = fake(answering("echo '{\"schema\": \"tcpdoctor.facts/v1\", \"kernel\": \"1.2\"}'"))
    host.environment["PATH"] = "relative::%s:/usr/bin:/bin" % os.path.dirname(path)
    known = host.good("facts", binary="tcpdoctor")["ansible_facts"]["tcpdoctor"]
    assert known == dict(kernel="1.2", binary=dict(path=path, version="1.2.3", interface=1))


@pytest.mark.parametrize("module, arguments", MODULES)
def test_not_executable(host, fake, module, arguments):
    assert "is not a program that may be executed" in host.bad(module, binary=fake("", mode=0o644), **arguments)["msg"]
    assert "is not a program that may be executed" in host.bad(module, binary=host.root, **arguments)["msg"]


def test_cannot_be_run(host, fake):
    path = fake("")
    with open(path, "w") as f:
        f.write("#!/nowhere/interpreter\n")
    assert "%s cannot be run: " % path in host.bad("facts", binary=path)["msg"]
    with open(path, "wb") as f:
        f.write(b"\x7fELF\x00garbage")
    assert "%s cannot be run: " % path in host.bad("facts", binary=path)["msg"]


@pytest.mark.parametrize("module, arguments", MODULES)
def test_old(host, fake, module, arguments):
    path = fake("[ $# = 1 ] && [ $1 = version ] && echo 'tcpdoctor v0.0.9 (go1.22.1, linux/amd64)' && exit 0\n"
                "echo 'tcpdoctor: no flag -o' >&2; exit 3")
    said = host.bad(module, binary=path, **arguments)
    assert said["msg"].startswith("%s is tcpdoctor 0.0.9, which is too old: the collection tcpdoctor.tcpdoctor " % path)
    assert " needs 0.1.0 or newer; upgrade it" in said["msg"]
    assert said["version"] == "0.0.9" and said["minimum_version"] == "0.1.0"


@pytest.mark.parametrize("version, interface, fine", [
    ("v0.0.9", 1, False), ("v0.1.0", 1, True), ("v0.1.0-rc.1", 1, True), ("v10.0.0", 1, True), ("v1.0.0", 0, False),
    ("v0.0.0-20261120235800-9609d648f8e7+dirty", 1, True), ("v0.0.0-20261120235800-9609d648f8e7+dirty", 0, False),
    ("(devel)", 1, True), ("(devel)", 0, False), ("unknown", 7, True),
])
def test_versions(host, fake, version, interface, fine):
    document = json.dumps(dict(schema="tcpdoctor.version/v1", version=version, interface=interface))
    path = fake("if [ $1 = version ]; then echo '%s'; else echo '{\"schema\": \"tcpdoctor.facts/v1\"}'; fi" % document)
    result = host.task("facts", binary=path)
    assert bool(result.get("failed")) != fine, result


BROKEN = [
    ("echo garbage", "answered with something else than the document tcpdoctor."),
    ("echo '[1, 2]'", "answered with something else than the document tcpdoctor."),
    ("echo '{\"schema\": \"tcpdoctor.other/v1\"}'", "answered with something else than the document tcpdoctor."),
    ("exit 0", "answered with something else than the document tcpdoctor."),
    ("printf '\\377\\376 {'", "answered with something else than the document tcpdoctor."),
    ("echo 'a note' >&2; echo 'tcpdoctor: the reason' >&2; exit 3", "the reason"),
    ("exit 7", "it ended with exit code 7 and said nothing"),
    ("kill -9 $$", "it ended with exit code -9 and said nothing"),
]


def test_broken(host, fake):
    for script, words in BROKEN:
        for module, arguments in MODULES if script == "echo garbage" or ">&2" in script else MODULES[:1]:
            said = host.bad(module, binary=fake(answering(script)), **arguments)
            assert words in said["msg"] and said["rc"] is not None
            assert not said.get("changed")


def test_no_version(host, fake):
    for script in ("exit 0", "echo hello", "exit 1", "echo 'tcpdoctor: broken' >&2; exit 3"):
        assert "does not say which version of tcpdoctor it is" in host.bad("facts", binary=fake(script))["msg"]


def test_timeout(host, fake):
    begin = time.time()
    said = host.bad("facts", binary=fake(answering("sleep 600")), timeout=1)
    assert "was ended because it did not finish within 1 s (option timeout)" in said["msg"]
    assert time.time() - begin < 20
    assert "did not finish within 1 s" in host.bad("facts", binary=fake("exec sleep 600"), timeout=1)["msg"]
    # One that is ended may undo what it was doing; one that does not want to end is killed.
    undone = os.path.join(host.folder, "undone")
    polite = fake(answering("trap 'echo >%s; exit 3' TERM; while :; do sleep 0.1; done" % undone))
    assert "did not finish within 1 s" in host.bad("facts", binary=polite, timeout=1)["msg"]
    assert os.path.exists(undone)
    assert "did not finish within 1 s" in host.bad("facts", binary=fake(answering("trap '' TERM; while :; do sleep 1; done")), timeout=1)["msg"]


def test_inline_profile_that_nobody_reads(host, fake):
    big = dict(name="big", doc="x" * 50000)
    said = host.bad("profile", binary=fake(answering("exit 3")), inline=big)
    assert "cannot be run: " in said["msg"] or "exit code 3" in said["msg"]
    assert "did not finish within 1 s" in host.bad("profile", binary=fake(answering("sleep 600")), inline=big, timeout=1)["msg"]
    assert "at most 60000 are taken" in host.bad("profile", inline=dict(name="big", doc="\u2192" * 20000))["msg"]


def test_no_shell_and_no_language(host, fake):
    path = fake(answering("for a; do printf '<%s>' \"$a\"; done >&2; printf '%s %s' \"$LC_ALL\" \"$LANG\" >&2; exit 3"))
    odd = "$(touch odd) `touch odd`; ~ $HOME *"
    said = host.bad("profile", binary=path, name=[odd, "b"], overrides={"a.b": odd})["msg"]
    assert said == ("<profile><apply><-o><json><--netns><self><--yes><--set><a.b=%s><--><%s><b>C C" % (odd, odd))
    assert "odd" not in os.listdir(host.folder)


def test_unjudged(host, fake):
    report = dict(schema="tcpdoctor.report/v1", findings=None, gaps=[dict(source="inet_diag", reason="denied")],
                  unknown=[dict(rule="syn-flood", reason="no counters")])
    said = host.bad("diagnose", binary=fake(answering("echo '%s'; exit 3" % json.dumps(report))))
    assert said["msg"] == "nothing could be judged: inet_diag: denied; syn-flood: no counters"
    assert said["report"]["gaps"] == report["gaps"]


def test_undone(host, fake):
    document = dict(schema="tcpdoctor.change-result/v1", changed=False, change_id="7c1f", phase="undone", refused="no space; nothing remains changed", keys=[])
    said = host.bad("profile", binary=fake(answering("echo '%s'; exit 1" % json.dumps(document))), name="database")
    assert said["msg"] == said["refused"] == "no space; nothing remains changed"
    assert said["change_id"] == "7c1f" and said["phase"] == "undone" and not said["changed"]


def test_not_restored(host, fake):
    entry = dict(schema="tcpdoctor.change/v1", id="7c1f", phase="undoing", title="t", changed=True,
                 outcomes=[dict(key="net.a", result="failed", found="1", original="2", text="denied")])
    path = fake(answering("echo '%s'; echo 'tcpdoctor: change 7c1f: net.a is not restored' >&2; exit 3" % json.dumps(entry)))
    said = host.bad("change", binary=path, state="rolled_back")
    assert said["msg"] == "change 7c1f: net.a is not restored" and said["outcomes"][0]["result"] == "failed"


def test_collection_version():
    with open(os.path.join(COLLECTION, "galaxy.yml")) as f:
        version = re.search(r"^version: (\S+)$", f.read(), re.M).group(1)
    with open(os.path.join(COLLECTION, "plugins/module_utils/binary.py")) as f:
        assert 'COLLECTION_VERSION = "%s"' % version in f.read()
    with open(os.path.join(COLLECTION, "CHANGELOG.md")) as f:
        assert "## %s" % version in f.read()
