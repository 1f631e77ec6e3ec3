# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The playbooks for a fleet, from one end to the other."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import contextlib
import json

import pytest
from fleet import HERE, until

KEEPALIVE = "net.ipv4.tcp_keepalive_time"
FILE = "/etc/sysctl.d/90-tcpdoctor.conf"
ROLLOUT = "tcpdoctor.tcpdoctor.rollout"
SMALL = {"rollout_profile": "web-server", "rollout_canary": "web1", "rollout_serial": [1, 2], "rollout_window": "1s",
         "rollout_confirm_within": "60s"}


@pytest.fixture
def hosts(three):
    """Three hosts that nobody has changed."""
    yield three
    for h in three:
        h.reset()


@contextlib.contextmanager
def overflow(host):
    """Let a host get worse for real."""
    host.write("/run/overflow.py", (HERE / "overflow.py").read_text())
    load = host.spawn("/usr/bin/python3", "/run/overflow.py")
    try:
        until("the overflow", lambda: ":8080" in host.run("ss", "-Hltn").stdout)
        yield
    finally:
        host.run("pkill", "-f", "^/usr/bin/python3 /run/overflow.py")
        load.wait(10)


def phases(host):
    """Return what became of the changes of a host."""
    return [c["phase"] for c in host.changes()]


def test_all_is_well(ansible, fleet, hosts, work):
    """Every batch is changed and confirmed, the canary first; then a drift is found. A dry run touches nothing."""
    inventory = fleet.inventory(hosts)
    was = [h.state() for h in hosts]
    # web3 is the canary here: not the first of the inventory.
    dry = ansible.play(ROLLOUT, inventory, "--check", "--diff", **dict(SMALL, rollout_canary="web3")).fine()
    assert [h.state() for h in hosts] == was
    assert "+%s = 600" % KEEPALIVE in dry.output
    ran = ansible.play(ROLLOUT, inventory, **dict(SMALL, rollout_canary="web3")).fine()
    order = [line["host"] for line in ran.lines if "Apply the profile" in line["task"]]
    assert order[0] == "web3" and sorted(order) == ["web1", "web2", "web3"], order
    for h in hosts:
        assert h.sysctl(KEEPALIVE) == "600" and phases(h) == ["applied"]
    again = ansible.play(ROLLOUT, inventory, **SMALL).fine()
    assert all(again.stats(h.name)["changed"] == 0 for h in hosts), again.output
    drifts(ansible, fleet, hosts, work)


def drifts(ansible, fleet, hosts, work):
    """One table and one file for hosts that are as wanted, have drifted, cannot be asked, and cannot be reached."""
    hosts[1].sysctl(KEEPALIVE, 1234)
    hosts[2].cut()
    inventory = fleet.inventory(hosts, web1={"drift_profile": "web-server"}, web2={"drift_profile": "web-server"}, web3={"drift_profile": "web-server"})
    inventory["all"]["hosts"]["other"] = dict(inventory["all"]["hosts"]["web1"], drift_profile="web-servant")
    try:
        ran = ansible.play("tcpdoctor.tcpdoctor.drift_report", inventory, drift_file=str(work / "drift.json"), drift_fail=True)
    finally:
        hosts[2].cut(False)
    report = {h["host"]: h for h in json.loads((work / "drift.json").read_text())["hosts"]}
    assert {h: r["status"] for h, r in report.items()} == {"web1": "as-wanted", "web2": "drift", "web3": "unreachable", "other": "failed"}
    assert "did you mean web-server" in report["other"]["reason"]
    assert [(d["key"], d["found"], d["desired"]) for d in report["web2"]["drift"]] == [(KEEPALIVE, "1234", "600")]
    table = "\n".join(ran.one("localhost", "Show the table")["msg"])
    assert "web1   as-wanted" in table and KEEPALIVE + " running is 1234, wanted 600" in table
    assert ran.code != 0 and "not as wanted: web2, web3, other" in ran.output


def test_the_canary_gets_worse(ansible, fleet, hosts):
    """The canary gets worse after the change: it is put back, and no other host is touched."""
    started = ansible.start(ROLLOUT, fleet.inventory(hosts), **dict(SMALL, rollout_soak=3))
    until("the change of the canary", lambda: hosts[0].sysctl(KEEPALIVE) == "600")
    with overflow(hosts[0]):
        ran = started.finish()
    assert ran.code == 2, ran.output
    assert phases(hosts[0]) == ["undone"]
    assert ran.one("web1", "Put the batch back")["changed"]
    assert "accept queue" in ran.one("web1", "Say what came of the batch")["msg"], ran.output
    assert hosts[0].sysctl(KEEPALIVE) == "7200" and hosts[0].read(FILE) is None
    for h in hosts[1:]:
        assert h.changes() == [] and h.sysctl(KEEPALIVE) == "7200" and not ran.of(h.name, "Diagnose before")


def test_a_later_batch_gets_worse(ansible, fleet, hosts):
    """One of the second batch gets worse: all of that batch are put back, the canary stays."""
    started = ansible.start(ROLLOUT, fleet.inventory(hosts), **dict(SMALL, rollout_soak=3))
    until("the change of the second batch", lambda: hosts[2].sysctl(KEEPALIVE) == "600")
    with overflow(hosts[2]):
        ran = started.finish()
    assert ran.code == 2, ran.output
    assert [phases(h) for h in hosts] == [["applied"], ["undone"], ["undone"]]
    assert [h.sysctl(KEEPALIVE) for h in hosts] == ["600", "7200", "7200"]
    assert "because of web3" in ran.one("web2", "Say what came of the batch")["msg"]


def test_a_host_goes_away(ansible, fleet, hosts):
    """A host that cannot be reached any more puts itself back; Ansible puts back the rest of its batch."""
    started = ansible.start(ROLLOUT, fleet.inventory(hosts), **dict(SMALL, rollout_confirm_within="12s"))
    until("the change of the second batch", lambda: hosts[2].sysctl(KEEPALIVE) == "600")
    hosts[2].cut()
    try:
        ran = started.finish()
        assert ran.code != 0, ran.output
        assert [phases(h) for h in hosts[:2]] == [["applied"], ["undone"]], ran.output
        until("web3 puts itself back", lambda: phases(hosts[2]) == ["undone"])
        assert hosts[2].sysctl(KEEPALIVE) == "7200"
    finally:
        hosts[2].cut(False)


def test_diagnose(ansible, fleet, hosts, work):
    """One table for the inventory, a report for each host, and failure at a severity."""
    folder = work / "reports"
    folder.mkdir()
    with overflow(hosts[1]):
        ran = ansible.play("tcpdoctor.tcpdoctor.diagnose", fleet.inventory(hosts), diagnose_window="1s", diagnose_fail_at="warning",
                           diagnose_folder=str(folder))
    assert ran.code != 0 and "warning or worse, or not diagnosed: web2" in ran.output, ran.output
    reports = {p.stem: json.loads(p.read_text()) for p in folder.iterdir()}
    assert sorted(reports) == ["web1", "web2", "web3"]
    assert [f["id"] for f in reports["web2"]["findings"]] == ["accept-queue-overflow"] and not reports["web1"]["findings"]
    assert any("accept-queue-overflow" in line for line in ran.one("localhost", "Show the table")["msg"])
