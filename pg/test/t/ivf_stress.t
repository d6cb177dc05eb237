#!/usr/bin/perl
#
# ivf_stress.t - ivf: writers, vacuum and readers at once; see IndexTrials.pm.
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

run_stress('ivf (v, id)');
done_testing();
