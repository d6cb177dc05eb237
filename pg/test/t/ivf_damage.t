#!/usr/bin/perl
#
# ivf_damage.t - ivf: damaged pages; see IndexTrials.pm.
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

use constant { DIRECTORY => 3, TAIL => 5, ROW => 6 };

sub itself { $_[0] }
sub a_row_page { $_[1]{ +ROW }[0] }

run_damage('ivf (v vector_l2_ops)',
	[ DIRECTORY, BODY + 4, \&a_row_page ],		# a list's last tail page: the insert holds that very page
	[ DIRECTORY, BODY, \&a_row_page ],
	[ DIRECTORY, BODY + 4, \&itself ],
	[ DIRECTORY, BODY + 4, 0xFFFFFFFE ],
	[ META, BODY + 4 * 13, \&itself ],			# first row page with room
	[ META, BODY + 4 * 13, 0xFFFFFFFE ],
	[ TAIL, TRAILER + 4, \&itself ],			# the chain becomes a circle
	[ TAIL, TRAILER + 12, 65535 ],				# more postings than fit
	[ ROW, TRAILER + 12, 65535 ],
	[ ROW, BODY, 0xFFFFFFFF ]);					# a row pointer past the table
done_testing();
