# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The modules against three hosts: apply, again, dry run, diff, rollback, and what goes wrong."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import pytest
from fleet import until
from playbook import tasks

KEEPALIVE = "net.ipv4.tcp_keepalive_time"
FILE = "/etc/sysctl.d/90-tcpdoctor.conf"
STAYS = ("change_id", "phase", "deadline", "pending", "invocation", "status")


def profile(name="Profile", **options):
    """Return a task of the module profile."""
    return {"name": name, "tcpdoctor.tcpdoctor.profile": dict({"name": "web-server"}, **options)}


def change(**options):
    """Return a task of the module change."""
    return {"name": "Change", "tcpdoctor.tcpdoctor.change": options}


@pytest.fixture
def hosts(three):
    """Three hosts that nobody has changed."""
    yield three
    for h in three:
        h.reset()


def told(result):
    """Return what two runs must have in common."""
    return {k: v for k, v in result.items() if k not in STAYS and not k.startswith("_")}


def test_check_apply_again_rollback(ansible, fleet, hosts):
    """The whole life of a change, on three hosts that differ."""
    hosts[1].sysctl(KEEPALIVE, 599)
    hosts[2].write("/etc/sysctl.d/99-site.conf", KEEPALIVE + " = 1200\n")
    inventory = fleet.inventory(hosts)
    before = [h.state() for h in hosts]

    dry = ansible.play(tasks(profile()), inventory, "--check", "--diff").fine()
    assert [h.state() for h in hosts] == before, "a dry run touched something"

    wet = ansible.play(tasks(profile()), inventory, "--diff").fine()
    for h in hosts:
        foretold, done = dry.one(h.name, "Profile"), wet.one(h.name, "Profile")
        assert foretold["changed"] and done["changed"]
        assert told(foretold) == told(done)
        assert "change_id" in done
        running = {k["key"]: k for k in done["keys"] if k["action"] == "change"}
        assert running and all(h.sysctl(k) == row["desired"] for k, row in running.items())
        assert KEEPALIVE in h.read(FILE) or h is hosts[1]
    assert KEEPALIVE not in {k["key"] for k in wet.one("web2", "Profile")["keys"] if k["action"] == "change"}
    assert "-%s = 7200" % KEEPALIVE in wet.output and "+%s = 600" % KEEPALIVE in wet.output, wet.output
    assert "+++ after" in wet.output

    again = ansible.play(tasks(profile(), profile("Verify", state="verified")), inventory)
    for h in hosts[:2]:
        assert not again.one(h.name, "Profile")["changed"]
        assert again.one(h.name, "Verify")["as_wanted"] is True

    ids = {h.name: {"the_id": wet.one(h.name, "Profile")["change_id"]} for h in hosts}
    back = ansible.play(tasks(change(id="{{ the_id }}", state="rolled_back"), profile("Verify", state="verified", fail_on_drift=False)),
                        fleet.inventory(hosts, **ids)).fine()
    for h, was in zip(hosts, before):
        assert back.one(h.name, "Change")["changed"]
        assert back.one(h.name, "Verify")["as_wanted"] is False
        assert h.state()["sysctls"] == was["sysctls"]
        assert h.read(FILE) is None


def test_confirm_within(ansible, fleet, hosts):
    """An unconfirmed change goes again; a confirmed one stays."""
    inventory = fleet.inventory(hosts[:2], web1={"within": "5m"}, web2={"within": "3s"})
    confirm = dict(change(id="latest", state="confirmed"), when="inventory_hostname == 'web1'")
    ran = ansible.play(tasks(profile(confirm_within="{{ within }}"), confirm), inventory).fine()
    assert ran.one("web2", "Profile")["phase"] == "pending"
    assert ran.one("web1", "Change")["changed"] and ran.one("web1", "Change")["phase"] == "applied"
    until("web2 puts itself back", lambda: hosts[1].sysctl(KEEPALIVE) == "7200")
    assert hosts[1].changes()[-1]["phase"] == "undone" and hosts[1].read(FILE) is None
    assert hosts[0].sysctl(KEEPALIVE) == "600" and hosts[0].read(FILE)
    late = ansible.play(tasks(change(id="latest", state="confirmed")), fleet.inventory(hosts[1:2]))
    assert late.one("web2", "Change")["status"] == "failed"


@pytest.mark.parametrize("how", ["the link drops", "the session is killed", "ansible is killed", "everything on the way is killed"])
def test_connection_lost(ansible, fleet, hosts, how):
    """Whatever is lost between apply and confirm, the host puts itself back."""
    host = hosts[0]
    was = host.state()["sysctls"]
    started = ansible.start(tasks(profile(confirm_within="4s", window="0s"), {"name": "Wait", "ansible.builtin.wait_for": {"timeout": 20}},
                                  change(id="latest", state="confirmed")), fleet.inventory([host]))
    # Not after the module has returned, but as soon as the first change stands in the journal.
    until("the change", lambda: host.sysctl(KEEPALIVE) == "600")
    if how == "the link drops":
        host.cut()
    elif how == "the session is killed":
        host.run("pkill", "-9", "-f", "^sshd: root@")
    elif how == "ansible is killed":
        started.kill()
    else:
        started.kill()
        host.run("pkill", "-9", "-f", "^sshd: root@|python3|tcpdoctor profile", check=False)
    try:
        until("the host puts itself back", lambda: host.state()["sysctls"] == was and host.read(FILE) is None)
        assert host.changes()[-1]["phase"] == "undone"
    finally:
        host.cut(False)
        started.kill()
    until("the host answers", host.answers)
    assert host.run("tcpdoctor", "profile", "apply", "web-server", "--yes", "--window=0").returncode == 0  # nothing is in the way


def test_guard_under_systemd(ansible, fleet):
    """Where systemd runs, the guard is a unit of its own, and outlives the session that started it."""
    host, = fleet.add("systemd1", init="systemd")
    ansible.play(tasks(profile(confirm_within="4s", window="0s")), fleet.inventory([host])).fine()
    assert host.sysctl(KEEPALIVE) == "600"
    assert "tcpdoctor-guard-" in host.run("systemctl", "list-units", "--no-legend", "--state=running", "tcpdoctor-guard-*").stdout
    host.run("pkill", "-9", "-f", "^sshd: root@", check=False)
    until("the host puts itself back", lambda: host.sysctl(KEEPALIVE) == "7200")
    assert host.changes()[-1]["phase"] == "undone"


OLD = r"""#!/bin/sh
case $1 in
version) echo "tcpdoctor v0.0.9 (go1.22.1, linux/amd64)" ;;
*) echo "tcpdoctor: no flag -o" >&2 && exit 3 ;;
esac
"""


def test_each_its_own_result(ansible, fleet, hosts):
    """One host has read-only parameters, one has drifted, one has an old binary: each says so, the others finish."""
    other, = [fleet.hosts[n] for n in ("web4",) if n in fleet.hosts] or fleet.add("web4")
    hosts[1].run("tcpdoctor", "profile", "apply", "web-server", "--yes")
    hosts[1].sysctl(KEEPALIVE, 1234)
    hosts[0].read_only(True)
    hosts[2].write("/opt/old/tcpdoctor", OLD)
    hosts[2].run("chmod", "755", "/opt/old/tcpdoctor")
    inventory = fleet.inventory(hosts + [other], web3={"path": "/opt/old/tcpdoctor"})
    binary = "{{ path | default(omit) }}"
    try:
        seen = ansible.play(tasks(profile(state="verified", binary=binary)), inventory)
        dry = ansible.play(tasks(profile(binary=binary)), inventory, "--check")
        ran = ansible.play(tasks(profile(binary=binary)), inventory)
    finally:
        hosts[0].read_only(False)
    assert ran.code == 2
    locked, drifted, old, fine = (ran.one(h.name, "Profile") for h in hosts + [other])
    assert locked["status"] == "failed" and "mounted read-only" in locked["msg"], locked["msg"]
    assert old["status"] == "failed" and "0.0.9" in old["msg"] and "/opt/old/tcpdoctor" in old["msg"], old["msg"]
    for h in hosts + [other]:
        assert dry.one(h.name, "Profile")["status"] == ran.one(h.name, "Profile")["status"], (h.name, dry.output)
    found = seen.one("web2", "Profile")
    assert found["status"] == "failed" and [d["key"] for d in found["drift"]] == [KEEPALIVE] and KEEPALIVE in found["msg"], found["msg"]
    assert drifted["status"] == "ok" and drifted["changed"]
    assert [k["key"] for k in drifted["keys"] if k["action"] == "change"] == [KEEPALIVE]
    assert hosts[1].sysctl(KEEPALIVE) == "600"
    assert fine["status"] == "ok" and fine["changed"] and other.sysctl(KEEPALIVE) == "600"
    assert hosts[0].sysctl(KEEPALIVE) == "7200" and hosts[0].read(FILE) is None
    other.reset()


def test_inline_overrides_absent(ansible, fleet, hosts):
    """A profile in the play, values that win over a profile's, and taking it back."""
    inventory = fleet.inventory(hosts[:1])
    inline = {"name": "shop", "title": "the shop", "doc": "As web-server, with what we know.", "inherits": "web-server",
              "entries": [{"key": "net.ipv4.tcp_fin_timeout", "op": "exactly", "value": 30, "lowers": True, "reason": "we know our peers",
                           "risk": "none", "source": "us"}]}
    task = {"name": "Inline", "tcpdoctor.tcpdoctor.profile": {"inline": inline, "overrides": {KEEPALIVE: 300}}}
    was = hosts[0].state()["sysctls"]
    dry = ansible.play(tasks(task), inventory, "--check").fine().one("web1", "Inline")
    absent = dict(task, name="Absent", **{"tcpdoctor.tcpdoctor.profile": dict(task["tcpdoctor.tcpdoctor.profile"], state="absent")})
    look = {"name": "Look", "ansible.builtin.command": {"argv": ["sysctl", "-n", KEEPALIVE, "net.ipv4.tcp_fin_timeout"]}}
    ran = ansible.play(tasks(task, look, dict(task, name="Same"), absent, dict(absent, name="Gone")), inventory).fine()
    wet = ran.one("web1", "Inline")
    assert told(dry) == told(wet) and wet["changed"]
    assert ran.one("web1", "Look")["stdout_lines"] == ["300", "30"]
    assert not ran.one("web1", "Same")["changed"]
    assert ran.one("web1", "Absent")["changed"] and not ran.one("web1", "Gone")["changed"]
    assert hosts[0].state()["sysctls"] == was and hosts[0].read(FILE) is None
