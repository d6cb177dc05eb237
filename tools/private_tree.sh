#!/bin/bash
#
# private_tree.sh - a private copy of the system's PostgreSQL.
#
#   tools/private_tree.sh BUILD_DIR [PG_CONFIG]
#
# PostgreSQL finds its share and library folders relative to its own binary, so
# a copy of lib/postgresql/N and share/postgresql/N under another prefix is a
# PostgreSQL of its own: our extension goes into the copy, and whatever is
# installed in the system's (a pgvector, say) is neither used nor touched.
# pg_config of the copy speaks of the copy too; headers are the system's, by a
# link.
#
# The copy is made anew only when the system's PostgreSQL has changed.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: private_tree.sh BUILD_DIR [PG_CONFIG]}
version=${PG_VERSION:-15}
pg_config=${2:-/usr/lib/postgresql/$version/bin/pg_config}

fail()
{
	printf 'omendb: %s\n' "$@" >&2
	exit 1
}

# On Debian the pg_config in PATH may be a script that speaks for another
# version; the one beside the server is what counts.
if [[ ! -x $pg_config ]]
then
	fail "there is no PostgreSQL $version here ($pg_config is missing)." "Run: make deps"
fi
bin=$("$pg_config" --bindir)
share=$("$pg_config" --sharedir)
include=$("$pg_config" --includedir)
root=${bin%/bin}
version=${root##*/}
if [[ $root != */lib/postgresql/"$version" || $share != */share/postgresql/"$version" ]]
then
	fail "the private copy follows Debian's layout of PostgreSQL," \
		"and $bin with $share is another one."
fi
if [[ ! -x $bin/postgres ]]
then
	fail "$bin holds no server.  Run: make deps"
fi

stamp=$build/lib/postgresql/$version/.copied_from
now="$("$pg_config" --version) $(stat -c '%n %s %Y' "$bin/postgres")"
if [[ -f $stamp && $(<"$stamp") == "$now" ]]
then
	exit 0
fi

echo "Copying $("$pg_config" --version) into ${build#"$PWD"/}"
mkdir -p "$build/lib/postgresql" "$build/share/postgresql" "$build/include"
copy()
{
	local from=$1 to=$2
	rm -rf "$to.new"
	cp -R --preserve=mode,timestamps,links --reflink=auto "$from" "$to.new"
}
copy "$root" "$build/lib/postgresql/$version"
copy "$share" "$build/share/postgresql/$version"

# A pgvector of the system's must not leave half of itself in our copy.
rm -rf "$build/share/postgresql/$version.new/extension"/vector{.control,--*.sql} \
	"$build/lib/postgresql/$version.new/lib"/{vector.so,bitcode/vector,bitcode/vector.index.bc}

for part in share lib
do
	rm -rf "$build/$part/postgresql/$version"
	mv "$build/$part/postgresql/$version.new" "$build/$part/postgresql/$version"
done
ln -sfn "$include" "$build/include/postgresql"

# Trust nothing: the whole design rests on the copy speaking for itself.
found=$("$build/lib/postgresql/$version/bin/pg_config" --sharedir)
if [[ $found != "$build/share/postgresql/$version" ]]
then
	fail "the copy of pg_config names $found as its share folder," \
		"where $build/share/postgresql/$version was expected."
fi
echo "$now" >"$stamp"
