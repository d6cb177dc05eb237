#!/bin/bash
#
# stage_tests.sh - lay out what tests need where the database's user can read it.
#
#   tools/stage_tests.sh BUILD_DIR SCRATCH_DIR
#
# Afterwards SCRATCH_DIR/prefix is the build (bin, lib, share, include) and
# SCRATCH_DIR/source the source tree.  PostgreSQL refuses to run as root, and a
# clone under /root cannot be read by anybody else; so for root both are copies
# that belong to the user "postgres", which every Debian package of PostgreSQL
# brings.  For everybody else they are links.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: stage_tests.sh BUILD_DIR SCRATCH_DIR}
scratch=${2:?usage: stage_tests.sh BUILD_DIR SCRATCH_DIR}
source=$(cd "$(dirname "$0")/.." && pwd)

if ((EUID != 0))
then
	ln -s "$build" "$scratch/prefix"
	ln -s "$source" "$scratch/source"
	exit 0
fi
if ! getent passwd postgres >/dev/null
then
	echo "omendb: tests of the database run as the user \"postgres\", and there is none here." >&2
	exit 1
fi

mkdir "$scratch/prefix" "$scratch/source"
for part in bin lib share include
do
	cp -R --preserve=mode,timestamps,links --reflink=auto "$build/$part" "$scratch/prefix/$part"
done
for part in pg tests tools server cli docs
do
	if [[ -d $source/$part ]]
	then
		cp -R --preserve=mode,timestamps,links "$source/$part" "$scratch/source/$part"
	fi
done
chown -R postgres: "$scratch"
