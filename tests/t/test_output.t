#!/usr/bin/perl
#
# test_output.t - the counting of results must not take silence for success.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use lib ($ENV{OMENDB_TEST_SOURCE} // dirname(__FILE__) . '/../..') . '/tests';
use Test::More;
use TestOutput;

my $exit_1 = 1 << 8;

foreach my $case (
	# name, format, text, wait status, passed failed skipped
	[ 'all passed', 'tap', "1..2\nok 1 - a\nok 2 - b\n", 0, '2 0 0' ],
	[ 'one failed', 'tap', "1..2\nok 1 - a\nnot ok 2 - b\n", $exit_1, '1 1 0' ],
	[ 'skipped', 'tap', "1..2\nok 1 - a\nok 2 - b # SKIP no such processor\n", 0, '1 0 1' ],
	[ 'all skipped', 'tap', "1..0 # SKIP not here\n", 0, '0 0 1' ],
	[ 'known failure', 'tap', "1..1\nnot ok 1 - a # TODO later\n", 0, '1 0 0' ],
	[ 'subtests count once', 'tap', "    ok 1 - x\n    not ok 2 - y # TODO z\n    1..2\nok 1 - a\n1..1\n", 0, '1 0 0' ],
	[ 'two groups of cmocka', 'tap', "1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n", 0, '3 0 0' ],
	[ 'silence', 'tap', '', 0, '0 1 0' ],
	[ 'ended early', 'tap', "1..3\nok 1 - a\n", 0, '1 1 0' ],
	[ 'plan never came', 'tap', "ok 1 - a\n", 0, '1 1 0' ],
	[ 'bailed out', 'tap', "1..1\nok 1 - a\nBail out!  no server\n", 0, '1 1 0' ],
	[ 'good lines, bad exit', 'tap', "1..1\nok 1 - a\n", $exit_1, '1 1 0' ],
	[ 'crashed at the end', 'tap', "1..1\nok 1 - a\n", 11, '1 1 0' ],
	[ 'regress', 'regress', "test vector                       ... ok           12 ms\n"
		  . "     halfvec                      ... FAILED       40 ms\n", $exit_1, '1 1 0' ],
	[ 'regress since 16', 'regress', "ok 1         - vector                                    12 ms\n"
		  . "not ok 2     - halfvec                                   40 ms\n1..2\n# 1 of 2 tests failed.\n", $exit_1, '1 1 0' ],
	[ 'regress since 16, cut off', 'regress', "ok 1         - vector                                    12 ms\n", 9, '1 1 0' ],
	[ 'regress found nothing', 'regress', "initdb: error\n", $exit_1, '0 1 0' ],
	[ 'regress ran nothing', 'regress', "All 0 tests passed.\n", 0, '0 1 0' ],
	[ 'exit status alone', 'exit', '', 0, '1 0 0' ],
	[ 'exit status alone, bad', 'exit', '', $exit_1, '0 1 0' ])
{
	my ($name, $format, $text, $status, $expected) = @$case;
	my $result = TestOutput::count($format, $text, $status);
	is("$result->{passed} $result->{failed} $result->{skipped}", $expected, $name);
}

done_testing();
