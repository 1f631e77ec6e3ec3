#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: profile
short_description: Put kernel parameters for TCP as a profile wants them, and back
version_added: "1.0.0"
description:
  - A profile says which kernel parameters should have at least, at most or exactly which value for a purpose such as
    C(web-server). The values are worked out on each host, from its kernel, memory, processors and load.
  - Every change is recorded before the first write, read back, and can be undone with M(tcpdoctor.tcpdoctor.change). All of
    a profile is written, or nothing.
  - C(tcpdoctor profile show NAME) tells what a profile wants and why.
author:
  - The tcpdoctor authors (@tcpdoctor)
options:
  name:
    description:
      - The profiles, built-in ones or files in C(/etc/tcpdoctor/profiles.d) of the host. Several are merged; where they exclude
        each other nothing is changed and the task fails.
      - C(kernel-defaults) takes back everything that tcpdoctor has changed. It goes with no other profile.
    type: list
    elements: str
    aliases: [names]
  inline:
    description:
      - A profile written in the task, in the form of a profile file. It is taken for this task only, in place of any other one
        of its name, and may inherit from the profiles of the host.
    type: dict
  state:
    description:
      - C(applied) writes what is not as the profiles want it.
      - C(absent) gives back what was there before the profiles. What another profile wants as well, and what was changed again
        since, stays.
      - C(verified) compares and changes nothing; see I(fail_on_drift).
    type: str
    choices: [applied, absent, verified]
    default: applied
  overrides:
    description:
      - Values that take the place of what the profiles want, by parameter. They may give less than the kernel's own default.
      - "The elements of a vector are a list, or a dictionary that names some of them, such as C({max: 16777216})."
      - Secrets such as C(net.ipv4.tcp_fastopen_key) are refused, because everybody on the host can read them while the task runs.
      - Not used with I(state=absent), which takes them back too.
    type: dict
    default: {}
  inputs:
    description:
      - "What profiles need to know about the load, such as C({rtt: 100ms, bandwidth: 10Gbit/s})."
      - What can be measured is measured where it is not given.
      - Not used with I(state=absent).
    type: dict
    default: {}
  window:
    description:
      - How long to measure the inputs that are not given, as C(5s) or a number of seconds. The program's own default is one second.
      - Not used with I(state=absent).
    type: str
  confirm_within:
    description:
      - Undo the change after this time, as C(10m) or a number of seconds, unless M(tcpdoctor.tcpdoctor.change) confirms it. The
        host does that by itself, also when the connection is lost.
      - When the task runs again before the confirmation nothing is changed, and I(change_id) is the change that waits.
      - The file for the next boot is written at the confirmation.
    type: str
  persist:
    description:
      - Keep the values for the next boot, in C(/etc/sysctl.d/90-tcpdoctor.conf); with I(state=verified) also compare what the
        next boot would set.
      - The default is to do so in the host's own namespace and not in others, for which no such file counts.
    type: bool
  fail_on_drift:
    description:
      - Whether I(state=verified) fails where something is not as wanted. If not, I(as_wanted) and I(drift) tell.
    type: bool
    default: true
extends_documentation_fragment:
  - tcpdoctor.tcpdoctor.common
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: linux
seealso:
  - module: tcpdoctor.tcpdoctor.change
  - module: tcpdoctor.tcpdoctor.diagnose
  - module: ansible.posix.sysctl
"""

EXAMPLES = r"""
- name: Tune web servers, and keep that for the next boot
  tcpdoctor.tcpdoctor.profile:
    name: web-server

- name: See what would change, and why
  tcpdoctor.tcpdoctor.profile:
    name: reverse-proxy
  check_mode: true
  diff: true

- name: Tune for a long path, with a larger backlog than the profile's
  tcpdoctor.tcpdoctor.profile:
    name: [web-server, bulk-wan]
    inputs:
      rtt: 100ms
      bandwidth: 10Gbit/s
    overrides:
      net.core.somaxconn: 16384
      net.ipv4.tcp_rmem: {max: 268435456}

- name: Apply, and be back as before in ten minutes unless that is confirmed
  tcpdoctor.tcpdoctor.profile:
    name: reverse-proxy
    confirm_within: 10m
  register: tuned

- name: The host can still be reached, so keep it
  tcpdoctor.tcpdoctor.change:
    id: "{{ tuned.change_id }}"
    state: confirmed
  when: tuned.change_id is defined

- name: A profile of our own, on top of a built-in one
  tcpdoctor.tcpdoctor.profile:
    inline:
      name: shop
      title: the shop's servers
      doc: As web-server, with what we learnt in the sale.
      inherits: web-server
      entries:
        - key: net.ipv4.tcp_fin_timeout
          op: at-most
          value: 30
          lowers: true
          reason: clients vanish
          risk: none seen
          source: load test of June

- name: Collect what has drifted, without failing
  tcpdoctor.tcpdoctor.profile:
    name: web-server
    state: verified
    fail_on_drift: false
  register: verified

- name: Take one profile back
  tcpdoctor.tcpdoctor.profile:
    name: bulk-wan
    state: absent

- name: Take everything back
  tcpdoctor.tcpdoctor.profile:
    name: kernel-defaults
"""

RETURN = r"""
diff:
  description:
    - What changes, or would change in check mode. One part for running values, one for the file for the next boot.
    - With I(state=verified), what was found and what is wanted.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: running values
      after_header: running values
      before: "net.ipv4.tcp_retries2 = 15\n"
      after: "net.ipv4.tcp_retries2 = 8\n"
keys:
  description: The parameters that the profiles are about, as they were before the task.
  returned: when the profiles could be worked out
  type: list
  elements: dict
  contains:
    key:
      description: The parameter.
      type: str
      sample: net.ipv4.tcp_retries2
    field:
      description: The element of a vector that is left out.
      returned: when it is one
      type: str
    runtime:
      description: The value that the kernel has.
      type: str
      sample: "15"
    persisted:
      description: The value that the next boot sets, null where no file does.
      type: str
    desired:
      description: The value that the parameter ends with, in normal form.
      type: str
      sample: "8"
    source:
      description: Who wants it and why.
      type: str
      sample: "profile database: a failed node is noticed"
    action:
      description:
        - C(change) writes the running value, C(persist) only the file for the next boot, C(none) neither.
        - C(refused) parameters cannot be written, C(left) ones the profile leaves out here.
      type: str
      sample: change
    reason:
      description: Why it is left out, or what is risky.
      returned: when there is one
      type: str
    risk:
      description: C(safe), C(caution) or C(dangerous).
      returned: when it is written
      type: str
change_id:
  description: The change in the journal, for M(tcpdoctor.tcpdoctor.change).
  returned: when something was changed, or when the change waits for confirmation already
  type: str
  sample: 7c1f
phase:
  description: C(applied), C(pending) until it is confirmed, or C(undone) where it failed.
  returned: with I(change_id)
  type: str
  sample: pending
deadline:
  description: When an unconfirmed change is undone.
  returned: when I(phase) is C(pending)
  type: str
  sample: "2026-11-21T00:15:28Z"
profiles:
  description: The profiles by name.
  returned: success
  type: list
  elements: str
inputs:
  description: What the profiles rest on, with the origin of each value.
  returned: when they ask for something
  type: list
  elements: dict
  sample:
    - name: reliable-lan
      value: "no"
      origin: default
refused:
  description: Why nothing was changed, or why the change was undone.
  returned: when it was refused
  type: str
conflicts:
  description: What the profiles want that excludes each other.
  returned: when there is something
  type: list
  elements: str
overridden_by:
  description: Lines of other files that win over the profiles' at the next boot.
  returned: when there are some
  type: list
  elements: dict
pending:
  description: Changes of the namespace that wait for confirmation.
  returned: when there are some
  type: list
  elements: dict
  sample:
    - id: 7c1f
      title: profile web-server
      deadline: "2026-11-21T00:15:28Z"
as_wanted:
  description: Whether everything is as wanted.
  returned: when I(state=verified)
  type: bool
drift:
  description: What is not as wanted.
  returned: when I(state=verified)
  type: list
  elements: dict
  contains:
    key:
      description: The parameter.
      type: str
    where:
      description: C(running), or C(next-boot) for what the next boot would set.
      type: str
    found:
      description: The value found.
      type: str
    desired:
      description: The value wanted.
      type: str
    by:
      description: The file and line that would set it.
      returned: with C(next-boot)
      type: str
    source:
      description: Who wants it and why.
      type: str
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.binary import ARGUMENTS, Failed, Tcpdoctor
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.words import (
    input_arguments,
    override_arguments,
    plan_diff,
    present,
    rows,
    settings_diff,
)

COMMANDS = dict(applied="apply", absent="remove", verified="verify")

# What fits into a pipe that nobody reads yet, so that handing it over cannot hang.
MOST_INLINE_BYTES = 60000


def arguments(params, check_mode):
    """The command that does what the task asks for."""
    state = params["state"]
    out = ["profile", COMMANDS[state], "-o", "json", "--netns", params["netns"]]
    if state != "verified":
        out.append("--yes")
        if check_mode:
            out.append("--dry-run")
        if params["confirm_within"]:
            out += ["--confirm-within", params["confirm_within"]]
    if params["persist"] is not None:
        out.append("--persist=%s" % ("true" if params["persist"] else "false"))
    if params["inline"] is not None:
        out += ["--file", "-"]
    if state != "absent":
        out += override_arguments(params["overrides"]) + input_arguments(params["inputs"])
        if params["window"]:
            out += ["--window", params["window"]]
    return out + ["--"] + params["name"]


def change(tool, params, check_mode, data):
    """Applies or removes profiles, and returns the result, with the reason if it failed."""
    outcome = tool.run(arguments(params, check_mode), "tcpdoctor.change-result/v1", codes=(0, 1), data=data)
    document = outcome.document
    result = present(document, "change_id", "phase", "deadline", "profiles", "inputs", "refused", "conflicts", "pending")
    result.update(changed=document["changed"], keys=rows(document), diff=plan_diff(document))
    overrides = (document.get("file") or {}).get("overrides") or []
    if overrides:
        result["overridden_by"] = overrides
    warnings = list(document.get("warnings") or []) + outcome.notes
    for override in overrides:
        if not override.get("same_value"):
            warnings.append("%(file)s line %(line)s would set %(key)s to %(value)s at boot" % override)
    if document.get("obstacle"):
        # What the real run would say, and no more than it.
        raise Failed(document["obstacle"])
    return result, unrepeated(warnings), document.get("refused")


def verify(tool, params, data):
    """Compares, and returns the result, with the reason if something is not as wanted."""
    outcome = tool.run(arguments(params, False), "tcpdoctor.profile-verify/v1", codes=(0, 1), data=data)
    document = outcome.document
    result = present(document, "profiles", "inputs", "pending", "as_wanted", "drift")
    result.update(changed=False, keys=rows(document), diff=drift_diff(document["drift"]))
    if document["as_wanted"] or not params["fail_on_drift"]:
        return result, outcome.notes, None
    words = []
    for drift in document["drift"]:
        if drift["where"] == "running":
            words.append("%(key)s is %(found)s, wanted %(desired)s" % drift)
        else:
            words.append("%s will be %s at the next boot%s, wanted %s" % (
                drift["key"], drift["found"], " (%s)" % drift["by"] if drift.get("by") else "", drift["desired"]))
    return result, outcome.notes, "profile %s is not in force: %s" % (", ".join(document["profiles"]), "; ".join(words))


def drift_diff(drifts):
    """What was found and what is wanted, now and at the next boot."""
    out = []
    for where, header in (("running", "running values"), ("next-boot", "values at the next boot")):
        values = [(drift["key"], drift["found"], drift["desired"]) for drift in drifts if drift["where"] == where]
        if values:
            out.append(settings_diff(header, values))
    return out


def unrepeated(lines):
    """The lines, each once, in their order."""
    out = []
    for line in lines:
        if line not in out:
            out.append(line)
    return out


def main():
    spec = dict(
        name=dict(type="list", elements="str", aliases=["names"]),
        inline=dict(type="dict"),
        state=dict(type="str", choices=["applied", "absent", "verified"], default="applied"),
        overrides=dict(type="dict", default={}),
        inputs=dict(type="dict", default={}),
        window=dict(type="str"),
        confirm_within=dict(type="str"),
        persist=dict(type="bool"),
        fail_on_drift=dict(type="bool", default=True),
    )
    spec.update(ARGUMENTS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, required_one_of=[["name", "inline"]])
    params = dict(module.params)
    params["name"] = params["name"] or []
    if not params["name"] and params["inline"] is None:
        module.fail_json(msg="name is empty: it wants at least one profile")
    data = None
    if params["inline"] is not None:
        # JSON is YAML; line by line, so that the program can say in which line a mistake is.
        data = json.dumps(params["inline"], indent=1, ensure_ascii=False)
        size = len(to_bytes(data))
        if size > MOST_INLINE_BYTES:
            module.fail_json(msg="the inline profile has %d bytes, at most %d are taken: put it into /etc/tcpdoctor/profiles.d "
                                 "of the host and name it" % (size, MOST_INLINE_BYTES))
    try:
        tool = Tcpdoctor(module)
        if params["state"] == "verified":
            result, warnings, failure = verify(tool, params, data)
        else:
            result, warnings, failure = change(tool, params, module.check_mode, data)
    except (Failed, ValueError) as e:
        module.fail_json(msg=str(e), **getattr(e, "details", {}))
    for warning in warnings:
        module.warn(warning)
    if failure:
        module.fail_json(msg=failure, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
