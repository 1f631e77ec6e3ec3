# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Writes one line of JSON for each result of a run to the file named by JSONLINES."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
name: jsonlines
type: aggregate
short_description: one line of JSON for each result
description:
  - Writes one line of JSON for each result to the file that the environment variable E(JSONLINES) names.
author:
  - tcpdoctor authors (@tcpdoctor)
"""

import json
import os
import time

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Keeps what came of every task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "jsonlines"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **line):
        line["at"] = time.time()
        with open(os.environ["JSONLINES"], "a", encoding="utf-8") as f:
            json.dump(line, f, cls=AnsibleJSONEncoder)
            f.write("\n")

    def _result(self, status, result):
        self._write(status=status, host=result._host.get_name(), task=result.task_name, result=result._result)

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_playbook_on_handler_task_start(self, task):
        self._write(status="handler", host="", task=task.get_name(), result={})

    def v2_playbook_on_stats(self, stats):
        self._write(status="stats", host="", task="",
                    result=dict((h, stats.summarize(h)) for h in stats.processed))
