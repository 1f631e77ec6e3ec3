# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""What the tests have in common."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import os
import pathlib
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import fleet as fleets  # noqa: E402
import playbook  # noqa: E402

COLLECTION = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def work():
    """The folder that the driver removes."""
    return pathlib.Path(os.environ["WORK"])


@pytest.fixture(scope="session")
def ansible(work):
    """The programs of ansible-core, with the collection installed as users do."""
    collections = work / "collections"
    a = playbook.Ansible(work / "ansible", collections)
    built = a.program("ansible-galaxy", "collection", "install", "--no-deps", "-p", collections, COLLECTION)
    assert built.returncode == 0, built.stdout + built.stderr
    return a


@pytest.fixture(scope="session")
def fleet(work):
    """The network of the hosts."""
    f = fleets.Fleet(work / "fleet", os.environ["TCPDOCTOR_BINARY"])
    yield f
    f.stop()


@pytest.fixture(scope="session")
def three(fleet):
    """Three hosts."""
    return fleet.add("web1", "web2", "web3")
