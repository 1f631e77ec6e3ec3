#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: change
short_description: Confirm, roll back or look at a change of kernel parameters
version_added: "1.0.0"
description:
  - Everything that tcpdoctor changes is a change in its journal on the host. One that was made with I(confirm_within) is undone
    by the host at its deadline unless it is confirmed; every change can be rolled back.
  - A rollback gives each parameter the value from before the change, unless somebody else has changed it since. Such
    parameters are left alone and told in I(foreign) and in a warning.
author:
  - The tcpdoctor authors (@tcpdoctor)
options:
  id:
    description:
      - The change, as M(tcpdoctor.tcpdoctor.profile) returns it in I(change_id).
      - C(latest) is the newest one of the namespace.
    type: str
    default: latest
  state:
    description:
      - C(confirmed) keeps a change that would undo itself.
      - C(rolled_back) undoes it. Undoing it again changes nothing.
      - Without a state the module only tells of the change.
    type: str
    choices: [confirmed, rolled_back]
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
  - module: tcpdoctor.tcpdoctor.profile
"""

EXAMPLES = r"""
- name: Keep the change of an earlier task
  tcpdoctor.tcpdoctor.change:
    id: "{{ tuned.change_id }}"
    state: confirmed

- name: Undo the newest change of the host
  tcpdoctor.tcpdoctor.change:
    state: rolled_back

- name: Look at a change
  tcpdoctor.tcpdoctor.change:
    id: 7c1f
  register: change
"""

RETURN = r"""
id:
  description: The change.
  returned: success
  type: str
  sample: 7c1f
change_id:
  description: The same as I(id).
  returned: success
  type: str
  sample: 7c1f
title:
  description: What was asked for.
  returned: success
  type: str
  sample: profile web-server
phase:
  description: C(pending), C(applied), C(undone), C(lapsed) for one that a restart has ended, C(applying) or C(undoing).
  returned: success
  type: str
  sample: applied
deadline:
  description: When an unconfirmed change is undone.
  returned: when I(phase) is C(pending)
  type: str
  sample: "2026-11-21T00:15:28Z"
diff:
  description: What the rollback restores, or what the confirmation writes into the file for the next boot.
  returned: success
  type: list
  elements: dict
outcomes:
  description: What became of each parameter, and of the file for the next boot, in the undo.
  returned: when the change is undone
  type: list
  elements: dict
  contains:
    key:
      description: The parameter.
      returned: when it is about one
      type: str
    path:
      description: The file.
      returned: when it is about one
      type: str
    result:
      description:
        - C(restored), C(already) as before, C(foreign) for what somebody else has changed since and is left alone, C(absent) for
          what is gone, or C(failed).
      type: str
    found:
      description: The value that was there.
      type: str
    original:
      description: The value from before the change.
      type: str
    text:
      description: What else there is to say.
      type: str
foreign:
  description: The parameters and files that were left alone because somebody else has changed them since.
  returned: when I(state=rolled_back)
  type: list
  elements: str
change:
  description: The whole entry of the journal.
  returned: success
  type: dict
  contains:
    rows:
      description: The parameters with I(key), I(before), I(after) and I(reason).
      type: list
      elements: dict
    created:
      description: When it was made.
      type: str
    writer:
      description: The process that made it.
      type: dict
    kernel:
      description: The kernel on which it was made.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.binary import ARGUMENTS, Failed, Tcpdoctor
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.words import file_diff, present, settings_diff

COMMANDS = dict(confirmed="confirm", rolled_back="rollback")


def arguments(params, check_mode):
    """The command that does what the task asks for."""
    out = ["change", COMMANDS.get(params["state"], "show"), "-o", "json", "--netns", params["netns"]]
    if check_mode and params["state"]:
        out.append("--dry-run")
    return out + ["--", params["id"]]


def result_of(entry, state):
    """The result of a task about a change."""
    result = present(entry, "id", "title", "phase")
    result.update(change_id=entry["id"], changed=bool(entry.pop("changed", False)), diff=[], change=entry)
    entry.pop("dry_run", None)
    if entry["phase"] == "pending":
        result.update(present(entry, "deadline"))
    # How long each write took is in the entry; without it a prediction equals the real run.
    outcomes = [dict((k, v) for k, v in outcome.items() if k != "window_nanos") for outcome in entry.get("outcomes") or []]
    outcomes.sort(key=name_of)
    if outcomes:
        result["outcomes"] = outcomes
    if state == "rolled_back":
        result["foreign"] = [name_of(outcome) for outcome in outcomes if outcome["result"] == "foreign"]
        if result["changed"]:
            result["diff"] = rollback_diff(entry, outcomes)
    elif state == "confirmed" and result["changed"]:
        kept = entry.get("file") or {}
        if kept.get("before") != kept.get("after"):
            result["diff"] = [file_diff(kept["path"], kept.get("before"), kept.get("after"))]
    return result


def name_of(outcome):
    """The parameter or file that an outcome is about."""
    return outcome.get("key") or outcome.get("path") or ""


def rollback_diff(entry, outcomes):
    """What a rollback restores."""
    restored = [outcome for outcome in outcomes if outcome["result"] == "restored"]
    values = [(outcome["key"], outcome["found"], outcome["original"]) for outcome in restored if outcome.get("key")]
    out = [settings_diff("running values", values)] if values else []
    if any(outcome.get("path") for outcome in restored):
        kept = entry["file"]
        out.append(file_diff(kept["path"], kept.get("after"), kept.get("before")))
    return out


def main():
    spec = dict(
        id=dict(type="str", default="latest"),
        state=dict(type="str", choices=["confirmed", "rolled_back"]),
    )
    spec.update(ARGUMENTS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    state = module.params["state"]
    try:
        tool = Tcpdoctor(module)
        # An undo that could not restore everything tells so with another exit code.
        codes = (0, 1, 3) if state == "rolled_back" else (0,)
        outcome = tool.run(arguments(module.params, module.check_mode), "tcpdoctor.change/v1", codes=codes)
    except Failed as e:
        module.fail_json(msg=str(e), **e.details)
    result = result_of(outcome.document, state)
    if outcome.code == 3:
        module.fail_json(msg=outcome.reason, **result)
    for note in outcome.notes:
        module.warn(note)
    for name in result.get("foreign", []):
        module.warn("%s was left alone: somebody else has changed it since change %s" % (name, result["id"]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
