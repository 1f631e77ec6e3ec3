#!/usr/bin/env bash
# Checks the collection as a reviewer would: ansible-test sanity, ansible-doc,
# ansible-lint, and that it builds and installs, also from git.
#
# Needs these Debian packages (of other systems, the programs of the same names):
#   ansible-core ansible-lint yamllint pylint python3-pycodestyle python3-voluptuous python3-yaml python3-venv shellcheck git
# No index of Python packages is asked for anything.
#
# Of ansible-test's sanity tests, what has nothing to look at here does nothing: pslint
# (there is no PowerShell), changelog (there are no fragments). compile and import run
# on the one Python that the system has.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
collection=$(dirname "$here")
python=/usr/bin/python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
export ANSIBLE_COLLECTIONS_PATH=$work ANSIBLE_LOCAL_TEMP=$work/tmp ANSIBLE_HOME=$work/home/.ansible
unset ANSIBLE_CONFIG PYTHONPATH
mkdir -p "$HOME"

step() { echo "== ansible: $1 (after $SECONDS s)"; }

# ansible-test wants the folders that an installed collection has.
tree=$work/ansible_collections/tcpdoctor/tcpdoctor
mkdir -p "$tree"
(cd "$collection" && git ls-files -co --exclude-standard -z . | while IFS= read -r -d '' file; do
	if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf -) | tar -C "$tree" -xf -

step "ansible-test sanity"
cd "$tree"
# Without git around, ansible-test takes all files.
"$python" "$here/sanity/offline.py" sanity --python "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" 2>&1 |
	tee "$work/sanity.txt" | { grep -vE '^WARNING: (Using locale|Reviewing)|^Running sanity test' || true; }
echo "$(grep -c '^Running sanity test' "$work/sanity.txt") tests ran"
for name in validate-modules compile import yamllint pep8 ansible-doc action-plugin-docs; do
	grep -q "^Running sanity test \"$name\"" "$work/sanity.txt" || { echo "the test $name did not run" >&2; exit 1; }
done

step "ansible-doc"
cd "$work"
for module in "$tree"/plugins/modules/*.py; do
	name=tcpdoctor.tcpdoctor.$(basename "$module" .py)
	ansible-doc -t module "$name" >"$work/doc.txt"
	for part in OPTIONS ATTRIBUTES EXAMPLES 'RETURN VALUES'; do
		grep -q "^$part" "$work/doc.txt" || { echo "ansible-doc $name: no $part" >&2; exit 1; }
	done
done
for role in "$tree"/roles/*/; do
	[ -e "$role/meta/argument_specs.yml" ] || continue
	ansible-doc -t role "tcpdoctor.tcpdoctor.$(basename "$role")" | grep -q '^OPTIONS' || { echo "ansible-doc: $role has no options" >&2; exit 1; }
done

step "ansible-lint, profile production"
cd "$tree"
ansible-lint --offline --profile production --strict -q

step "build and install"
cd "$work"
ansible-galaxy collection install "$collection" -p "$work/folder" >"$work/install.txt" 2>&1 || { cat "$work/install.txt" >&2; exit 1; }
[ -e "$work/folder/ansible_collections/tcpdoctor/tcpdoctor/plugins/modules/profile.py" ]
top=$(git -C "$collection" rev-parse --show-toplevel)
ansible-galaxy collection install "git+file://$top#/$(realpath --relative-to "$top" "$collection")/" -p "$work/git" >"$work/install.txt" 2>&1 ||
	{ cat "$work/install.txt" >&2; exit 1; }
[ -e "$work/git/ansible_collections/tcpdoctor/tcpdoctor/plugins/modules/profile.py" ]
echo "ansible: all well after $SECONDS s"
