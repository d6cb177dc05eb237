#!/usr/bin/perl
#
# serve_account.t - goal: omendb serves for root and for an ordinary user, from
# wherever it lies; the database never runs as root; and nobody is given a
# folder that is somebody else's.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;

plan skip_all => 'needs root, to become others' if $> != 0;
my $nobody = getpwnam('nobody');
my $postgres = getpwnam('postgres') // getpwnam('omendb');
plan skip_all => 'needs the users nobody and postgres' unless defined $nobody && defined $postgres;

my ($code, $out, $err);
my $dir = scratch();

sub owner { return (stat $_[0])[4] // 'absent' }

# The users of all processes of a running server.
sub users_of
{
	my ($server) = @_;
	my $postmaster = postmaster_of($server->{data});
	my %users = map { owner("/proc/$_") => 1 } $server->{pid}, $postmaster,
	  split ' ', slurp("/proc/$postmaster/task/$postmaster/children");
	return join ' ', sort keys %users;
}

# A build where everybody may enter, and one that is closed to all but root.
mkdir "$dir/open";
mkdir "$dir/closed", 0700;
foreach my $place ('open', 'closed/clone')
{
	mkdir "$dir/$place";
	system('cp', '-R', '--reflink=auto', (map { build_dir() . "/$_" } qw(bin lib share)), "$dir/$place") == 0 or die;
}
my $open = "$dir/open/bin/omendb";

# -------- root --------

my $server = start(data => "$dir/by-root", binary => $open);
ok($server->{url}, 'root is served') or diag(slurp($server->{err}));
is(users_of($server), $postgres, '... by processes that are not root');
is(owner("$dir/by-root"), $postgres, '... and the folder belongs to their user');
is(sql("$dir/by-root", 'SELECT 1'), 1, '... and root reaches it by sql');
is(stop($server), 0, '... and stops it');

mkdir "$dir/empty", 0755;
$server = start(data => "$dir/empty", binary => $open, args => [ '--postgres-user', 'nobody' ]);
ok($server->{url}, 'an empty folder of root is taken, for the user that --postgres-user names')
  or diag(slurp($server->{err}));
is(users_of($server), $nobody, '... who runs it');
is(stop($server), 0, '... until it stops');
$server = start(data => "$dir/empty", binary => $open);
is(users_of($server), $nobody, 'a folder that exists is served as its owner');
is(stop($server), 0, '... until it stops');
($code, $out, $err) = omendb('serve', '--data', "$dir/empty", '--pg-port', 0, '--postgres-user', 'postgres');
is($code, 1, '... and refused to another user');
like($err, qr/belongs to nobody, and the database runs as postgres/, '... with a sentence');

foreach my $refused ([ 'root', qr/does not run as root/ ], [ 'nosuchuser', qr/no system user "nosuchuser"/ ])
{
	($code, $out, $err) = omendb('serve', '--data', "$dir/none", '--pg-port', 0, '--postgres-user', $refused->[0]);
	is($code, 1, "--postgres-user $refused->[0] is refused");
	like($err, $refused->[1], '... with a sentence');
}
($code, $out, $err) = omendb('serve', '--data', "$dir/closed/data", '--pg-port', 0);
is($code, 1, "a data folder that the database's user cannot reach is refused");
like($err, qr{cannot enter \Q$dir\E/closed \(mode 0700\).*chmod}s, '... naming what is in the way');
ok(!-e "$dir/closed/data", '... before anything is made');
symlink "$dir/by-root", "$dir/link";
mkdir "$dir/target", 0755;
symlink "$dir/target", "$dir/link-to-empty";
($code, $out, $err) = omendb('serve', '--data', "$dir/link-to-empty", '--pg-port', 0);
is($code, 1, 'a link is not given away');
is(owner("$dir/target"), 0, '... nor what it points to');

# -------- root, from a place closed to everybody else --------

my %before = map { $_ => 1 } glob('/var/lib/omendb/postgresql-*');
my $existed = -e '/var/lib/omendb';
$server = start(data => "$dir/from-closed", binary => "$dir/closed/clone/bin/omendb");
ok($server->{url}, 'root is served from a closed place') or diag(slurp($server->{err}));
my ($staged) = grep { !$before{$_} } glob('/var/lib/omendb/postgresql-*');
ok($staged, '... by a copy of the tree that others can reach');
like(readlink("/proc/" . postmaster_of("$dir/from-closed") . "/exe"), qr/^\Q$staged\E/, '... which is what runs');
is(sql("$dir/from-closed", "SELECT '[3]'::vector"), '[3]', '... with the extension');
is(stop($server), 0, '... until it stops');
if ($staged)
{
	# A rebuilt extension must reach the copy, and nothing else be copied again.
	my ($library) = glob("$dir/closed/clone/lib/postgresql/*/lib/omendb_vector.so");
	my ($copied) = glob("$staged/lib/postgresql/*/lib/omendb_vector.so");
	my ($program) = glob("$staged/lib/postgresql/*/bin/postgres");
	my $inode = (stat $program)[1];
	utime 1e9, 1e9, $library;
	$server = start(data => "$dir/from-closed", binary => "$dir/closed/clone/bin/omendb");
	is((stat $copied)[9], 1e9, 'a file that changed is copied again');
	is((stat $program)[1], $inode, '... one that did not is not');
	is(stop($server), 0, '... and it stops');
	system('rm', '-rf', $staged);
	rmdir '/var/lib/omendb' unless $existed;
}

# -------- an ordinary user --------

mkdir "$dir/home";
chown $nobody, -1, "$dir/home";
my @as_nobody = ('setpriv', '--reuid=nobody', '--clear-groups', 'env', "HOME=$dir/home");
$server = start(data => "$dir/home/data", binary => $open, via => \@as_nobody);
ok($server->{url}, 'an ordinary user is served') or diag(slurp($server->{err}));
is(users_of($server), $nobody, '... by processes of that user');
is(stop($server), 0, '... until it stops');
my $refused = `@as_nobody $open serve --data $dir/by-root --pg-port 0 2>&1`;
like($refused, qr/cannot read the data folder .*Permission denied.*Become the user/s, "another's folder is refused");
$refused = `@as_nobody $open serve --data $dir/forbidden --pg-port 0 2>&1`;
like($refused, qr/cannot create \Q$dir\E\/forbidden: Permission denied/, 'a folder that cannot be made is told');
$refused = `@as_nobody $open serve --data $dir/home/x --postgres-user postgres --pg-port 0 2>&1`;
like($refused, qr/only root can become the user "postgres"/, 'becoming another is refused');

done_testing();
