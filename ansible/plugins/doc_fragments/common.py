# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function

__metaclass__ = type


class ModuleDocFragment(object):
    """What all modules of the collection have in common."""

    DOCUMENTATION = r"""
options:
  binary:
    description:
      - The program C(tcpdoctor) on the host, as a path, or as a name to be looked for.
      - A name is looked for in C(PATH), then in C(/usr/local/bin), C(/usr/bin), C(/usr/local/sbin), C(/usr/sbin) and C(/opt/tcpdoctor/bin).
    type: path
    default: tcpdoctor
  netns:
    description:
      - The network namespace to work on.
      - C(self) is that of the connection; else the name of a namespace in C(/run/netns), the ID of a process, or a path.
    type: str
    default: self
  timeout:
    description:
      - How many seconds the program may take. It is then ended; a change that was under way is undone.
    type: int
    default: 300
requirements:
  - The program C(tcpdoctor) 0.1.0 or newer on the host.
notes:
  - Settings of the program come from C(/etc/tcpdoctor/tcpdoctor.yaml) and from C(TCPDOCTOR_*) variables in the environment of the task.
attributes:
  check_mode:
    description: Can run in C(check_mode) and predict what it would do, without changing the host.
  diff_mode:
    description: Says what has changed, or would change in check mode, in diff mode.
  platform:
    description: Where it runs.
    platforms: linux
    support: full
"""
