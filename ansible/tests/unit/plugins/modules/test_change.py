"""The module change against the real program."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os


def settled(result):
    """A result without the journal's entry, which tells when things happened."""
    return dict((name, value) for name, value in result.items() if name != "change")


def test_rollback(host):
    host.set("ipv4/tcp_retries2", 42)
    made = host.good("profile", name="database")["change_id"]
    files = host.files()
    predicted = host.good("change", check=True, id=made, state="rolled_back")
    assert host.files() == files and host.get("ipv4/tcp_retries2") == "8"
    real = host.good("change", id=made, state="rolled_back")
    assert settled(predicted) == settled(real)
    assert real["changed"] and real["phase"] == "undone" and real["foreign"] == [] and real["title"] == "profile database"
    assert real["id"] == real["change_id"] == made
    assert host.get("ipv4/tcp_retries2") == "42" and not os.path.exists(host.kept)
    running, kept = real["diff"]
    assert "net.ipv4.tcp_retries2 = 8\n" in running["before"] and "net.ipv4.tcp_retries2 = 42\n" in running["after"]
    assert kept["before_header"] == host.kept and kept["after"] == ""
    for check in (True, False):
        again = host.good("change", check=check, id=made, state="rolled_back")
        assert not again["changed"] and again["phase"] == "undone" and again["diff"] == []


def test_rollback_leaves_foreign_values(host):
    made = host.good("profile", name="database")["change_id"]
    host.set("ipv4/tcp_retries2", 77)
    predicted = host.good("change", check=True, state="rolled_back")
    real = host.good("change", state="rolled_back")
    assert settled(predicted) == settled(real) and real["id"] == made
    assert real["changed"] and real["foreign"] == ["net.ipv4.tcp_retries2"] and host.get("ipv4/tcp_retries2") == "77"
    assert real["warnings"] == ["net.ipv4.tcp_retries2 was left alone: somebody else has changed it since change " + made]
    assert "tcp_retries2" not in real["diff"][0]["before"]


def test_only_tell(host):
    made = host.good("profile", name="database")["change_id"]
    files = host.files()
    told = host.good("change")
    assert told["id"] == made and told["phase"] == "applied" and not told["changed"] and told["diff"] == []
    assert [r["before"] for r in told["change"]["rows"] if r["key"] == "net.ipv4.tcp_retries2"] == ["15"]
    assert told == host.good("change", check=True, id=made) and host.files() == files


def test_no_such_change(host):
    for state in (None, "confirmed", "rolled_back"):
        arguments = dict(state=state) if state else {}
        assert "no such change: ffff" == host.bad("change", id="ffff", **arguments)["msg"]
        assert "no such change: nothing was changed in this namespace" == host.bad("change", **arguments)["msg"]
        assert "no such change" in host.bad("change", id="; rm -r x", **arguments)["msg"]
    assert "value of state must be one of: confirmed, rolled_back" in host.bad("change", state="info")["msg"]


def test_rollback_of_pending(host):
    made = host.good("profile", name="database", confirm_within="10m")
    told = host.good("change", id=made["change_id"])
    assert told["phase"] == "pending" and told["deadline"] == made["deadline"]
    real = host.good("change", id="latest", state="rolled_back")
    assert real["changed"] and "deadline" not in real and host.get("ipv4/tcp_retries2") == "15"
    assert host.good("profile", check=True, name="database")["changed"]
