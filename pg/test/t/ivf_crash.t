#!/usr/bin/perl
#
# ivf_crash.t - ivf: the server is killed at random moments; see IndexTrials.pm.
#
# RUN_TORTURE=1 does more.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IndexTrials;
use PostgreSQL::Test::Cluster;
use Test::More;

# Lists that were trained on a fraction of today's rows find less until vacuum has trained new ones.
run_crash('ivf (v, id)', 0.7,
	[ 'lists split and merged', [ 'DELETE FROM items WHERE random() < 0.2',
		'INSERT INTO items (v) SELECT new_vector() + array_fill(place, ARRAY[20])::vector FROM (SELECT (random() * 9)::real AS place) p, generate_series(1, 400)',
		'VACUUM items', "SELECT vector_maintain('items_index')" ] ]);
done_testing();
