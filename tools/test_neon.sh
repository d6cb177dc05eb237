#!/bin/bash
#
# test_neon.sh - builds the ARM kernels and runs their test under emulation.
#
#   tools/test_neon.sh [BUILD_DIR]
#
# The same program as on x86-64 (core/simd/simd_test.c), so its report is TAP.
# Installs nothing: without Debian's cross compiler or qemu, and on ARM itself,
# where the ordinary test runs these kernels, it skips with status 0, as TAP has it.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-${OMENDB_TEST_BUILD:-$source/build}}/meson-aarch64

skip()
{
	echo "1..0 # SKIP $1"
	exit 0
}

if [[ $(uname -m) == aarch64 ]]
then
	skip "the ordinary test runs the ARM kernels here"
fi
for program in meson ninja aarch64-linux-gnu-gcc qemu-aarch64
do
	if [[ -z $(type -P "$program") ]]
	then
		skip "there is no $program (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)"
	fi
done

if [[ ! -f $build/build.ninja ]]
then
	meson setup "$build" "$source" --cross-file "$source/tools/cross_aarch64.ini" \
		-Dserver=false -Dtests=disabled >&2
fi
ninja -C "$build" -j "${JOBS:-$(nproc)}" core/test_simd >&2
exec qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/core/test_simd"
