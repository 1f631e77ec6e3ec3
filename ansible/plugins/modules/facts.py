#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: facts
short_description: Gather what tcpdoctor knows of a host without measuring
version_added: "1.0.0"
description:
  - Returns the facts C(ansible_facts.tcpdoctor) - the program and its version, the profiles there are and those in force,
    changes in force and those that wait for confirmation, and the values of the parameters that the catalogue knows.
  - Takes some hundredths of a second. Nothing is changed on the host.
author:
  - The tcpdoctor authors (@tcpdoctor)
options:
  values:
    description:
      - Whether to gather the values of parameters.
    type: bool
    default: true
  required:
    description:
      - Whether to fail where the program is not installed. If not, C(ansible_facts.tcpdoctor.binary) is null there.
    type: bool
    default: true
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
- name: Gather facts
  tcpdoctor.tcpdoctor.facts:

- name: Which hosts do without the profile
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }} is not tuned"
  when: "'web-server' not in ansible_facts.tcpdoctor.applied"

- name: Gather facts also where it is not installed yet
  tcpdoctor.tcpdoctor.facts:
    required: false
    values: false
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    tcpdoctor:
      description: What tcpdoctor knows of the host.
      type: dict
      contains:
        binary:
          description: The C(path), C(version) and C(interface) of the program, null where it is not installed.
          type: dict
          sample: {path: /usr/bin/tcpdoctor, version: 0.1.0, interface: 1}
        kernel:
          description: The running kernel.
          type: str
          sample: 6.18.44
        ram_bytes:
          description: The memory that the kernel manages.
          type: int
        cpus:
          description: The number of processors.
          type: int
        netns:
          description: The network namespace, by C(cookie), C(inode) and C(name).
          type: dict
        initial_netns:
          description: Whether it is the host's own.
          type: bool
        persists:
          description: Whether files in C(/etc/sysctl.d) count for it.
          type: bool
        profiles:
          description: The profiles there are, with C(name), C(title) and C(file).
          type: list
          elements: dict
        applied:
          description: The profiles in force, each with the parameters that it holds.
          type: dict
          sample: {database: [net.ipv4.tcp_retries2]}
        in_force:
          description: The changes that hold, the oldest first, with C(id), C(title), C(phase) and C(keys).
          type: list
          elements: dict
        pending:
          description: The changes that wait for confirmation, with C(id), C(title) and C(deadline).
          type: list
          elements: dict
        values:
          description: The parameters of the catalogue that the namespace has, with their values.
          returned: with I(values)
          type: dict
          sample: {net.core.somaxconn: "4096"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcpdoctor.tcpdoctor.plugins.module_utils.binary import ARGUMENTS, Failed, Missing, Tcpdoctor

FIELDS = ("kernel", "ram_bytes", "cpus", "netns", "initial_netns", "persists", "profiles", "applied", "in_force", "pending", "values")


def gather(module):
    """The facts of the host."""
    tool = Tcpdoctor(module)
    values = "true" if module.params["values"] else "false"
    arguments = ["facts", "-o", "json", "--netns", module.params["netns"], "--values=" + values]
    document = tool.run(arguments, "tcpdoctor.facts/v1").document
    out = dict((field, document[field]) for field in FIELDS if field in document)
    out["binary"] = dict(path=tool.path, version=tool.version, interface=tool.interface)
    return out


def main():
    spec = dict(
        values=dict(type="bool", default=True),
        required=dict(type="bool", default=True),
    )
    spec.update(ARGUMENTS)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        facts = gather(module)
    except Missing as e:
        if module.params["required"]:
            module.fail_json(msg=str(e), **e.details)
        facts = dict(binary=None)
    except Failed as e:
        module.fail_json(msg=str(e), **e.details)
    module.exit_json(changed=False, ansible_facts=dict(tcpdoctor=facts))


if __name__ == "__main__":
    main()
