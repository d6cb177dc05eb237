# OmenInstance.pm - driving the real omendb from a test.
#
# SPDX-License-Identifier: Apache-2.0
package OmenInstance;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Select;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(omendb scratch start stop wait_end wait_for postmaster_of sql alive slurp build_dir);

my $build = $ENV{OMENDB_TEST_BUILD} // abs_path(dirname(__FILE__) . '/../../build');
my $binary = $ENV{OMENDB_TEST_BINARY} // "$build/bin/omendb";
my (%started, @reaped);

# Nothing of the caller's may decide what a test sees.
delete $ENV{$_} foreach grep { /^(PG|OMENDB_(?!TEST_))/ } keys %ENV;
$ENV{XDG_CONFIG_HOME} = '/nonexistent';
$ENV{OMENDB_POSTGRES_PREFIX} = $build if $ENV{OMENDB_TEST_BINARY};

sub build_dir { return $build }

# A folder that a system user can enter too.
sub scratch
{
	my $dir = tempdir('omendb-cli.XXXXXX', DIR => '/tmp', CLEANUP => 1);
	chmod 0755, $dir;
	return $dir;
}

# Runs `omendb @args` to its end: (exit code, stdout, stderr).
sub omendb
{
	my (@args) = @_;
	my $dir = tempdir(CLEANUP => 1);
	my $pid = launch("$dir/out", "$dir/err", $binary, @args);
	waitpid $pid, 0;
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return ($code, slurp("$dir/out"), slurp("$dir/err"));
}

sub launch
{
	my ($out, $err, @command) = @_;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $out or die "$out: $!";
		open STDERR, '>', $err or die "$err: $!";
		exec @command or POSIX::_exit(126);
	}
	return $pid;
}

# Starts `serve` and waits for its ready line.  Options: data, args, via (a
# command to run it through).  Without a ready line the result lacks `url`.
sub start
{
	my (%option) = @_;
	my $dir = tempdir(CLEANUP => 1);
	my $self = {
		data => $option{data}, out => "$dir/out", err => "$dir/err",
	};
	$self->{pid} = launch($self->{out}, $self->{err}, @{ $option{via} // [] }, $option{binary} // $binary,
		'serve', '--data', $option{data}, '--pg-port', 0, @{ $option{args} // [] });
	$started{ $self->{pid} } = $self;
	wait_for(sub { ready($self) || ended($self) }, 60);
	return $self;
}

sub ready
{
	my ($self) = @_;
	my ($url, $port) = slurp($self->{out}) =~ /^ready (postgresql:\S+?:(\d+)\/\S+)\n/;
	@$self{qw(url port)} = ($url, $port) if defined $port;
	return defined $port;
}

sub ended
{
	my ($self) = @_;
	return 1 if defined $self->{code};
	return 0 unless waitpid($self->{pid}, WNOHANG) == $self->{pid};
	$self->{code} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	delete $started{ $self->{pid} };
	return 1;
}

# Waits until it ended by itself; its exit code.
sub wait_end
{
	my ($self) = @_;
	wait_for(sub { ended($self) }, 60) or return 'still running';
	return $self->{code};
}

sub stop
{
	my ($self, $signal) = @_;
	kill $signal // 'TERM', $self->{pid};
	return wait_end($self);
}

sub wait_for
{
	my ($condition, $seconds) = @_;
	my $until = time + $seconds;
	while (time < $until)
	{
		return 1 if $condition->();
		sleep 0.05;
	}
	return 0;
}

sub alive { return kill(0, $_[0]) && slurp("/proc/$_[0]/stat") !~ /\) Z / }

sub postmaster_of
{
	my ($data) = @_;
	return slurp("$data/postgres/postmaster.pid") =~ /^(\d+)/ ? $1 : 0;
}

# One statement by `omendb sql`: its answer, or "ERROR ...".
sub sql
{
	my ($data, $statement) = @_;
	my ($code, $out, $err) = omendb('sql', '--data', $data, '-XAtc', $statement);
	chomp $out;
	return $code == 0 ? $out : "ERROR $err";
}

sub slurp
{
	my ($path) = @_;
	open my $file, '<', $path or return '';
	local $/;
	return <$file> // '';
}

# A test that dies leaves nothing running.
END
{
	my $code = $?;
	foreach my $self (values %started)
	{
		kill 'QUIT', $self->{pid};
		waitpid $self->{pid}, 0;
	}
	$? = $code;
}

1;
