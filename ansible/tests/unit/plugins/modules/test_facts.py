"""The module facts against the real program."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


def facts(host, **arguments):
    """The facts, which must be the same in check mode."""
    result = host.good("facts", **arguments)
    assert result == host.good("facts", check=True, **arguments) and not result["changed"]
    return result["ansible_facts"]["tcpdoctor"]


def test_facts(host):
    known = facts(host)
    assert known["binary"]["path"] == host.binary and known["binary"]["interface"] >= 1
    assert known["kernel"] and known["ram_bytes"] > 1 << 20 and known["cpus"] > 0 and known["persists"] and not known["initial_netns"]
    assert known["applied"] == {} and known["in_force"] == [] and known["pending"] == []
    assert known["values"]["net.ipv4.tcp_retries2"] == "15" and len(known["values"]["net.ipv4.tcp_rmem"].split(" ")) == 3
    assert "net.ipv4.tcp_fastopen_key" not in known["values"]
    assert dict(name="web-server", file="built-in web-server.yaml", title=known["profiles"][-1]["title"]) == known["profiles"][-1]
    assert host.files() == {}


def test_facts_of_a_changed_host(host):
    made = host.good("profile", name="database", confirm_within="10m")
    known = facts(host, values=False)
    assert "values" not in known and "net.ipv4.tcp_retries2" in known["applied"]["database"]
    assert known["pending"] == [dict(id=made["change_id"], title="profile database", deadline=made["deadline"])]
    assert [(c["id"], c["phase"]) for c in known["in_force"]] == [(made["change_id"], "pending")]


def test_without_the_program(host):
    known = facts(host, required=False, binary="/nowhere/tcpdoctor")
    assert known == dict(binary=None)
    assert "does not exist on this host" in host.bad("facts", binary="/nowhere/tcpdoctor")["msg"]
