#!/bin/bash
#
# pg_test_server.sh - a throw-away PostgreSQL for one command.
#
#   tools/pg_test_server.sh COMMAND [ARGUMENT...]
#
# Starts a server from build/'s private tree, with the extension "vector"
# created in the database "test", on a Unix socket in a folder of its own; runs
# COMMAND with PGHOST, PGPORT, PGUSER, PGDATABASE and PATH set for it; stops the
# server and removes everything; exits as COMMAND did.  Without COMMAND it is
# psql.  Called by root, the server runs as "postgres", COMMAND as root.
#
#   tools/pg_test_server.sh psql -c "select '[1,2]'::vector <-> '[3,4]'"
#   tools/pg_test_server.sh make -C build/pg installcheck
#
# OMENDB_TEST_CONF may name a file that is appended to postgresql.conf,
# OMENDB_TEST_BUILD another build folder, OMENDB_TEST_PORT another port than 5432,
# for who listens on more than the socket.  Nothing is synced to disk here: never
# use it to test durability.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
build=${OMENDB_TEST_BUILD:-$source/build}
version=${PG_VERSION:-15}
port=${OMENDB_TEST_PORT:-5432}

if [[ ! -x $build/lib/postgresql/$version/bin/postgres ]]
then
	echo "omendb: $build holds no private PostgreSQL yet.  Run: make" >&2
	exit 1
fi

scratch=$(mktemp -d /tmp/omendb-pg.XXXXXX)
chmod 755 "$scratch"
"$source/tools/stage_tests.sh" "$build" "$scratch"
bin=$scratch/prefix/lib/postgresql/$version/bin

as_user=()
if ((EUID == 0))
then
	as_user=(setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql)
fi
stop()
{
	"${as_user[@]}" "$bin/pg_ctl" -D "$scratch/data" -m immediate -w stop >/dev/null 2>&1 || true
	rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$scratch"
if ! "${as_user[@]}" "$bin/initdb" -D data -U test -A trust -E UTF8 --no-locale --no-sync >initdb.log 2>&1
then
	cat initdb.log >&2
	exit 1
fi
cat >>data/postgresql.conf <<EOF
listen_addresses = ''
port = $port
unix_socket_directories = '$scratch'
fsync = off
max_wal_size = 1GB
EOF
if [[ -n ${OMENDB_TEST_CONF:-} ]]
then
	cat "$OMENDB_TEST_CONF" >>data/postgresql.conf
fi
if ! "${as_user[@]}" "$bin/pg_ctl" -D data -l data/server.log -w -t 60 start >/dev/null
then
	cat data/server.log >&2
	exit 1
fi
cd - >/dev/null

export PATH=$bin:$build/bin:$PATH PGHOST=$scratch PGPORT=$port PGUSER=test PGDATABASE=test
unset PGDATA PGSERVICE PGPASSWORD
createdb test
if [[ -f $scratch/prefix/share/postgresql/$version/extension/vector.control ]]
then
	psql -qXc 'create extension vector'
fi

status=0
if (($# == 0))
then
	psql || status=$?
else
	"$@" || status=$?
fi
if ((status != 0)) && [[ -n ${OMENDB_TEST_LOG:-} ]]
then
	cp "$scratch/data/server.log" "$OMENDB_TEST_LOG"
fi
exit $status
