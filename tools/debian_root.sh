#!/bin/bash
#
# debian_root.sh - runs a command in another release of Debian.
#
#   tools/debian_root.sh ROOT_DIR SUITE COMMAND [ARGUMENT...]
#
# ROOT_DIR becomes a minimal Debian SUITE, made by debootstrap the first time;
# COMMAND is run in it by chroot, as root, with this source tree at
# /omendb/source (to be read only).  What it writes stays in ROOT_DIR, and
# whatever it started ends with it.  Needs root rights; exits with 77 when the
# Debian cannot be made.
#
# Mounts are made in a mount namespace of their own, which goes with the last
# process in it: none is ever seen, or left, outside.
#
# The mirrors are those of this machine's apt, or OMENDB_DEBIAN_MIRROR and
# OMENDB_DEBIAN_SECURITY_MIRROR.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
umask 022

root=${1:?usage: debian_root.sh ROOT_DIR SUITE COMMAND [ARGUMENT...]}
suite=${2:?usage: debian_root.sh ROOT_DIR SUITE COMMAND [ARGUMENT...]}
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)
unmade=77

fail()
{
	printf 'omendb: %s\n' "$@" >&2
	exit $unmade
}

# The first that apt has under this label.
mirror()
{
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | sed -n 1p
}

make_root()
{
	local uri security script log=$root.log
	local -a scripts=()

	command -v debootstrap >/dev/null || fail "there is no debootstrap (a Debian package)."
	uri=${OMENDB_DEBIAN_MIRROR:-$(mirror Debian)}
	security=${OMENDB_DEBIAN_SECURITY_MIRROR:-$(mirror Debian-Security)}
	[[ -n $uri ]] ||
		fail "apt knows no mirror of Debian.  Run apt-get update, or name one in OMENDB_DEBIAN_MIRROR."
	# All newer releases are made as "sid" is; older debootstraps know only those of their time.
	script=/usr/share/debootstrap/scripts/$suite
	[[ -e $script ]] || scripts=("${script%/*}/sid")

	echo "Making a Debian $suite in ${root#"$PWD"/} (once; some minutes)."
	rm -rf "$root.new"
	# It mounts /proc in there.
	unshare --mount --pid --fork --kill-child debootstrap --variant=minbase --include=ca-certificates \
		"$suite" "$root.new" "$uri" "${scripts[@]}" 2>&1 | tee "$log" | awk 'NR % 20 == 1 { print "  " $0; fflush() }' ||
		fail "debootstrap failed; its output is in $log" "$(tail -n 3 "$log")"
	# Servers of two releases understand each other only when both are up to date.
	{
		echo "deb $uri $suite main"
		echo "deb $uri $suite-updates main"
		[[ -z $security ]] || echo "deb $security $suite-security main"
	} >"$root.new/etc/apt/sources.list"
	# Those of a release to come have lists that nobody renews.
	echo 'Acquire::Check-Valid-Until "false";' >"$root.new/etc/apt/apt.conf.d/valid-until"
	chroot "$root.new" bash -ec 'export DEBIAN_FRONTEND=noninteractive; apt-get -q update; apt-get -qy upgrade' >>"$log" 2>&1 ||
		fail "apt-get upgrade failed in there; its output is in $log" "$(tail -n 3 "$log")"
	mkdir -p "$root.new/omendb/source" "$root.new/omendb/build"
	mv "$root.new" "$root"
	rm -f "$log"
}

((EUID == 0)) || fail "making and entering a Debian needs root rights."
root=$(mkdir -p "$(dirname "$root")" && cd "$(dirname "$root")" && pwd)/$(basename "$root")
[[ -d $root ]] || make_root
cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"

# Languages and paths of this machine mean nothing in there.
exec unshare --mount --pid --fork --kill-child bash -euc '
	root=$1 source=$2
	shift 2
	mount --bind "$source" "$root/omendb/source"
	mount -o remount,bind,ro "$root/omendb/source"
	mount --rbind /dev "$root/dev"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/run"
	cd /
	exec chroot "$root" env -u TMPDIR -u LC_ALL LANG=C.UTF-8 HOME=/root \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' bash "$root" "$source" "$@"
