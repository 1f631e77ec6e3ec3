# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The role, on hosts of both families; one of them is run by systemd."""
from __future__ import absolute_import, annotations, division, print_function

__metaclass__ = type

import hashlib
import http.server
import os
import pathlib
import shutil
import threading

import fleet as fleets
import pytest
from playbook import tasks

UNIT = "/etc/systemd/system/tcpdoctor.service"
PLACES = ("/etc/tcpdoctor", "/etc/systemd/system", "/usr/local/bin", "/var/cache/tcpdoctor", "/var/lib/tcpdoctor",
          "/var/lib/private/tcpdoctor", "/etc/sysctl.d")
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def agent(*more, **variables):
    """Return a playbook that runs the role."""
    return tasks({"name": "Role", "ansible.builtin.include_role": {"name": "tcpdoctor.tcpdoctor.agent"}, "vars": variables}, *more)


def everything(host):
    """Return all files that the role could touch."""
    return host.files(*PLACES)


def active(host):
    """Say whether the service runs."""
    return host.run("systemctl", "is-active", "tcpdoctor", check=False).stdout.strip() == "active"


def main_pid(host):
    """Return the service's first process."""
    return int(host.run("systemctl", "show", "-P", "MainPID", "tcpdoctor").stdout)


@pytest.fixture(scope="module")
def debian(fleet):
    """A Debian host that systemd runs, without tcpdoctor, but with a journal from before."""
    host, = fleet.add("debian", init="systemd")
    host.run("tcpdoctor", "profile", "apply", "web-server", "--yes", "--window=0")
    host.run("tcpdoctor", "change", "rollback", "latest")
    host.path("/usr/local/bin/tcpdoctor").unlink()
    return host


@pytest.fixture(scope="module")
def redhat(fleet):
    """A host that says it is of the Red Hat family, without tcpdoctor."""
    host, = fleet.add("redhat")
    host.path("/usr/local/bin/tcpdoctor").unlink()
    host.path("/etc/os-release").unlink()
    host.write("/etc/os-release", 'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n')
    host.write("/etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n")
    return host


@pytest.fixture(scope="module")
def binary(fleet):
    """The binary on the controller."""
    return str(fleet.binary)


@pytest.fixture(scope="module")
def newer(fleet, work):
    """Another version of it: the same program in another file."""
    path = work / "newer"
    shutil.copy2(str(fleet.binary), str(path))
    with open(str(path), "ab") as f:
        f.write(b"\n# newer\n")
    return str(path)


def test_the_unit_is_that_of_the_packages():
    """There is one unit, and the role carries it."""
    for name in ("tcpdoctor.service", "tcpdoctor-apply.conf"):
        ours = REPOSITORY / "ansible/roles/agent/files" / name
        assert ours.read_text() == (REPOSITORY / "packaging/systemd" / name).read_text(), name


def test_check_mode_on_new_hosts(ansible, fleet, debian, redhat, binary):
    """A dry run says what would come, and touches nothing."""
    hosts = [debian, redhat]
    before = [everything(h) for h in hosts]
    ran = ansible.play(agent(agent_file=binary, agent_config={"window": "3s"}), fleet.inventory(hosts), "--check").fine()
    assert [everything(h) for h in hosts] == before
    for h in hosts:
        assert ran.one(h.name, "Copy the binary")["changed"]
        assert ran.one(h.name, "Write the settings")["changed"]
        assert ran.one(h.name, "Install the unit")["changed"]


def test_install(ansible, fleet, debian, redhat, binary):
    """It is installed on both families, runs where systemd does, and a second run changes nothing."""
    hosts = [debian, redhat]
    role = agent(agent_file=binary, agent_config={"window": "3s"}, agent_service_options={"MemoryMax": "300M"})
    first = ansible.play(role, fleet.inventory(hosts)).fine()
    for h in hosts:
        assert first.stats(h.name)["changed"] > 0
        assert "ExecStart=/usr/local/bin/tcpdoctor agent" in h.read(UNIT)
        assert "window: 3s" in h.read("/etc/tcpdoctor/tcpdoctor.yaml")
        assert h.run("tcpdoctor", "version").stdout.startswith("tcpdoctor ")
    fleets.until("the agent", lambda: active(debian))
    assert debian.run("systemctl", "is-enabled", "tcpdoctor").stdout.strip() == "enabled"
    assert debian.run("systemctl", "show", "-P", "MemoryMax", "tcpdoctor").stdout.strip() == str(300 << 20)
    assert redhat.run("pgrep", "-x", "tcpdoctor", check=False).returncode == 1
    assert first.one("redhat", "Run the service")["status"] == "skipped"
    second = ansible.play(role, fleet.inventory(hosts)).fine()
    for h in hosts:
        assert second.stats(h.name)["changed"] == 0, second.output
    assert active(debian)


def test_settings_are_checked(ansible, fleet, debian, binary):
    """Settings that the binary refuses do not take the place of those that work; good ones are taken up."""
    place, pid = "/etc/tcpdoctor/tcpdoctor.yaml", main_pid(debian)
    before = debian.read(place)
    bad = ansible.play(agent(agent_file=binary, agent_config={"windov": "3s"}), fleet.inventory([debian]))
    assert bad.code != 0 and "windov" in str(bad) and "did you mean" in str(bad), bad.output
    assert debian.read(place) == before and active(debian)
    good = ansible.play(agent(agent_file=binary, agent_config={"window": "4s"}, agent_config_fragments={"limits": {"min-severity": "warning"}}),
                        fleet.inventory([debian]), "--diff").fine()
    assert "-window: 3s" in good.output and "+window: 4s" in good.output
    assert "min-severity: warning" in debian.read("/etc/tcpdoctor/conf.d/limits.yaml")
    assert active(debian) and main_pid(debian) != pid  # options.conf went too, which takes a restart
    pid = main_pid(debian)
    ansible.play(agent(agent_file=binary, agent_config={"window": "4s"}, agent_config_fragments={"limits": {}}), fleet.inventory([debian])).fine()
    assert debian.read("/etc/tcpdoctor/conf.d/limits.yaml") is None
    assert active(debian) and main_pid(debian) == pid  # reloaded


def test_upgrade(ansible, fleet, debian, newer, work):
    """A newer binary takes the place of the old one and is started; one that does not run here does not."""
    pid = main_pid(debian)
    broken = work / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    refused = ansible.play(agent(agent_file=str(broken), agent_config={"window": "4s"}), fleet.inventory([debian]))
    assert refused.code != 0 and active(debian) and main_pid(debian) == pid, refused.output
    done = ansible.play(agent(agent_file=newer, agent_config={"window": "4s"}), fleet.inventory([debian])).fine()
    assert any("Restart tcpdoctor" in name for name in done.handlers()), done.output
    assert active(debian) and main_pid(debian) != pid
    assert debian.path("/usr/local/bin/tcpdoctor").read_bytes().endswith(b"# newer\n")


def test_url(ansible, fleet, debian, binary, work):
    """The host downloads the binary itself, if the checksum is right."""
    pid = main_pid(debian)
    folder = work / "www"
    folder.mkdir()
    os.link(binary, str(folder / "tcpdoctor"))
    digest = hashlib.sha256(pathlib.Path(binary).read_bytes()).hexdigest()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        """Serves the folder and writes no log."""

        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer((fleets.CONTROLLER, 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        def role(checksum):
            return agent(agent_source="url", agent_url="http://%s:%d/tcpdoctor" % server.server_address, agent_checksum=checksum,
                         agent_config={"window": "4s"})
        wrong = ansible.play(role("sha256:" + "0" * 64), fleet.inventory([debian]))
        assert wrong.code != 0 and "checksum" in wrong.output
        assert main_pid(debian) == pid and active(debian)
        ansible.play(role("sha256:" + digest), fleet.inventory([debian])).fine()
        assert debian.path("/usr/local/bin/tcpdoctor").read_bytes() == pathlib.Path(binary).read_bytes()
        assert main_pid(debian) != pid and active(debian)
        assert ansible.play(role("sha256:" + digest), fleet.inventory([debian])).fine().stats("debian")["changed"] == 0
    finally:
        server.shutdown()


SPEC = """\
Name: tcpdoctor
Version: 0.1.0
Release: 1
Summary: tcpdoctor
License: Apache-2.0
AutoReqProv: no
%description
tcpdoctor
%install
cp -a tree/. %{buildroot}
%files
/usr/bin/tcpdoctor
/usr/lib/systemd/system/tcpdoctor.service
"""


@pytest.fixture(scope="module")
def packages(binary, work):
    """A package of each family, with the binary and its unit."""
    folder = work / "packages"
    for tree in (folder / "deb", folder / "BUILD/tree"):
        (tree / "usr/bin").mkdir(parents=True)
        (tree / "usr/lib/systemd/system").mkdir(parents=True)
        shutil.copy2(binary, str(tree / "usr/bin/tcpdoctor"))
        shutil.copy2(str(REPOSITORY / "packaging/systemd/tcpdoctor.service"), str(tree / "usr/lib/systemd/system/tcpdoctor.service"))
    (folder / "deb/DEBIAN").mkdir()
    (folder / "deb/DEBIAN/control").write_text(
        "Package: tcpdoctor\nVersion: 0.1.0\nArchitecture: all\nMaintainer: tcpdoctor authors <tcpdoctor@example.net>\nDescription: tcpdoctor\n")
    (folder / "tcpdoctor.spec").write_text(SPEC)
    fleets.run("dpkg-deb", "-Znone", "--build", folder / "deb", folder / "tcpdoctor.deb")
    fleets.run("rpmbuild", "-bb", "--quiet", "--define", "_topdir %s" % folder, "--define", "_build_id_links none", "--define", "__strip /bin/true",
               "--define", "_binary_payload w0.gzdio", "--define", "_rpmfilename tcpdoctor.rpm", folder / "tcpdoctor.spec")
    return {"debian": str(folder / "tcpdoctor.deb"), "redhat": str(folder / "RPMS/tcpdoctor.rpm")}


def test_removal(ansible, fleet, debian, redhat):
    """Removal keeps configuration and journal; a purge puts the parameters back and leaves nothing."""
    hosts = [debian, redhat]
    was = [h.sysctls() for h in hosts]
    for h in hosts:
        h.run("tcpdoctor", "profile", "apply", "web-server", "--yes", "--window=0")
    assert [h.sysctls() for h in hosts] != was
    ansible.play(agent(agent_state="absent"), fleet.inventory([redhat])).fine()
    assert redhat.read("/usr/local/bin/tcpdoctor") is None and redhat.read(UNIT) is None
    assert redhat.read("/etc/tcpdoctor/tcpdoctor.yaml") and redhat.read("/etc/sysctl.d/90-tcpdoctor.conf")
    checked = ansible.play(agent(agent_state="absent", agent_purge=True), fleet.inventory([debian]), "--check").fine()
    assert checked.stats("debian")["changed"] > 0 and active(debian)
    ansible.play(agent(agent_state="absent", agent_purge=True), fleet.inventory([debian])).fine()
    assert debian.sysctls() == was[0]
    for place in ("/etc/tcpdoctor", "/usr/local/bin/tcpdoctor", UNIT, UNIT + ".d", "/var/lib/tcpdoctor", "/var/lib/private/tcpdoctor",
                  "/etc/sysctl.d/90-tcpdoctor.conf", "/etc/systemd/system/multi-user.target.wants/tcpdoctor.service"):
        assert not os.path.lexists(str(debian.path(place))), place
    assert "tcpdoctor" not in debian.run("systemctl", "list-units", "--all", "--no-legend").stdout
    again = ansible.play(agent(agent_state="absent", agent_purge=True), fleet.inventory([debian])).fine()
    assert again.stats("debian")["changed"] == 0, again.output


def test_package(ansible, fleet, debian, redhat, packages):
    """The family's package is installed with its own unit, and removed again."""
    hosts = [debian, redhat]
    inventory = fleet.inventory(hosts, **{name: {"file": path} for name, path in packages.items()})
    variables = {"agent_source": "package", "agent_package_file": "{{ file }}", "agent_package_unsigned": True, "agent_config": {"window": "4s"}}
    redhat.write("/usr/local/bin/tcpdoctor", "an older one\n")
    ansible.play(agent(**variables), inventory).fine()
    for h in hosts:
        assert h.read("/usr/local/bin/tcpdoctor") is None
        assert h.run("/usr/bin/tcpdoctor", "version").stdout.startswith("tcpdoctor ")
        assert h.read(UNIT) is None
    assert "/usr/bin/tcpdoctor agent" in debian.run("systemctl", "show", "-P", "ExecStart", "tcpdoctor").stdout and active(debian)
    again = ansible.play(agent(**variables), inventory).fine()
    assert all(again.stats(h.name)["changed"] == 0 for h in hosts), again.output
    variables["agent_package_file"] = packages["debian"]
    wrong = ansible.play(agent(**variables), fleet.inventory([redhat]))
    assert wrong.code != 0 and "take .rpm" in wrong.output
    ansible.play(agent(agent_source="package", agent_state="absent"), inventory).fine()
    for h in hosts:
        assert h.read("/usr/bin/tcpdoctor") is None
    assert not active(debian)
