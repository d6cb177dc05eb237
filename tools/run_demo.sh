#!/bin/bash
#
# run_demo.sh - what `make run` does once everything is built.
#
#   tools/run_demo.sh BUILD_DIR
#
# Starts `omendb serve` on a local data folder, lets `omendb demo` load its text
# and answer its questions there, and keeps serving until Ctrl-C.
#
# Environment:
#   ONCE=1    stop after the answers; the exit status is then the demo's
#   DATA=DIR  the data folder: data/ beside this tree, or for root, whose
#             folders the database's user may not read, /var/lib/omendb/demo
#   PORT=N    the port: 54330, or a free one when that is taken
#
# A data folder that is already being served is used as it is, and its server is
# left running.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

build=${1:?usage: run_demo.sh BUILD_DIR}
source=$(cd "$(dirname "$0")/.." && pwd)
omendb=$build/bin/omendb
data=${DATA:-$source/data}
if ((EUID == 0)) && [[ -z ${DATA:-} ]]
then
	data=/var/lib/omendb/demo
fi

server=
scratch=$(mktemp -d "${TMPDIR:-/tmp}/omendb-run.XXXXXX")
# Nothing here may fail: the terminal, or who reads the pipe, can be gone.
stop()
{
	trap '' HUP INT TERM PIPE
	rm -rf "$scratch"
	if [[ -n $server ]] && kill -TERM "$server" 2>/dev/null
	then
		echo "Stopping OmenDB." 2>/dev/null || true
		wait "$server" || true
	fi
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

taken()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

port=${PORT:-54330}
if [[ -z ${PORT:-} ]] && taken "$port"
then
	port=0
fi

if [[ -d $data ]] && "$omendb" status --data "$data" >/dev/null 2>&1
then
	echo "OmenDB already runs on $data; this uses it as it is."
else
	# The server says "ready" and where on standard output, all else on
	# standard error, which the reader sees.
	mkfifo "$scratch/ready"
	"$omendb" serve --data "$data" --pg-port "$port" >"$scratch/ready" &
	server=$!
	exec {ready}<"$scratch/ready"
	if ! read -r line <&"$ready" || [[ $line != ready\ * ]]
	then
		wait "$server" || true
		server=
		echo "omendb: the server did not start; it says why above." \
			"With make run, DATA=DIR and PORT=N name another folder and port." >&2
		exit 1
	fi
	url=${line#ready }
	echo "OmenDB runs at $url"
fi

status=0
"$omendb" demo --data "$data" || status=$?
if ((status != 0))
then
	exit "$status"
fi
if [[ -n ${ONCE:-} && -n $server ]]
then
	echo
	echo "These need a running OmenDB, and ONCE=1 ends here: \`make run\` keeps it running."
elif [[ -n $server ]]
then
	echo
	echo "OmenDB goes on serving; Ctrl-C stops it, and \`make run\` finds its data again."
	wait "$server"
	server=
fi
