#!/usr/bin/perl
#
# ivf_standby.t - ivf: a standby under its primary's writes, and promoted; see IndexTrials.pm.
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

run_standby('ivf (v, id)', 'ivf (v vector_cosine_ops)', 'ivf.probes = 100000');
done_testing();
