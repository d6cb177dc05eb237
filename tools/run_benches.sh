#!/bin/bash
#
# run_benches.sh - runs the micro-benchmarks.
#
#   tools/run_benches.sh BUILD_DIR [PATTERN]
#
# Those beside the code (core_benches in core/meson.build).  Figures of a busy
# machine mean nothing: the load is printed first.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: run_benches.sh BUILD_DIR [PATTERN]}
pattern=${2:-}
source=$(cd "$(dirname "$0")/.." && pwd)

mapfile -t programs < <(cd "$source" && find core -name '*_bench.c' | sort)
if ((${#programs[@]} > 0))
then
	ninja -C "$build/meson" -j "${JOBS:-$(nproc)}" benches
fi
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u), $(nproc) processors," \
	"load $(cut -d' ' -f1 /proc/loadavg)"

for path in "${programs[@]}"
do
	name=$(basename "$path" .c)
	program=$(find "$build/meson" -type f -name "$name" -perm -u+x)
	if [[ -z $program ]]
	then
		echo "omendb: $path is not in core_benches (core/meson.build)." >&2
		exit 1
	fi
	if [[ $path =~ $pattern ]]
	then
		printf '\n%s\n' "$path"
		"$program"
	fi
done
