#!/usr/bin/perl
#
# hnsw_damage.t - hnsw: damaged pages; see IndexTrials.pm.
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

use constant { NODE => 9, UPPER => 10, ROWS => 11 };

sub itself { $_[0] }
sub a_node_page { $_[1]{ +NODE }[0] }

# The first chunk of rows on that page, which then leads to itself.
sub first_of_page { $_[0] * int((TRAILER - BODY) / 96) }

run_damage('hnsw (v vector_l2_ops)',
	[ META, BODY + 8, 41 ],						# of more dimensions than the column, in as many bytes
	[ META, BODY + 12, 2 ],						# of another metric than the operator class
	[ META, BODY + 48, 0xFFFFFFFE ],			# the entry
	[ META, BODY + 48, 7 ],
	[ META, BODY + 56, \&itself ],				# first node page with room
	[ META, BODY + 56, 0xFFFFFFFE ],
	[ META, BODY + 64, \&a_node_page ],			# first page of rows with room: the insert holds that very page
	[ NODE, BODY + 12, 0xFFFFFFF0 ],			# a node's further rows
	[ NODE, BODY + 12, 3 ],
	[ NODE, BODY + 2, 0xFFFFFFFF ],				# more links than fit, and a row pointer past the table
	[ NODE, BODY + 20, 0xFFFFFFF0 ],			# a link past the index
	[ NODE, TRAILER + 4, \&itself ],			# the chain of pages with room becomes a circle
	[ NODE, TRAILER + 12, 65535 ],				# more nodes than fit
	[ UPPER, BODY + 12, 0xFFFFFFF0 ],
	[ ROWS, BODY + 4, \&first_of_page ],		# a node's rows run in a circle
	[ ROWS, BODY + 8, 65535 ]);
done_testing();
