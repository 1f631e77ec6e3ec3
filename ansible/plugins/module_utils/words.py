# Copyright The tcpdoctor Authors
# SPDX-License-Identifier: Apache-2.0

"""Translates options into arguments of the program, and its documents into results."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible.module_utils.common.text.converters import to_native

KEY_FIELDS = ("key", "runtime", "persisted", "desired", "source", "action")


def override_arguments(overrides):
    """The flags for values in place of those that profiles want."""
    out = []
    for key in sorted(overrides or {}):
        value = overrides[key]
        if isinstance(value, dict):  # elements of a vector
            for field in sorted(value):
                out += ["--set", "%s[%s]=%s" % (key, field, setting(value[field], key))]
        else:
            out += ["--set", "%s=%s" % (key, setting(value, key))]
    return out


def setting(value, key):
    """The value of a parameter as the kernel writes it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (list, tuple)):
        return " ".join(setting(v, key) for v in value)
    if value is None:
        raise ValueError("%s has no value" % key)
    return to_native(value if isinstance(value, (bytes, type(u""))) else str(value))


def input_arguments(inputs):
    """The flags for what profiles need to know."""
    out = []
    for name in sorted(inputs or {}):
        value = inputs[name]
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, (list, tuple)):
            value = ",".join(str(v) for v in value)
        elif value is None:
            raise ValueError("%s has no value" % name)
        out += ["--input", "%s=%s" % (name, to_native(value if isinstance(value, (bytes, type(u""))) else str(value)))]
    return out


def rows(document):
    """The parameters of a plan, with every field that scripts rely on."""
    out = []
    for row in document.get("keys") or []:
        row = dict(row)
        for field in KEY_FIELDS:
            row.setdefault(field, None)
        out.append(row)
    return out


def plan_diff(document):
    """What a plan changes: running values, then the file for the next boot."""
    if not document.get("changed"):
        return []
    written = [row for row in rows(document) if row["action"] == "change"]
    out = []
    if written:
        out.append(settings_diff(
            "running values", [(row["key"], row["runtime"], row["desired"]) for row in written]))
    changed_file = document.get("file") or {}
    if changed_file.get("before") != changed_file.get("after"):
        out.append(file_diff(changed_file["path"], changed_file.get("before"), changed_file.get("after")))
    return out


def settings_diff(header, values):
    """The difference of some parameters: triples of name, value before, value after."""
    return dict(
        before_header=header, after_header=header,
        before="".join("%s = %s\n" % (key, before) for key, before, after in values if before is not None),
        after="".join("%s = %s\n" % (key, after) for key, before, after in values if after is not None),
    )


def file_diff(path, before, after):
    """The difference of a file; None stands for no file."""
    return dict(before_header=path, after_header=path, before=before or "", after=after or "")


def present(document, *names):
    """The fields of a document that are there."""
    return dict((name, document[name]) for name in names if document.get(name) is not None)
