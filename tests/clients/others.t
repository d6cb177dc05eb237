#!/bin/bash
#
# others.t - the clients whose installation takes longer; for make test-clients.
#
# SPDX-License-Identifier: Apache-2.0
if [[ -z ${RUN_CLIENTS:-} ]]
then
	echo "1..0 # skip make test-clients runs LlamaIndex, Haystack, Chroma, Qdrant, Node, Go, Rust, Java and Ruby"
	exit
fi
exec "$(dirname "$0")/run" llamaindex haystack chroma qdrant node go rust java ruby
