#!/usr/bin/perl
#
# hnsw_crash.t - hnsw: the server is killed at random moments; see IndexTrials.pm.
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

run_crash('hnsw (v vector_l2_ops)', 0.85);
done_testing();
