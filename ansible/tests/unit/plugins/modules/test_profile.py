"""The module profile against the real program."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os

import pytest
from conftest import wait_until

MINE = dict(
    name="mine", title="mine", doc="a profile of a test",
    entries=[dict(key="net.ipv4.tcp_fin_timeout", op="at-most", value=25, lowers=True, reason="r", risk="r", source="s")],
)


def without(result, *names):
    """A result without what only a real run can know."""
    return dict((name, value) for name, value in result.items() if name not in names)


def row(result, key):
    """The row of a parameter."""
    return [r for r in result["keys"] if r["key"] == key][0]


def same_prediction(host, real_only=("change_id", "phase", "deadline"), **arguments):
    """Runs a task in check mode, makes sure that it touched nothing, runs it, and compares."""
    files, values = host.files(), host.shell("sysctl -a --pattern '^net\\.(core|ipv4)' 2>/dev/null")
    predicted = host.good("profile", check=True, **arguments)
    assert host.files() == files
    assert host.shell("sysctl -a --pattern '^net\\.(core|ipv4)' 2>/dev/null") == values
    real = host.good("profile", **arguments)
    assert predicted == without(real, *real_only)
    return real


def test_apply_again_and_back(host):
    host.set("ipv4/tcp_retries2", 42)
    real = same_prediction(host, name="database")
    assert real["changed"] and real["phase"] == "applied" and real["change_id"]
    assert host.get("ipv4/tcp_retries2", "ipv4/tcp_keepalive_time") == ["8", "120"]
    retries = row(real, "net.ipv4.tcp_retries2")
    assert retries == dict(key="net.ipv4.tcp_retries2", runtime="42", persisted=None, desired="8", action="change", risk="caution",
                           source="profile database: a failed node is noticed")
    running, kept = real["diff"]
    assert "net.ipv4.tcp_retries2 = 42\n" in running["before"] and "net.ipv4.tcp_retries2 = 8\n" in running["after"]
    assert kept["before_header"] == host.kept and kept["before"] == "" and "net.ipv4.tcp_retries2 = 8\n" in kept["after"]
    with open(host.kept) as f:
        assert f.read() == kept["after"]

    again = same_prediction(host, real_only=(), name=["database"])
    assert not again["changed"] and again["diff"] == [] and "change_id" not in again
    assert row(again, "net.ipv4.tcp_retries2")["persisted"] == "8" and row(again, "net.ipv4.tcp_retries2")["action"] == "none"

    gone = same_prediction(host, name="database", state="absent")
    assert gone["changed"] and host.get("ipv4/tcp_retries2", "ipv4/tcp_keepalive_time") == ["42", "7200"]
    assert not os.path.exists(host.kept)
    assert not same_prediction(host, real_only=(), name="database", state="absent")["changed"]


def test_prediction_of_every_profile(host):
    names = [p["name"] for p in host.good("facts", values=False)["ansible_facts"]["tcpdoctor"]["profiles"]]
    assert len(names) > 5 and names.pop(names.index("kernel-defaults"))
    for name in names:
        same_prediction(host, name=name, window=0)
    back = same_prediction(host, name="kernel-defaults")
    assert back["changed"] and not os.path.exists(host.kept)
    assert not same_prediction(host, real_only=(), name="kernel-defaults")["changed"]


def test_overrides(host):
    host.set("ipv4/tcp_rmem", "4096\t87380\t6291456")
    overrides = {"net.ipv4.tcp_rmem": [4096, 87380, 7000000], "net.ipv4.tcp_wmem": dict(max=5000000), "net.ipv4.tcp_sack": False,
                 "net.ipv4.ip_local_reserved_ports": "", "net.ipv4.tcp_retries2": 9}
    real = same_prediction(host, name="database", overrides=overrides)
    assert host.get("ipv4/tcp_rmem", "ipv4/tcp_sack", "ipv4/tcp_retries2") == ["4096 87380 7000000", "0", "9"]
    assert host.get("ipv4/tcp_wmem").split()[2] == "5000000"
    assert row(real, "net.ipv4.tcp_rmem")["runtime"] == "4096 87380 6291456"
    # The same values written otherwise are the same values.
    overrides["net.ipv4.tcp_rmem"] = "4096   87380\t7000000"
    overrides["net.ipv4.tcp_retries2"] = "9"
    assert not host.good("profile", name="database", overrides=overrides)["changed"]
    assert host.good("profile", name="database", state="verified", overrides=overrides)["as_wanted"]


@pytest.mark.parametrize("overrides, words", [
    ({"net.ipv4.tcp_retries9": 1}, "net.ipv4.tcp_retries9 is not in the catalogue; net.ipv4.tcp_retries"),
    ({"net.ipv4.tcp_retries2": "many"}, "is no integer"),
    ({"net.ipv4.tcp_retries2": None}, "net.ipv4.tcp_retries2 has no value"),
    ({"net.ipv4.tcp_fastopen_key": "0-0-0-1"}, "it is a secret"),
    ({"net.ipv4.tcp_rmem": dict(most=1)}, 'no element "most"'),
])
def test_bad_overrides(host, overrides, words):
    assert words in host.bad("profile", name="database", overrides=overrides)["msg"]


def test_inputs(host):
    real = same_prediction(host, name="bulk-wan", inputs=dict(rtt="100ms", bandwidth="10Gbit/s"))
    assert [i["value"] for i in real["inputs"] if i["name"] == "rtt"] == ["100ms"]
    assert [i["origin"] for i in real["inputs"] if i["name"] == "rtt"] == ["given"]
    assert "no such input" in host.bad("profile", name="bulk-wan", inputs=dict(speed=1))["msg"]
    assert '"soon": want s, such as 100ms' in host.bad("profile", name="bulk-wan", inputs=dict(rtt="soon"))["msg"]
    assert "rtt has no value" in host.bad("profile", name="bulk-wan", inputs=dict(rtt=None))["msg"]
    assert host.good("profile", check=True, name="database", inputs={"reliable-lan": True}, window="0")["inputs"][0]["value"] == "yes"
    ports = host.good("profile", check=True, name="reverse-proxy", inputs=dict(listeners=["8080", "9000-9100"]), window=0)
    assert [i["value"] for i in ports["inputs"] if i["name"] == "listeners"] == ["8080,9000-9100"]


def test_inline(host):
    before = host.files()
    real = same_prediction(host, inline=MINE)
    assert host.get("ipv4/tcp_fin_timeout") == "25" and real["profiles"] == ["mine"]
    assert not host.good("profile", inline=MINE)["changed"]
    # Together with another, and taken back among them.
    same_prediction(host, name="database", inline=MINE)
    assert host.good("profile", name="database", inline=MINE, state="verified")["profiles"] == ["database", "mine"]
    same_prediction(host, name="mine", state="absent")
    assert host.get("ipv4/tcp_fin_timeout", "ipv4/tcp_retries2") == ["60", "8"]
    assert not host.good("profile", inline=MINE, state="absent")["changed"]
    assert not host.good("profile", name="mine", state="absent")["changed"]
    # Nothing but the journal and the file for the next boot is left.
    left = [path for path in host.files() if path not in before and not path.startswith(host.state)]
    assert left == [host.kept]


def test_inline_mistakes(host):
    wrong = dict(MINE, entries=[dict(MINE["entries"][0], key="net.ipv4.tcp_fin_timout")])
    said = host.bad("profile", inline=wrong)["msg"]
    assert said.startswith("standard input:") and "net.ipv4.tcp_fin_timeout may be meant" in said
    assert "a profile has no doc" in host.bad("profile", inline=dict(name="x", title="x"))["msg"]
    # What a shell would make something of is only text.
    odd = dict(MINE, doc="$(touch /tmp/odd) `x` \"y\" 'z' \u2192 \U0001f600 \\n %s")
    assert host.good("profile", check=True, inline=odd)["changed"]


def test_verified(host):
    drifted = host.bad("profile", name="database", state="verified")
    assert "profile database is not in force: net.ipv4.tcp_keepalive_intvl is 75, wanted 30" in drifted["msg"]
    assert not drifted["changed"] and not drifted["as_wanted"]
    assert host.get("ipv4/tcp_keepalive_intvl") == "75" and host.files() == {}
    host.good("profile", name="database")
    fine = host.good("profile", name="database", state="verified")
    assert fine["as_wanted"] and fine["drift"] == [] and not fine["changed"] and fine["diff"] == []
    host.set("ipv4/tcp_retries2", 11)
    with open(os.path.join(host.root, "etc/sysctl.d/95-other.conf"), "w") as f:
        f.write("net.ipv4.tcp_keepalive_time = 300\n")
    told = host.good("profile", name="database", state="verified", fail_on_drift=False)
    assert told == host.good("profile", check=True, name="database", state="verified", fail_on_drift=False)
    assert not told["as_wanted"] and not told["changed"]
    assert [(d["key"], d["where"], d["found"], d["desired"]) for d in told["drift"]] == [
        ("net.ipv4.tcp_retries2", "running", "11", "8"), ("net.ipv4.tcp_keepalive_time", "next-boot", "300", "120")]
    assert "95-other.conf line 1" in host.bad("profile", name="database", state="verified")["msg"]
    assert len(host.good("profile", name="database", state="verified", fail_on_drift=False, persist=False)["drift"]) == 1


def test_confirm_within(host):
    real = same_prediction(host, name="database", confirm_within="10m")
    assert real["phase"] == "pending" and real["deadline"] and not os.path.exists(host.kept)
    again = host.good("profile", name="database", confirm_within=600)
    assert not again["changed"] and again["change_id"] == real["change_id"] and again["phase"] == "pending"
    assert again["pending"][0]["title"] == "profile database" and again["diff"] == []
    assert again == host.good("profile", check=True, name="database", confirm_within=600)
    # Without a deadline it would stay, and the change that waits would take it back.
    said = host.bad("profile", name="database")
    assert "waits for confirmation" in said["msg"] and said["msg"] == host.bad("profile", check=True, name="database")["msg"]
    assert "waits for confirmation" in host.bad("profile", name="database", state="absent")["msg"]
    predicted = host.good("change", check=True, id=real["change_id"], state="confirmed")
    assert predicted["changed"] and not os.path.exists(host.kept)
    kept = host.good("change", id=real["change_id"], state="confirmed")
    assert kept["changed"] and kept["phase"] == "applied" and kept["diff"] == predicted["diff"] and os.path.exists(host.kept)
    assert not host.good("change", id=real["change_id"], state="confirmed")["changed"]
    assert not host.good("profile", name="database")["changed"]


def test_unconfirmed_goes_back(host):
    real = host.good("profile", name="database", confirm_within=2)
    assert host.get("ipv4/tcp_retries2") == "8"
    wait_until(lambda: host.get("ipv4/tcp_retries2") == "15", "the guard puts the host back")
    wait_until(lambda: host.good("change", id=real["change_id"])["phase"] == "undone", "the guard says so")
    assert "cannot be confirmed: it is undone" in host.bad("change", id=real["change_id"], state="confirmed")["msg"]
    assert "cannot be confirmed: it is undone" in host.bad("change", check=True, id=real["change_id"], state="confirmed")["msg"]


def test_conflict(host):
    against = dict(MINE, entries=[dict(MINE["entries"][0], key="net.ipv4.tcp_syncookies", op="exactly", value=0)])
    said = host.bad("profile", name="web-server", inline=against)
    assert said["refused"] == said["msg"] and len(said["conflicts"]) == 1 and "net.ipv4.tcp_syncookies" in said["conflicts"][0]
    assert not said["changed"] and said == host.bad("profile", check=True, name="web-server", inline=against)
    assert row(said, "net.ipv4.tcp_syncookies")["action"] == "refused"
    assert host.get("ipv4/tcp_keepalive_time") == "7200"


def test_read_only(host):
    host.shell("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys")
    said = host.bad("profile", name="database")["msg"]
    assert said.startswith("write net.ipv4.tcp_keepalive_intvl: the parameter tree is mounted read-only: read-only file system; instead, ")
    assert said == host.bad("profile", check=True, name="database")["msg"]
    # What changes nothing goes on working.
    assert host.good("profile", name="database", state="verified", fail_on_drift=False)["drift"]
    assert host.good("facts")["ansible_facts"]["tcpdoctor"]["values"]


def test_state_cannot_be_written(host):
    with open(host.state, "w") as f:
        f.write("a file, no folder")
    assert "not a directory" in host.bad("profile", name="database")["msg"]
    assert "not a directory" in host.bad("profile", check=True, name="database")["msg"]
    assert host.get("ipv4/tcp_retries2") == "15"


def test_persist(host):
    assert host.good("profile", name="database", persist=False)["changed"]
    assert not os.path.exists(host.kept)
    assert not host.good("profile", name="database", persist=False)["changed"]
    late = same_prediction(host, name="database", persist=True)
    assert late["changed"] and [d["before_header"] for d in late["diff"]] == [host.kept]
    assert row(late, "net.ipv4.tcp_retries2")["action"] == "persist" and row(late, "net.ipv4.tcp_retries2")["persisted"] is None


def test_another_file_wins(host):
    with open(os.path.join(host.root, "etc/sysctl.d/99-theirs.conf"), "w") as f:
        f.write("net.ipv4.tcp_retries2 = 12\n")
    real = same_prediction(host, name="database")
    assert [(o["key"], o["value"]) for o in real["overridden_by"]][0] == ("net.ipv4.tcp_retries2", "12")
    assert [w for w in real["warnings"] if "99-theirs.conf line 1 would set net.ipv4.tcp_retries2 to 12 at boot" in w]


def test_netns(host):
    other = host.start(["unshare", "--net", "sh", "-c", "echo $$; exec sleep 600"])
    try:
        pid = other.stdout.readline().strip()
        real = same_prediction(host, name="database", netns=pid)
        assert real["changed"] and host.get("ipv4/tcp_retries2") == "15" and not os.path.exists(host.kept)
        assert host.shell("nsenter -t %s -n cat /proc/sys/net/ipv4/tcp_retries2" % pid) == "8"
        assert "--persist is refused" in host.bad("profile", name="database", netns=pid, persist=True)["msg"]
        assert host.good("change", netns=pid)["id"] == real["change_id"]
        assert "nothing was changed in this namespace" in host.bad("change")["msg"]
        host.good("profile", name="database", netns=pid, state="absent")
        assert host.shell("nsenter -t %s -n cat /proc/sys/net/ipv4/tcp_retries2" % pid) == "15"
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert host.bad("profile", name="database", netns="no-such-namespace")["msg"]


def test_bad_arguments(host):
    assert "no profile \"databse\" (did you mean database?)" == host.bad("profile", name="databse")["msg"]
    assert "no profile \"databse\" (did you mean database?)" == host.bad("profile", name="databse", state="absent")["msg"]
    assert "one of the following is required: name, inline" in host.bad("profile")["msg"]
    assert "name is empty" in host.bad("profile", name=[])["msg"]
    assert "goes with no other one" in host.bad("profile", name=["kernel-defaults", "database"])["msg"]
    assert "no profile \"--yes; touch x\"" in host.bad("profile", name="--yes; touch x")["msg"]
    assert '"soon" is no duration' in host.bad("profile", name="database", confirm_within="soon")["msg"]
