#!/bin/bash
#
# examples.t - goal: each example runs with its one command and answers sensibly.
#
# What it should find is known from how its data was made, or from what the
# documentation and the code say.
#
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
unreachable=$(<"$here/../tests/clients/unreachable")
count=0

check()
{
	((count++))
	if grep -qE "$2" "$output"
	then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' "$output"
	fi
}

example()
{
	output=${TESTDIR:-/tmp}/$1.out
	"$here/run" "$@" >"$output" 2>&1
	local status=$?
	if ((status != 0 && count == 0)) && reason=$(grep -m 1 -iE "$unreachable" "$output")
	then
		echo "1..0 # skip a package registry is out of reach: ${reason:0:200}"
		exit
	fi
	echo "exit status $status" >>"$output"
	check "$1: runs" '^exit status 0$'
}

example products
check "products: warm and dry, for mountains, not above the price" '^ +(1[01][0-9]|120|[0-9]{2})\.[0-9]{2} .* mountain jacket, (waterproof|warm)'
check "products: only headphones where only those were wanted" 'headphones, .*quiet'
example recommendations
read -r ours popular < <(sed -nE 's/.*among ten: ([0-9]+)% .* alone ([0-9]+)%.*/\1 \2/p' "$output")
echo "better $((${ours:-0} > ${popular:-100} + 5))" >>"$output"
check "recommendations: better than what is popular" '^better 1$'
example code_search
check "code_search: Hamming distance" '(hamming|bits)\w* +core/'
check "code_search: with a word" '_avx512\.c:[0-9]+$'
example rag
check "rag: dimensions" '^A: .*16,000'
check "rag: the way back" 'upgrades\.md'
echo "1..$count"
