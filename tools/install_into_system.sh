#!/bin/bash
#
# install_into_system.sh - the extension into a PostgreSQL of the system, and
# the omendb command beside it.
#
#   tools/install_into_system.sh BUILD_DIR PG_CONFIG PREFIX REPLACE
#
# PG_CONFIG ("" for the one in PATH) says which PostgreSQL.  The command goes to
# PREFIX/bin; without PREFIX only the extension is installed.  DESTDIR is
# honoured.  Another vendor's extension that is called "vector" too is left
# alone unless REPLACE is 1: then its library gives way to ours under its name,
# which databases that have the other go on with until they are updated.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: install_into_system.sh BUILD_DIR PG_CONFIG PREFIX REPLACE}
pg_config=${2:-}
prefix=${3:-}
replace=${4:-}
source=$(cd "$(dirname "$0")/.." && pwd)

fail()
{
	printf 'omendb: %s\n' "$@" >&2
	exit 1
}

if [[ -z $pg_config ]]
then
	pg_config=/usr/lib/postgresql/${PG_VERSION:-15}/bin/pg_config
	if [[ ! -x $pg_config ]]
	then
		pg_config=$(command -v pg_config) ||
			fail "which PostgreSQL?  Say: make install PG_CONFIG=/path/to/pg_config"
	fi
fi
if [[ ! -x $pg_config ]]
then
	fail "$pg_config is no program.  Say: make install PG_CONFIG=/path/to/pg_config"
fi

share=${DESTDIR:-}$("$pg_config" --sharedir)
library=${DESTDIR:-}$("$pg_config" --pkglibdir)
control=$share/extension/vector.control

# The library's name is ours alone, so it tells whose control file that is.
if [[ -f $control ]] && ! grep -q omendb_vector "$control" && [[ $replace != 1 ]]
then
	fail "$control belongs to another extension called \"vector\" (pgvector, most likely)." \
		"To install OmenDB's over it, say: make install PG_CONFIG=$pg_config REPLACE=1" \
		"Databases that have the other one go on, and become OmenDB's by ALTER EXTENSION vector UPDATE (docs/upgrades.md)."
fi
for folder in "$share" "$library"
do
	target=$folder
	while [[ ! -e $target ]]
	do
		target=$(dirname "$target")
	done
	if [[ ! -w $target ]]
	then
		fail "you may not write to $target.  As root: make install PG_CONFIG=$pg_config"
	fi
done

# Objects of their own: this PostgreSQL may be of another major version than
# the one that make builds for.
objects=$build/pg-$("$pg_config" --version | tr -cs 'A-Za-z0-9.\n' '_')
"$source/tools/build_extension.sh" "$objects" "$build/meson/core/libomen_core.a" "$pg_config"
"$source/tools/build_extension.sh" "$objects" "$build/meson/core/libomen_core.a" "$pg_config" \
	install DESTDIR="${DESTDIR:-}"
echo "Installed the extension into $share/extension and $library."
echo "In a database, as a superuser: CREATE EXTENSION vector;"

if [[ -n $prefix ]]
then
	if [[ ! -x $build/bin/omendb ]]
	then
		fail "there is no omendb in $build/bin."
	fi
	install -D -m 755 "$build/bin/omendb" "${DESTDIR:-}$prefix/bin/omendb"
	echo "Installed ${DESTDIR:-}$prefix/bin/omendb."
fi
