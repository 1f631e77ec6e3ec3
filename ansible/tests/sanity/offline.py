"""Runs ansible-test with the Python packages of the system instead of pinned ones from an index.

ansible-test makes a virtual environment for each sanity test and installs pinned
packages into it. Here these environments see the packages of the system, and nothing
is installed, so that it runs without an index, and fast. The tests named import stay
in an empty environment: a module may import nothing but itself and ansible-core.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import functools
import os
import sys

import _yaml
import yaml

from ansible_test import _internal
from ansible_test._internal.commands import sanity


def create_environment(original, args, python, path, *rest, **options):
    """Makes a virtual environment as ansible-test does, but one that sees the packages of the system."""
    if "/sanity.import/" not in path:
        options["system_site_packages"] = True
        return original(args, python, path, *rest, **options)
    made = original(args, python, path, *rest, **options)
    packages = os.path.join(path, "lib", "python" + python.version, "site-packages")
    for package in (yaml, _yaml):
        source = os.path.dirname(os.path.abspath(package.__file__))
        os.symlink(source, os.path.join(packages, os.path.basename(source)))
    return made


def install_nothing(args, python, commands, connection):
    """Takes the place of pip."""


def main():
    for name in ("create_virtual_environment", "run_pip", "create_sanity_virtualenv"):
        if not hasattr(sanity, name):
            sys.exit("this ansible-test is built otherwise: it has no %s; run ansible-test sanity itself" % name)
    sanity.create_virtual_environment = functools.partial(create_environment, sanity.create_virtual_environment)
    sanity.run_pip = install_nothing
    return _internal.main(sys.argv)


if __name__ == "__main__":
    main()
