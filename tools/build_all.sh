#!/bin/bash
#
# build_all.sh - core, server and cli by meson, then the extension by PGXS.
#
#   tools/build_all.sh BUILD_DIR
#
# Leaves build/bin/omendb, and the extension inside the private PostgreSQL tree.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: build_all.sh BUILD_DIR}
source=$(cd "$(dirname "$0")/.." && pwd)
jobs=${JOBS:-$(nproc)}
pg_config=$build/lib/postgresql/${PG_VERSION:-15}/bin/pg_config

"$source/tools/private_tree.sh" "$build"

if [[ ! -f $build/meson/build.ninja ]]
then
	# A setup that was interrupted leaves a folder that meson takes for a whole one.
	rm -rf "$build/meson"
	meson setup "$build/meson" "$source" --buildtype=release
fi
if [[ $(ninja -C "$build/meson" -n) != *"no work to do."* ]]
then
	ninja -C "$build/meson" -j "$jobs"
fi

mkdir -p "$build/bin"
if [[ -x $build/meson/cli/omendb ]] && ! cmp -s "$build/meson/cli/omendb" "$build/bin/omendb"
then
	# A running omendb keeps its old file.
	cp "$build/meson/cli/omendb" "$build/bin/omendb.new"
	mv "$build/bin/omendb.new" "$build/bin/omendb"
fi

"$source/tools/build_extension.sh" "$build/pg" "$build/meson/core/libomen_core.a" "$pg_config"
"$source/tools/build_extension.sh" "$build/pg" "$build/meson/core/libomen_core.a" "$pg_config" install
