# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

"""Finds the program tcpdoctor, makes sure that it is new enough, and runs it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import re
import threading

from ansible.module_utils.common.text.converters import to_native

COLLECTION_VERSION = "1.0.0"

# The oldest release with the commands, flags and fields that the modules use, and
# the number by which builds that are no release say that they have them.
MINIMUM_VERSION = "0.1.0"
MINIMUM_INTERFACE = 1

SEARCHED = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/tcpdoctor/bin"]

# What the program says must not depend on the host's language.
ENVIRONMENT = {"LANG": "C", "LANGUAGE": "C", "LC_ALL": "C", "NO_COLOR": "1"}

# How long a program that was told to end may take to undo what it was doing.
GRACE_SECONDS = 5

ARGUMENTS = dict(
    binary=dict(type="path", default="tcpdoctor"),
    netns=dict(type="str", default="self"),
    timeout=dict(type="int", default=300),
)


class Failed(Exception):
    """The program could not be used; the message says why and what to do."""

    def __init__(self, message, **details):
        super(Failed, self).__init__(message)
        self.details = details


class Missing(Failed):
    """The program is not on the host."""


class Outcome(object):
    """What one run of the program came to."""

    def __init__(self, command, code, out, err):
        self.command = command
        self.code = code
        self.out = out
        notes = [line for line in err.splitlines() if line.strip()]
        # The last line is the reason where it failed; earlier ones tell of changes
        # that were brought to an end on the way.
        self.reason = strip_name(notes[-1]) if notes else ""
        self.notes = [strip_name(line) for line in notes]
        self.document = read_document(out)

    def failed(self):
        """The failure that the outcome is."""
        reason = self.reason or "it ended with exit code %d and said nothing" % self.code
        return Failed(reason, rc=self.code, cmd=self.command, stderr_lines=self.notes)


class Tcpdoctor(object):
    """The program on this host."""

    def __init__(self, module):
        self.module = module
        self.path = self._find(module.params["binary"])
        self.version, self.interface = self._check_version()

    def run(self, arguments, schema, codes=(0,), data=None):
        """Runs a command that answers with a JSON document.

        Returns the outcome if its exit code is one of the codes and the document has
        the schema. Everything else is a failure with the reason that the program gave.
        """
        outcome = self._run(arguments, data)
        if outcome.code not in codes:
            raise outcome.failed()
        found = outcome.document.get("schema") if isinstance(outcome.document, dict) else None
        if found == schema:
            return outcome
        if outcome.code != 0 and outcome.reason and not outcome.out.strip():
            raise outcome.failed()  # it refused before there was anything to report
        raise Failed(
            "%s answered with something else than the document %s: %s" % (self.path, schema, shortened(outcome.out)),
            rc=outcome.code, cmd=outcome.command, stderr_lines=outcome.notes,
        )

    def _find(self, name):
        if os.path.sep not in name:
            for folder in os.environ.get("PATH", "").split(os.pathsep) + SEARCHED:
                path = os.path.join(folder, name)
                if folder and os.path.isfile(path) and os.access(path, os.X_OK):
                    return path
            raise Missing(
                "the program %s is not on this host (looked in PATH and in %s); install it, for instance with the role "
                "tcpdoctor.tcpdoctor.agent, or say where it is with the option binary" % (name, ", ".join(SEARCHED))
            )
        if not os.path.exists(name):
            raise Missing(
                "the program %s does not exist on this host; install it, for instance with the role "
                "tcpdoctor.tcpdoctor.agent, or say where it is with the option binary" % name
            )
        if not os.path.isfile(name) or not os.access(name, os.X_OK):
            raise Failed("%s is not a program that may be executed" % name)
        return name

    def _check_version(self):
        outcome = self._run(["version", "-o", "json"])
        document = outcome.document
        if outcome.code == 0 and isinstance(document, dict) and document.get("schema") == "tcpdoctor.version/v1":
            version, interface = document.get("version", "unknown"), document.get("interface", 0)
        else:
            # Before the first release that modules can work with there was only text.
            outcome = self._run(["version"])
            found = re.match(r"tcpdoctor (\S+) \(", outcome.out)
            if outcome.code != 0 or not found:
                raise Failed(
                    "%s does not say which version of tcpdoctor it is: %s" % (self.path, shortened(outcome.out or outcome.reason)),
                    rc=outcome.code, cmd=outcome.command, stderr_lines=outcome.notes,
                )
            version, interface = found.group(1), 0
        version = version[1:] if re.match(r"v\d", version) else version
        release = release_of(version)
        if interface < MINIMUM_INTERFACE or release and release < release_of(MINIMUM_VERSION):
            raise Failed(
                "%s is tcpdoctor %s, which is too old: the collection tcpdoctor.tcpdoctor %s needs %s or newer; upgrade it, "
                "for instance with the role tcpdoctor.tcpdoctor.agent" % (self.path, version, COLLECTION_VERSION, MINIMUM_VERSION),
                version=version, minimum_version=MINIMUM_VERSION,
            )
        return version, interface

    def _run(self, arguments, data=None):
        command = [self.path] + arguments
        patience = Patience(self.module.params["timeout"])
        try:
            code, out, err = self.module.run_command(
                command, data=data, environ_update=ENVIRONMENT, expand_user_and_vars=False, handle_exceptions=False,
                errors="surrogate_or_replace", before_communicate_callback=patience.watch,
            )
        except (IOError, OSError) as e:
            patience.end()
            if patience.over:
                raise self._too_slow(command)
            raise Failed("%s cannot be run: %s" % (self.path, to_native(e)), cmd=command)
        patience.end()
        if patience.over:
            raise self._too_slow(command)
        return Outcome(command, code, out, err)

    def _too_slow(self, command):
        seconds = self.module.params["timeout"]
        return Failed("%s was ended because it did not finish within %d s (option timeout)" % (self.path, seconds), cmd=command)


class Patience(object):
    """Ends a process that takes too long: first politely, so that it can undo what it is doing."""

    def __init__(self, seconds):
        self.over = False
        self.seconds = seconds
        self.timers = []

    def watch(self, process):
        """Begins to wait for the process."""

        def give_up():
            self.over = True
            process.terminate()

        for seconds, action in ((self.seconds, give_up), (self.seconds + GRACE_SECONDS, process.kill)):
            timer = threading.Timer(seconds, action)
            timer.daemon = True
            timer.start()
            self.timers.append(timer)

    def end(self):
        """Stops to wait."""
        for timer in self.timers:
            timer.cancel()


def read_document(text):
    """The JSON document in a text; None where there is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def release_of(version):
    """The numbers of a release such as 1.2.3 for comparison; None for any other build."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)(-rc\.?\d+)?$", version)
    return tuple(int(n) for n in found.groups()[:3]) if found else None


def strip_name(line):
    """A message without the name of the program in front."""
    prefix = "tcpdoctor: "
    return line[len(prefix):] if line.startswith(prefix) else line


def shortened(text):
    """The beginning of a text in one line, for a message."""
    text = " ".join(text.split())
    if not text:
        return "nothing"
    return text if len(text) <= 200 else text[:200] + "..."
