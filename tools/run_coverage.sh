#!/bin/bash
#
# run_coverage.sh - line coverage of core/ and pg/ by the whole test suite.
#
#   tools/run_coverage.sh BUILD_DIR
#
# Builds everything once more with gcc's counters, in a tree of its own, runs
# every test on it and adds up with gcovr.  The counters are files that every
# process adds to as it exits, at paths fixed at compile time; when root runs
# this, the database's user must be able to write there, so that tree lies in
# /var/tmp.  Server processes that a test kills leave no counts.
#
# The report is BUILD_DIR/coverage/index.html; the totals are printed.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: run_coverage.sh BUILD_DIR}
source=$(cd "$(dirname "$0")/.." && pwd)
version=${PG_VERSION:-15}
report=$build/coverage
tree=$report/tree

rm -rf "$report"
mkdir -p "$report"
umask 000
if ((EUID == 0))
then
	tree=$(mktemp -d /var/tmp/omendb-coverage.XXXXXX)
	chmod 777 "$tree"
	trap 'rm -rf "$tree"' EXIT
fi

"$source/tools/private_tree.sh" "$tree"
meson setup "$tree/meson" "$source" --buildtype=debugoptimized -Db_coverage=true -Dtests=enabled >/dev/null
ninja -C "$tree/meson" -j "${JOBS:-$(nproc)}" | sed -u -n '$p;0~10p'
mkdir -p "$tree/bin"
cp "$tree/meson/cli/omendb" "$tree/bin/omendb"
for target in all install
do
	"$source/tools/build_extension.sh" "$tree/pg" "$tree/meson/core/libomen_core.a" \
		"$tree/lib/postgresql/$version/bin/pg_config" $target PROFILE="--coverage -O1"
done

# PostgreSQL creates files for its own user alone; counters that are there
# already can be added to by all.
find "$tree" -name '*.gcno' | sed 's/gcno$/gcda/' | xargs touch
chmod -R a+rwX "$tree"
status=0
OMENDB_TEST_COVERAGE=1 OMENDB_TEST_LOGS=$report/test "$source/tests/run" "$tree" || status=$?

find "$tree" -name '*.gcda' -empty -delete

# gcovr finds sources by where it stands.  The extension was compiled through
# links in $tree/pg, so its names are taken relative to $tree, where they read
# pg/type/x.c as they do in the source tree, and the two lists fit together.
common=(-j "${JOBS:-$(nproc)}" --exclude '.*_(test|fuzz|bench)\.c$')
cd "$tree/pg"
gcovr --root "$tree" "${common[@]}" --exclude '.*/include/.*' --json "$report/pg.json" .
cd "$source"
gcovr --root "$source" "${common[@]}" --json "$report/meson.json" \
	"$tree/meson/core" "$tree/meson/server" "$tree/meson/cli"
both=(--root "$source" --add-tracefile "$report/meson.json" --add-tracefile "$report/pg.json")
gcovr "${both[@]}" --html-details "$report/index.html" --html-title "OmenDB" >/dev/null
echo
echo "The report: $report/index.html"
for part in core pg server cli
do
	printf '%-8s' "$part"
	gcovr "${both[@]}" --filter "$part/" --print-summary |
		sed -n 's/^lines: //p'
done
exit $status
