#!/bin/bash
#
# run_fuzzers.sh - runs every fuzz target for a while.
#
#   tools/run_fuzzers.sh FUZZ_DIR SECONDS [PATTERN]
#
# Every *_fuzz.c of the tree, built by clang with libFuzzer, ASan and UBSan.
# What a target has learned stays in FUZZ_DIR/corpus/TARGET and is where the
# next run begins; input that breaks it is left in FUZZ_DIR/found/TARGET, and
# the exit status is 1.  To run such an input again: give its path to the target.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

fuzz=${1:?usage: run_fuzzers.sh FUZZ_DIR SECONDS [PATTERN]}
duration_s=${2:?usage: run_fuzzers.sh FUZZ_DIR SECONDS [PATTERN]}
pattern=${3:-}
source=$(cd "$(dirname "$0")/.." && pwd)

if [[ ! $duration_s =~ ^[1-9][0-9]*$ ]]
then
	echo "omendb: SECONDS must be a whole number above zero, not \"$duration_s\"." >&2
	exit 2
fi

mapfile -t targets < <(cd "$source" && find core server pg -name '*_fuzz.c' 2>/dev/null | sort)
if ((${#targets[@]} == 0))
then
	echo "omendb: there is no *_fuzz.c in this tree." >&2
	exit 1
fi

if [[ ! -f $fuzz/meson/build.ninja ]]
then
	CC=clang-14 meson setup "$fuzz/meson" "$source" --buildtype=debugoptimized -Dfuzz=true \
		-Dtests=disabled -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
fi
ninja -C "$fuzz/meson" -j "${JOBS:-$(nproc)}"

# Waits for a process, and says every ten seconds that it still runs.
watch()
{
	local pid=$1 name=$2 second=0

	while kill -0 "$pid" 2>/dev/null
	do
		sleep 1
		if ((++second % 10 == 0))
		then
			echo "      $name: $second of $duration_s s"
		fi
	done
	wait "$pid"
}

failed=()
for target in "${targets[@]}"
do
	name=$(basename "$target" .c)
	if [[ ! $target =~ $pattern ]]
	then
		continue
	fi
	program=$(find "$fuzz/meson" -type f -name "$name" -perm -u+x)
	if [[ -z $program ]]
	then
		echo "FAIL  $target is in no list of fuzzers (core_fuzzers, server_fuzzers in meson.build)"
		failed+=("$name")
		continue
	fi
	mkdir -p "$fuzz/corpus/$name" "$fuzz/found/$name"
	seeds=()
	if [[ -d $source/${target%.c}_seeds ]]
	then
		seeds=("$source/${target%.c}_seeds")
	fi
	log=$fuzz/$name.log
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$program" \
		-max_total_time="$duration_s" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$fuzz/found/$name/" "$fuzz/corpus/$name" "${seeds[@]}" >"$log" 2>&1 &
	status=0
	watch $! "$name" || status=$?
	if ((status == 0))
	then
		echo "ok    $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
	else
		echo "FAIL  $name: see $log; the input lies in $fuzz/found/$name"
		failed+=("$name")
	fi
done

if ((${#failed[@]} > 0))
then
	echo "Failed: ${failed[*]}"
	exit 1
fi
