#!/bin/bash
#
# test_in_debian.sh - tests the extension on a PostgreSQL of another Debian.
#
#   tools/test_in_debian.sh BUILD_DIR PG_VERSION [PATTERN]
#
# In the Debian that has this PostgreSQL, BUILD_DIR/debian-SUITE (debian_root.sh),
# everything is built, where a warning is a failure, and the tests are run:
# by default those of SQL, of concurrency and of crashes, the adoption of what
# Debian's pgvector has made, and pg_upgrade from the PostgreSQL of BUILD_DIR.
# Ends as tests/run does; skips with the reason where no Debian can be made.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

suite_of()
{
	case $1 in
		17) echo trixie ;;
		18) echo forky ;;
		*)
			echo "omendb: no Debian is known for PostgreSQL $1." >&2
			return 1
			;;
	esac
}

outside()
{
	local build=$1 version=$2 pattern=${3:-'^(regress|isolation|pg/|tests/(adopt|upgrade)/)'}
	local older=${PG_VERSION:-15} suite root part status=0

	suite=$(suite_of "$version")
	root=$build/debian-$suite
	if ((EUID == 0)) && [[ ! -d $root ]]
	then
		"$here/install_packages.sh" debian || true	# debian_root.sh says what is missing
	fi
	"$here/debian_root.sh" "$root" "$suite" true || status=$?
	if ((status == 77))
	then
		echo "omendb: PostgreSQL $version was not tested."
		echo "0 passed, 0 failed, 1 skipped"
		return
	fi
	((status == 0)) || return "$status"

	# What is upgraded: the PostgreSQL that make builds for, with the extension in it.
	for part in lib share
	do
		mkdir -p "$root/omendb/build/$part/postgresql"
		rm -rf "$root/omendb/build/$part/postgresql/$older"
		cp -a "$build/$part/postgresql/$older" "$root/omendb/build/$part/postgresql"
	done
	"$here/debian_root.sh" "$root" "$suite" env DEPS= PG_VERSION="$version" JOBS="${JOBS:-$(nproc)}" \
		RUN_TORTURE="${RUN_TORTURE:-}" /omendb/source/tools/test_in_debian.sh --inside \
		"$older" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$suite" "$pattern"
}

inside()
{
	local older=$1 older_suite=$2 suite=$3 pattern=$4 build=/omendb/build

	# The older server's libraries are those of its own Debian, where this one has no such.
	sed "s/ $suite/ $older_suite/" /etc/apt/sources.list >/etc/apt/sources.list.d/older.list
	printf 'Package: *\nPin: release n=%s*\nPin-Priority: 100\n' "$older_suite" >/etc/apt/preferences.d/older
	"$here/install_packages.sh" build test adopt
	PG_VERSION=$older "$here/install_packages.sh" upgrade

	"$here/build_all.sh" "$build" 2>&1 | tee "$build/build.log"
	if grep -A 3 'warning: ' "$build/build.log"
	then
		echo "0 passed, 1 failed, 0 skipped"
		return 1
	fi
	"$here/../tests/run" "$build" "$pattern"
}

if [[ ${1:-} == --inside ]]
then
	shift
	inside "$@"
else
	outside "$@"
fi
