#!/usr/bin/perl
#
# hnsw_standby.t - hnsw: a standby under its primary's writes, and promoted; see IndexTrials.pm.
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

run_standby('hnsw (v vector_l2_ops)', 'hnsw (v vector_cosine_ops)', 'hnsw.ef_search = 1000');
done_testing();
