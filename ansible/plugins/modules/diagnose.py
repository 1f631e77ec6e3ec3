#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: diagnose
short_description: Say what is wrong with TCP on a host, and whose fault it is
version_added: "1.0.0"
description:
  - Samples for a few seconds how the kernel manages TCP connections and returns the report, with the culprit, the evidence and
    the advice of each finding.
  - Nothing is changed on the host. Without root less can be seen; what could not be seen is listed in I(report.gaps).
author:
  - The tcpdoctor authors (@tcpdoctor)
options:
  window:
    description:
      - How long to sample, as C(10s) or a number of seconds. C(0) judges one instant.
    type: str
    default: 5s
  netns:
    description:
      - The network namespace to look at, C(all) for every one of the host.
      - C(self) is that of the connection; else the name of a namespace in C(/run/netns), the ID of a process, or a path.
  min_severity:
    description:
      - Leave findings below it out of I(report), I(ids) and I(counts).
    type: str
    choices: [info, warning, critical]
    default: info
  fail_at:
    description:
      - Fail the task when something is found at this severity or above.
    type: str
    choices: [none, info, warning, critical]
    default: none
  baseline:
    description:
      - The I(report) of an earlier task. I(worse) then tells what is new since or has become more severe.
    type: dict
extends_documentation_fragment:
  - tcpdoctor.tcpdoctor.common
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It changes nothing.
  platform:
    platforms: linux
seealso:
  - module: tcpdoctor.tcpdoctor.profile
"""

EXAMPLES = r"""
- name: Look at the host
  tcpdoctor.tcpdoctor.diagnose:
  register: tcp

- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ tcp.report.findings | map(attribute='summary') }}"

- name: Stop here when connections are being refused
  tcpdoctor.tcpdoctor.diagnose:
    window: 10s
    netns: all
    fail_at: critical

- name: Compare with what was found before a change
  tcpdoctor.tcpdoctor.diagnose:
    baseline: "{{ tcp.report }}"
  register: after
  failed_when: after.worse | length > 0
"""

RETURN = r"""
report:
  description: The report, in the form C(tcpdoctor.report/v1).
  returned: when there is one
  type: dict
  contains:
    findings:
      description: What is wrong, with C(id), C(severity), C(cause), C(actor), C(subject), C(summary), C(evidence) and C(prescriptions).
      type: list
      elements: dict
    unknown:
      description: The checks that could not judge, and why.
      type: list
      elements: dict
    gaps:
      description: What could not be read, and why.
      type: list
      elements: dict
    host:
      description: The host's name, kernel and boot.
      type: dict
    namespaces:
      description: The namespaces that were looked at.
      type: list
      elements: dict
worst:
  description: The highest severity found, C(none) where nothing is wrong.
  returned: when there is a report
  type: str
  sample: warning
rank:
  description: The same as a number for comparison, from 0 for C(none) to 3 for C(critical).
  returned: when there is a report
  type: int
  sample: 2
counts:
  description: How many findings there are of each severity.
  returned: when there is a report
  type: dict
  sample: {critical: 0, warning: 1, info: 0}
ids:
  description: The IDs of the findings.
  returned: when there is a report
  type: list
  elements: str
  sample: [accept-queue-overflow]
worse:
  description: Findings at warning or above that are new since the baseline, or more severe than in it.
  returned: with I(baseline)
  type: list
  elements: dict
  contains:
    id:
      description: The finding.
      type: str
    severity:
      description: Its severity.
      type: str
    before:
      description: Its severity in the baseline, C(none) for a new one.
      type: str
    summary:
      description: What is wrong, in a line.
      type: str
    subject:
      description: What it is about.
      type: dict
    netns:
      description: Where it is.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.binary import ARGUMENTS, Failed, Tcpdoctor

RANKS = dict(none=0, info=1, warning=2, critical=3)

# What a finding is about, apart from what changes when a program starts again.
SUBJECT_FIELDS = ("kind", "local", "port", "peer", "peer_port", "comm", "container")


def arguments(params):
    """The command that does what the task asks for."""
    return ["diagnose", "-o", "json", "--netns", params["netns"], "--window", params["window"], "--min-severity", "info"]


def worst_of(findings):
    """The highest severity among findings."""
    severities = ["none"] + [finding["severity"] for finding in findings]
    return max(severities, key=RANKS.get)


def worse_than(report, baseline):
    """The findings at warning or above that the baseline does not have, or has with a lower severity."""
    earlier = {}
    for finding in (baseline or {}).get("findings") or []:
        name = identity(finding)
        earlier[name] = max(earlier.get(name, "none"), finding["severity"], key=RANKS.get)
    out = []
    for finding in report["findings"]:
        before = earlier.get(identity(finding), "none")
        if RANKS[finding["severity"]] > max(RANKS[before], RANKS["info"]):
            out.append(dict(
                id=finding["id"], severity=finding["severity"], before=before, summary=finding["summary"],
                subject=finding.get("subject") or {}, netns=finding.get("netns") or {},
            ))
    return out


def identity(finding):
    """What makes two findings the same one."""
    netns = finding.get("netns") or {}
    subject = finding.get("subject") or {}
    where = netns.get("cookie") or netns.get("name") or netns.get("inode")
    return (finding["id"], where) + tuple(str(subject.get(field)) for field in SUBJECT_FIELDS)


def result_of(report, params):
    """The result of a task that has a report."""
    worst = worst_of(report["findings"])
    result = dict(changed=False, worst=worst, rank=RANKS[worst])
    if params["baseline"] is not None:
        result["worse"] = worse_than(report, params["baseline"])
    shown = [finding for finding in report["findings"] if RANKS[finding["severity"]] >= RANKS[params["min_severity"]]]
    report["findings"] = shown
    result.update(
        report=report, ids=sorted(set(finding["id"] for finding in shown)),
        counts=dict((s, len([f for f in shown if f["severity"] == s])) for s in ("critical", "warning", "info")),
    )
    return result


def unjudged(report):
    """Why there is no judgement."""
    reasons = ["%s: %s" % (gap["source"], gap["reason"]) for gap in report.get("gaps") or []]
    reasons += ["%s: %s" % (unknown["rule"], unknown["reason"]) for unknown in report.get("unknown") or []]
    return "nothing could be judged: " + "; ".join(reasons[:5])


def main():
    spec = dict(
        window=dict(type="str", default="5s"),
        min_severity=dict(type="str", choices=["info", "warning", "critical"], default="info"),
        fail_at=dict(type="str", choices=["none", "info", "warning", "critical"], default="none"),
        baseline=dict(type="dict"),
    )
    spec.update(ARGUMENTS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        outcome = Tcpdoctor(module).run(arguments(module.params), "tcpdoctor.report/v1", codes=(0, 1, 2, 3))
    except Failed as e:
        module.fail_json(msg=str(e), **e.details)
    found = list(outcome.document.get("findings") or [])
    outcome.document["findings"] = found
    result = result_of(outcome.document, module.params)
    if outcome.code == 3:
        module.fail_json(msg=unjudged(outcome.document), **result)
    fail_at = module.params["fail_at"]
    reached = [f["summary"] for f in found if RANKS[f["severity"]] >= RANKS[fail_at]]
    if fail_at != "none" and reached:
        module.fail_json(msg="found at %s or above: %s" % (fail_at, "; ".join(reached)), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
