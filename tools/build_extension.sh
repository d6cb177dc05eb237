#!/bin/bash
#
# build_extension.sh - runs pg/Makefile outside the source tree.
#
#   tools/build_extension.sh OBJECT_DIR CORE_ARCHIVE PG_CONFIG [TARGET] [VARIABLE=VALUE...]
#
# PGXS builds where its Makefile lies.  So that the same sources can be built
# in several ways at once (plain, with coverage), and nothing is written among
# them, OBJECT_DIR becomes a folder of links to the files of pg/, with a link
# to core/ beside it for the headers.
#
# PGXS shows whole compiler command lines; here each becomes "CC pg/type/x.c".
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

objects=${1:?usage: build_extension.sh OBJECT_DIR CORE_ARCHIVE PG_CONFIG [TARGET] [VARIABLE=VALUE...]}
archive=$2
pg_config=$3
target=${4:-all}
shift $(($# < 4 ? $# : 4))
source=$(cd "$(dirname "$0")/.." && pwd)

if [[ ! -f $source/pg/Makefile ]]
then
	exit 0
fi

mkdir -p "$objects"
cp -R --symbolic-link --no-clobber "$source/pg/." "$objects"
find "$objects" -xtype l -delete	# files that have left pg/ since
ln -sfn "$source/core" "$objects/../core"

# What somebody built by hand inside pg/ is not ours to link.
find "$objects" -type l \( -name '*.o' -o -name '*.so' -o -name '*.d' -o -name '*.bc' \) -delete

# Variables given to an outer make (DESTDIR, PREFIX) are not meant for this one.
env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u DESTDIR \
	make -C "$objects" -j "${JOBS:-$(nproc)}" --no-print-directory \
	PG_CONFIG="$pg_config" CORE_LIB="$archive" "$target" "$@" |
	sed -u -E \
		-e '/^make(\[[0-9]+\])?: /d' \
		-e '/^(\/bin\/mkdir|mkdir|rm -f|touch|cat) /d' \
		-e '/^\/usr\/bin\/install/d' \
		-e 's|^gcc .* -c -o [^ ]+ ([^ ]+\.c).*|  CC pg/\1|' \
		-e 's|^gcc .* -c ([^ ]+\.c) -o .*|  CC pg/\1|' \
		-e 's|^gcc .* -shared .*-o ([^ ]+) .*|  LD pg/\1|' \
		-e 's|^gcc .* -shared .*|  LD pg|'
