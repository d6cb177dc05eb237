# TestOutput.pm - what one test program's output says: passed, failed, skipped.
#
# A program that says nothing, stops early or exits with an error although
# every line reads "ok" has failed: each of these counts as one failure, with a
# sentence that names it.  So silence never passes for success.
#
# SPDX-License-Identifier: Apache-2.0
package TestOutput;

use strict;
use warnings;

# Returns { passed, failed, skipped, failures => [sentences] }.
#   format   tap, regress (pg_regress and pg_isolation_regress) or exit
#   text     everything the program wrote
#   status   its wait status, as in $?
sub count
{
	my ($format, $text, $status) = @_;
	my $result = { passed => 0, failed => 0, skipped => 0, failures => [] };

	if ($format eq 'tap') { count_tap($result, $text); }
	elsif ($format eq 'regress') { count_regress($result, $text); }
	elsif ($status == 0) { $result->{passed} = 1; }
	else { fail($result, $text =~ /(\S.*)/ ? $1 : 'exit status ' . ($status >> 8)); }

	if ($result->{failed} == 0)
	{
		if ($status & 127) { fail($result, 'died of signal ' . ($status & 127)); }
		elsif ($status != 0) { fail($result, 'exit status ' . ($status >> 8)); }
		elsif ($result->{passed} + $result->{skipped} == 0) { fail($result, 'ran no test'); }
	}
	return $result;
}

sub fail
{
	my ($result, $sentence) = @_;
	$result->{failed}++;
	push @{ $result->{failures} }, $sentence;
}

# Subtests are indented and count through the line that closes them.  cmocka
# prints one plan a group, so plans add up.
sub count_tap
{
	my ($result, $text) = @_;
	my ($planned, $seen, $plans) = (0, 0, 0);

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^1\.\.(\d+)\s*(?:#\s*skip\b\s*(.*))?/i)
		{
			$plans++;
			$planned += $1;
			$result->{skipped}++ if $1 == 0;
		}
		elsif ($line =~ /^(not )?ok\b(.*)/)
		{
			my ($not, $rest) = ($1, $2);
			$seen++;
			if ($rest =~ /#\s*skip/i) { $result->{skipped}++; }
			elsif (!$not || $rest =~ /#\s*todo/i) { $result->{passed}++; }
			else { fail($result, "not ok$rest"); }
		}
		elsif ($line =~ /^Bail out!(.*)/)
		{
			fail($result, "bailed out:$1");
		}
	}
	if ($plans == 0) { fail($result, "no plan: ended early after $seen tests"); }
	elsif ($planned != $seen) { fail($result, "planned $planned tests, ran $seen"); }
}

# Since PostgreSQL 16 it speaks TAP.
sub count_regress
{
	my ($result, $text) = @_;

	return count_tap($result, $text) if $text =~ /^(?:not )?ok\s+\d/m;
	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^(?:test)?\s*(\S+)\s+\.\.\. (ok|FAILED|failed \(ignored\))/)
		{
			if ($2 eq 'ok') { $result->{passed}++; }
			else { fail($result, "$1 differs from what is expected"); }
		}
	}
}

1;
