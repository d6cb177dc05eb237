#!/bin/bash
#
# install_packages.sh - install what a task needs and the machine lacks.
#
#   tools/install_packages.sh GROUP...     the groups are in packages() below
#
# The usual case, nothing missing, must cost next to nothing: it runs before
# every build.  What is missing is named with its reason before anything
# happens, and something is printed at least every second until it is there.
# Only Debian's packages are used; DEPS=no skips the check altogether, for
# machines where these things come from elsewhere.
#
# Installing PostgreSQL would make Debian create and start a cluster called
# "main".  OmenDB needs none, so that is switched off for the moment of the
# installation, and the switch is taken away again afterwards.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
export LC_ALL=C

pg=${PG_VERSION:-15}
terminal=0
progress_format='  %3d s  %s\n'
if [[ -t 1 ]]
then
	terminal=1
	progress_format='\r\033[K  %3d s  %.60s'
fi

# group package reason
packages()
{
	cat <<-EOF
	build gcc the C compiler
	build libc6-dev the C library's headers
	build make runs PostgreSQL's way of building extensions
	build meson sets up the build of everything but the extension
	build ninja-build runs that build
	build pkg-config finds the libraries to link
	build postgresql-$pg the database that OmenDB is made of
	build postgresql-server-dev-$pg headers and makefiles to build its extension
	build libpq-dev the client library of PostgreSQL
	build libinih-dev reads configuration files
	build libcurl4-openssl-dev speaks HTTP with other vector stores
	build libssl-dev checksums, by the library that the two before use anyway
	build libopenblas-serial-dev linear algebra for the built-in embedder
	build liblapacke-dev the same, its C interface
	build wordnet-base 117,659 definitions: the text of the demo
	test libcmocka-dev unit tests in C
	test perl runs the tests and adds them up
	test libipc-run-perl PostgreSQL's own test modules need it
	test python3-venv runs the clients of Python apart from the system's
	examples python3-venv runs the examples apart from the system's Python
	neon gcc-aarch64-linux-gnu builds the ARM kernels
	neon libc6-dev-arm64-cross and their C library
	neon qemu-user runs them here
	clients ruby runs the client of Ruby
	clients ruby-pg PostgreSQL's driver for it
	clients ruby-sequel and an ORM over that
	coverage gcovr adds up line coverage
	fuzz clang-14 compiles the fuzz targets
	fuzz libclang-rt-14-dev the fuzzer and the sanitizers to link
	bench python3-matplotlib draws the plots of bench/run
	debian debootstrap makes a root folder with another release of Debian
	adopt postgresql-$pg-pgvector a database to be adopted
	upgrade postgresql-$pg a server to be upgraded
	EOF
}

groups()
{
	packages | cut -d ' ' -f 1 | uniq | paste -s -d ' '
}

wanted()
{
	local group package reason arch
	arch=$(uname -m)
	while read -r group package reason
	do
		# On ARM the native compiler builds the ARM kernels.
		if [[ $arch == aarch64 && $package =~ ^(gcc-aarch64|libc6-dev-arm64|qemu-user) ]]
		then
			continue
		fi
		if [[ " $* " == *" $group "* ]]
		then
			echo "$package $reason"
		fi
	done < <(packages)
}

fail()
{
	printf 'omendb: %s\n' "$@" >&2
	exit 1
}

# Shows the output of apt-get, read from standard input, as one moving line on
# a terminal or as a line every 0.7 s or so elsewhere, whether apt says anything or
# not.  The percentage and the words come from apt's status lines, which read
# "dlstatus:ITEM:PERCENT:TEXT" and "pmstatus:PACKAGE:PERCENT:TEXT"; the rest
# goes to the log.
show_progress()
{
	local line percent text="starting" now shown=0 start status
	start=$(clock_ms)
	while true
	do
		status=0
		IFS= read -r -t 0.2 line || status=$?
		if ((status == 0))
		then
			percent=${line#*:*:}
			percent=${percent%%[.:]*}
			case $line in
				dlstatus:*) text="downloading $percent%" ;;
				pmstatus:*) text="installing $percent% (${line#*:*:*:})" ;;
				*) printf '%s\n' "$line" >>"$log" ;;
			esac
		elif ((status <= 128))
		then
			break
		fi
		now=$(clock_ms)
		if ((now - shown >= (terminal ? 100 : 700)))
		then
			shown=$now
			printf "$progress_format" $(((now - start) / 1000)) "$text"
		fi
	done
	if ((terminal))
	then
		printf '\r\033[K'
	fi
}

clock_ms()
{
	local now=$EPOCHREALTIME
	now=${now/[.,]/}
	echo "${now%???}"
}

apt()
{
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o APT::Status-Fd=1 \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null 2>&1 | show_progress
}

main()
{
	local -A reason
	local -a names=() missing=()
	local package why

	if [[ ${DEPS:-} == no ]]
	then
		return
	fi
	if (($# == 0))
	then
		fail "which packages?  Name one or more of: $(groups)"
	fi
	while read -r package why
	do
		names+=("$package")
		reason[$package]=$why
	done < <(wanted "$@")
	if ((${#names[@]} == 0))
	then
		fail "no such group of packages: $*.  There are: $(groups)"
	fi
	if ! command -v dpkg-query >/dev/null
	then
		fail "this is not a Debian system, so nothing can be installed here by itself." \
			"Install the counterparts of these Debian packages, then run make with DEPS=no:" \
			"${names[*]}"
	fi

	local -A have=()
	while read -r state package
	do
		if [[ $state == ii* ]]
		then
			have[$package]=1
		fi
	done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${names[@]}" 2>/dev/null || true)
	for package in "${names[@]}"
	do
		if [[ -z ${have[$package]:-} ]]
		then
			missing+=("$package")
		fi
	done
	if ((${#missing[@]} == 0))
	then
		return
	fi

	sudo=
	if ((EUID != 0))
	then
		if ! command -v sudo >/dev/null
		then
			fail "these packages are missing: ${missing[*]}" \
				"Installing them needs root, and there is no sudo.  As root, run:" \
				"  apt-get install --no-install-recommends ${missing[*]}"
		fi
		sudo=sudo
	fi

	echo "Installing from Debian what is missing (${#missing[@]} packages and what they need):"
	for package in "${missing[@]}"
	do
		printf '  %-28s %s\n' "$package" "${reason[$package]}"
	done
	if [[ -n $sudo ]]
	then
		echo "This needs root: sudo may ask for your password."
		sudo -v || fail "sudo said no.  As root, run:" \
			"  apt-get install --no-install-recommends ${missing[*]}"
	fi

	log=$(mktemp "${TMPDIR:-/tmp}/omendb-packages.XXXXXX")
	dropin=
	trap cleanup EXIT
	keep_debian_from_creating_a_cluster "${missing[@]}"

	if ! known_to_apt "${missing[@]}"
	then
		echo "Refreshing the list of packages."
		apt update || fail "apt-get update failed; its output is in $log" "$(tail -n 3 "$log")"
	fi
	if ! apt install --no-install-recommends "${missing[@]}"
	then
		# The usual reason is a list that names versions the mirror has dropped.
		echo "That failed.  Once more, with a fresh list of packages."
		apt update && apt install --no-install-recommends "${missing[@]}" ||
			fail "apt-get install failed; its output is in $log" "$(tail -n 5 "$log")"
	fi
	rm -f "$log"
	echo "Packages installed in $SECONDS s."
}

# One call for all: where apt keeps no cache of its lists, each call reads them.
known_to_apt()
{
	local found
	found=$(apt-cache show --no-all-versions "$@" 2>/dev/null | grep -c '^Package: ') || true
	((found >= $#))
}

keep_debian_from_creating_a_cluster()
{
	if [[ " $* " != *" postgresql-$pg "* ]]
	then
		return
	fi
	# A choice that somebody made already stands.
	if grep -rqs '^[[:space:]]*create_main_cluster' /etc/postgresql-common/createcluster.conf \
		/etc/postgresql-common/createcluster.d
	then
		return
	fi
	dropin=/etc/postgresql-common/createcluster.d/omendb-installing.conf
	$sudo mkdir -p "${dropin%/*}"
	echo "create_main_cluster = false" | $sudo tee "$dropin" >/dev/null
}

cleanup()
{
	if [[ -n $dropin ]]
	then
		$sudo rm -f "$dropin"
	fi
}

main "$@"
