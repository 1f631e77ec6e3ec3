# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Moving to profiles from ansible.posix.sysctl and from TuneD."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import json

import pytest

KEEPALIVE = "net.ipv4.tcp_keepalive_time"
POSIX = "tcpdoctor.tcpdoctor.migrate_from_posix_sysctl"
TUNED = "tcpdoctor.tcpdoctor.migrate_from_tuned"
SITE = "# ours\nnet.ipv4.tcp_keepalive_time=1200\nnet/ipv4/tcp_keepalive_intvl = 30\nvm.swappiness = 10\n-net.ipv4.tcp_mtu_probing=0\n"


@pytest.fixture
def hosts(three):
    """Three hosts that nobody has changed."""
    yield three
    for h in three:
        h.run("rm", "-rf", "/etc/tuned", "/usr/lib/tuned", "/usr/local/sbin/tuned-adm", "/usr/lib/sysctl.d/99-vendor.conf")
        h.reset()


def text(ran, host, task):
    """Return the lines that a task showed."""
    return "\n".join(ran.one(host, task)["msg"])


def test_from_posix_sysctl(ansible, fleet, hosts, work):
    """Lines that a profile owns now are found, and commented out only when asked for, with a backup."""
    host, plain = hosts[:2]
    inventory = fleet.inventory([host, plain])
    host.write("/etc/sysctl.d/50-site.conf", SITE)
    host.write("/etc/sysctl.conf", "net.ipv4.tcp_keepalive_probes=5\nkernel.sysrq=0\n")
    host.run("ln", "-s", "../sysctl.conf", "/etc/sysctl.d/99-sysctl.conf")
    host.write("/usr/lib/sysctl.d/99-vendor.conf", "net.ipv4.tcp_notsent_lowat = 99\n")
    tree = work / "site"
    tree.mkdir()
    (tree / "sysctl.yml").write_text(
        "- hosts: all\n  tasks:\n    - ansible.posix.sysctl:\n        name: %s\n        value: '1200'\n" % KEEPALIVE)
    (tree / "other.yml").write_text("- hosts: all\n  tasks:\n    - ansible.builtin.ping:\n")

    was = [h.state() for h in (host, plain)]
    seen = ansible.play(POSIX, inventory, migrate_profile="web-server", migrate_search=str(tree), migrate_file=str(work / "posix.json")).fine()
    assert [h.state() for h in (host, plain)] == was
    shown = text(seen, "web1", "Show the lines")
    assert "/etc/sysctl.d/50-site.conf:2 sets %s to 1200; the profile wants 600 (conflict)" % KEEPALIVE in shown, shown
    assert "/etc/sysctl.d/50-site.conf:3 sets net.ipv4.tcp_keepalive_intvl to 30; the profile wants 30 (the same)" in shown
    assert "/etc/sysctl.conf:1 sets net.ipv4.tcp_keepalive_probes" in shown
    assert "99-vendor.conf:1" in shown and "not a file of the administrator" in shown
    assert "vm.swappiness" not in shown and "sysrq" not in shown
    assert text(seen, "web2", "Show the lines") == "no file sets a parameter of the profile"
    document = json.loads((work / "posix.json").read_text())
    assert [t["file"] for t in document["tasks"]] == [str(tree / "sysctl.yml")] and document["tasks"][0]["keys"] == [KEEPALIVE]
    assert {h["host"]: len(h["lines"]) for h in document["hosts"]}["web2"] == 0
    assert all(h.changes() == [] for h in (host, plain))

    # The vendor's line wins at boot over ours: that is said, and not hidden.
    host.run("rm", "/usr/lib/sysctl.d/99-vendor.conf")
    dry = ansible.play(POSIX, fleet.inventory([host]), "--check", "--diff", migrate_profile="web-server", migrate_comment_out=True).fine()
    assert host.read("/etc/sysctl.d/50-site.conf") == SITE and "+# tcpdoctor profile web-server sets it: " + KEEPALIVE in dry.output
    ansible.play(POSIX, fleet.inventory([host]), migrate_profile="web-server", migrate_comment_out=True).fine()
    assert host.read("/etc/sysctl.d/50-site.conf").splitlines() == [
        "# ours", "# tcpdoctor profile web-server sets it: %s=1200" % KEEPALIVE,
        "# tcpdoctor profile web-server sets it: net/ipv4/tcp_keepalive_intvl = 30", "vm.swappiness = 10",
        "# tcpdoctor profile web-server sets it: -net.ipv4.tcp_mtu_probing=0"]
    assert host.read("/etc/sysctl.conf").splitlines()[1] == "kernel.sysrq=0" and host.read("/etc/sysctl.conf").startswith("# tcpdoctor")
    kept = [k for k, v in host.files("/etc/sysctl.d").items() if v == SITE.encode()]
    assert len(kept) == 1 and kept[0].endswith("~"), kept
    assert host.sysctl(KEEPALIVE) == "600"
    again = ansible.play(POSIX, fleet.inventory([host]), migrate_profile="web-server", migrate_comment_out=True).fine()
    assert again.stats("web1")["changed"] == 0


BASE = "[main]\nsummary=base\n\n[sysctl]\nnet.ipv4.tcp_keepalive_time=300\nnet.core.busy_read=50\nnet.ipv4.tcp_mtu_probing=1\n"
MINE = "[main]\nsummary=mine\ninclude=base\n\n[sysctl]\nnet.ipv4.tcp_keepalive_time=>1800\nvm.swappiness=10\n"
# What tuned-adm does that matters here: it makes a profile the active one.
ADM = "#!/bin/sh\nset -eu\ntest \"$1\" = profile\ntest -f \"/etc/tuned/$2/tuned.conf\"\necho \"$2\" >/etc/tuned/active_profile\n"


def test_from_tuned(ansible, fleet, hosts, work):
    """What TuneD sets is compared; when asked for, TuneD lets go of what the profile owns, and of nothing else."""
    host, plain = hosts[:2]
    host.write("/usr/lib/tuned/base/tuned.conf", BASE)
    host.write("/etc/tuned/mine/tuned.conf", MINE)
    host.write("/etc/tuned/active_profile", "mine\n")
    host.write("/usr/local/sbin/tuned-adm", ADM)
    host.run("chmod", "755", "/usr/local/sbin/tuned-adm")
    was = host.state()
    seen = ansible.play(TUNED, fleet.inventory([host, plain]), migrate_profile="web-server", migrate_file=str(work / "tuned.json")).fine()
    assert host.state() == was
    shown = text(seen, "web1", "Show what would change hands")
    assert "TuneD: profile mine, not running" in shown
    assert "replaced  %s  TuneD sets 1800 (/etc/tuned/mine/tuned.conf:6), the profile 600 (conflict)" % KEEPALIVE in shown, shown
    assert "replaced  net.ipv4.tcp_mtu_probing  TuneD sets 1 (/usr/lib/tuned/base/tuned.conf:7), the profile 1 (the same)" in shown
    assert "kept      net.core.busy_read" in shown and "kept      vm.swappiness" in shown
    assert "added     net.ipv4.tcp_notsent_lowat" in shown
    assert "TuneD: not there" in text(seen, "web2", "Show what would change hands")
    document = {h["host"]: h["tuned"] for h in json.loads((work / "tuned.json").read_text())["hosts"]}
    assert sorted(r["key"] for r in document["web1"]["replaced"]) == [KEEPALIVE, "net.ipv4.tcp_mtu_probing"]

    ansible.play(TUNED, fleet.inventory([host]), migrate_profile="web-server", migrate_take_over=True).fine()
    child = host.read("/etc/tuned/mine-without-tcpdoctor/tuned.conf")
    assert host.read("/etc/tuned/active_profile") == "mine-without-tcpdoctor\n"
    assert "include=mine\n" in child and "drop=net.ipv4.tcp_mtu_probing, %s\n" % KEEPALIVE in child.replace(
        "%s, net.ipv4.tcp_mtu_probing" % KEEPALIVE, "net.ipv4.tcp_mtu_probing, %s" % KEEPALIVE), child
    assert host.sysctl(KEEPALIVE) == "600"
    owners = [o for o in host.doctor("why")["others"] if o["name"] == "tuned"][0]["sets"]
    assert sorted(o["key"] for o in owners) == ["net.core.busy_read", "vm.swappiness"]
    again = ansible.play(TUNED, fleet.inventory([host]), migrate_profile="web-server", migrate_take_over=True).fine()
    assert again.stats("web1")["changed"] == 0
