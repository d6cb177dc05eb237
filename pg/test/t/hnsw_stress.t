#!/usr/bin/perl
#
# hnsw_stress.t - hnsw: writers, vacuum and readers at once; see IndexTrials.pm.
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

run_stress('hnsw (v vector_l2_ops)');
done_testing();
