"""The module diagnose against the real program and a real fault."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import copy
import json
import os

import pytest
from conftest import PYTHON, answering


@pytest.fixture
def faulty(host):
    """A host on which a server does not accept."""
    fault = host.start([PYTHON, os.path.join(os.path.dirname(__file__), "overflow.py"), "8080"])
    assert fault.stdout.readline() == "listening\n"
    yield host
    fault.kill()
    fault.wait()
    fault.stdout.close()


def test_healthy(host):
    for check in (False, True):
        found = host.good("diagnose", check=check, window="0.2", fail_at="info")
        assert not found["changed"] and found["worst"] == "none" and found["rank"] == 0
        assert found["report"]["schema"] == "tcpdoctor.report/v1" and found["report"]["findings"] == []
        assert found["counts"] == dict(critical=0, warning=0, info=0) and found["ids"] == [] and "worse" not in found
    assert host.files() == {}


def test_fault(faulty):
    found = faulty.good("diagnose", window="2s")
    assert "accept-queue-overflow" in found["ids"] and found["worst"] == "critical" and found["rank"] == 3
    assert found["counts"]["critical"] >= 1
    finding = [f for f in found["report"]["findings"] if f["id"] == "accept-queue-overflow"][0]
    assert finding["subject"]["port"] == 8080

    said = faulty.bad("diagnose", window="1s", fail_at="warning")
    assert said["msg"].startswith("found at warning or above: ") and finding["subject"]["comm"] in said["msg"]
    assert said["report"]["findings"] and said["worst"] == "critical"
    assert faulty.bad("diagnose", window="1s", fail_at="critical", min_severity="critical")["ids"] == ["accept-queue-overflow"]

    # Compared with what was found before.
    healthy = dict(found["report"], findings=[])
    milder = copy.deepcopy(found["report"])
    for f in milder["findings"]:
        f["severity"] = "warning"
        f["subject"]["pid"] = 1  # the program was started again
    worse = faulty.good("diagnose", window="1s", baseline=healthy)["worse"]
    assert [(w["id"], w["before"], w["severity"]) for w in worse] == [("accept-queue-overflow", "none", "critical")]
    assert worse[0]["subject"]["port"] == 8080 and worse[0]["summary"] and worse[0]["netns"]
    assert [w["before"] for w in faulty.good("diagnose", window="1s", baseline=milder)["worse"]] == ["warning"]
    assert faulty.good("diagnose", window="1s", baseline=found["report"])["worse"] == []


def test_what_is_worse(host, fake):
    """Notes are never worse; of two findings alike the more severe one counts."""

    def finding(name, severity, port=80):
        return dict(id=name, severity=severity, summary=name, subject=dict(kind="listener", port=port), netns=dict(cookie=7))

    report = dict(schema="tcpdoctor.report/v1", findings=[
        finding("a", "info"), finding("b", "warning"), finding("c", "critical"), finding("d", "warning", 81), finding("e", "critical")])
    baseline = dict(report, findings=[finding("c", "critical"), finding("c", "warning"), finding("d", "critical", 82), finding("e", "info")])
    found = host.good("diagnose", binary=fake(answering("echo '%s'; exit 2" % json.dumps(report))), baseline=baseline, min_severity="warning")
    assert [(w["id"], w["before"]) for w in found["worse"]] == [("b", "none"), ("d", "none"), ("e", "info")]
    assert found["ids"] == ["b", "c", "d", "e"] and found["counts"] == dict(critical=2, warning=2, info=0)


def test_mistakes(host):
    assert '"soon" is no duration' in host.bad("diagnose", window="soon")["msg"]
    assert host.bad("diagnose", window="0", netns="no-such-namespace")["msg"]
    assert host.good("diagnose", window="0", netns="all")["report"]["namespaces"]
    assert "value of fail_at must be one of" in host.bad("diagnose", fail_at="ever")["msg"]
